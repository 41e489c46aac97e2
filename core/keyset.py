"""Keyset pages: as fast at the millionth row as at the first, and steady while rows come and go."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.http import QueryDict

from core import patience
from core.counting import Counted, count

M = TypeVar("M", bound=Model)
PAGE_SIZE = 50
FIRST_CHUNK, CHUNK = 500, 5_000


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows, how many there are in all, and the cursors of the pages beside this one."""

    rows: list[M]
    sort: str
    counted: Counted
    after: str | None
    before: str | None

    @property
    def count(self) -> int:
        return self.counted.number


@dataclass(frozen=True, slots=True)
class _Order:
    """Rows by a column, and by their primary key where it is the same. Empty values stand last, and first when
    descending: each order is exactly the other backwards."""

    column: str
    descending: bool

    def reversed(self) -> "_Order":
        return _Order(self.column, not self.descending)

    def terms(self) -> list[OrderBy]:
        """Without a word about empty values: those are asked for by themselves, so that an index has every order."""
        terms = [F(self.column), F("pk")] if self.column not in ("id", "pk") else [F("pk")]
        return [each.desc() if self.descending else each.asc() for each in terms]

    def parts(self, queryset: QuerySet[M]) -> "list[QuerySet[M]]":
        """The rows with a value and those without, in the order in which they stand."""
        field = queryset.model._meta.get_field("id" if self.column == "pk" else self.column)
        if not field.null:
            return [queryset.order_by(*self.terms())]
        name = f"{self.column}__isnull"
        filled, empty = (queryset.filter(**{name: is_empty}).order_by(*self.terms()) for is_empty in (False, True))
        return [empty, filled] if self.descending else [filled, empty]

    def beyond(self, queryset: QuerySet[M], value: Any, pk: int) -> "list[QuerySet[M]]":
        """The parts that stand behind the row with `value` and `pk`."""
        parts = self.parts(queryset)
        if len(parts) > 1 and (value is None) != self.descending:
            parts = parts[1:]  # that row stands in the second
        return [_behind(parts[0], self, value, pk), *parts[1:]]


def paginate(
    queryset: QuerySet[M], query: QueryDict, *, sorts: Mapping[str, str], default: str, size: int = PAGE_SIZE
) -> Page[M]:
    """Read `sort`, `after` and `before` from `query`. `sorts` maps the names in URLs to columns of the model. Raises
    `TooSlow` where the rows are not found in time."""
    sort = _sort(query, sorts, default)
    order = _Order(sorts[sort.removeprefix("-")], sort.startswith("-"))
    with patience.at_most(patience.LIMIT):
        rows, after, before = _window(queryset, query, order=order, size=size)
    is_whole = not query.get("after") and after is None and before is None
    return Page(rows, sort, Counted(len(rows)) if is_whole else count(queryset), after, before)


def window(
    queryset: QuerySet[M], cursor: str, *, sorts: Mapping[str, str], sort: str, size: int
) -> tuple[list[M], str | None]:
    """The rows behind `cursor` (empty for the first) without counting all, and the cursor of those behind them; raises
    ValueError for what is no cursor. `sort` is a name of `sorts`, with a `-` before it to descend."""
    order = _Order(sorts[sort.removeprefix("-")], sort.startswith("-"))
    if cursor and _decode(cursor, queryset, order) is None:
        raise ValueError("no cursor of this list")
    query = QueryDict(mutable=True)
    query["after"] = cursor
    rows, after, _ = _window(queryset, query, order=order, size=size)
    return rows, after


def chunks(
    queryset: QuerySet[M],
    query: QueryDict,
    *,
    columns: Sequence[str],
    sorts: Mapping[str, str],
    default: str,
    size: int = CHUNK,
) -> Iterator[list[tuple[Any, ...]]]:
    """The whole of `queryset` in the order that the page shows, as tuples of `columns`, for exports: chunk by chunk
    behind the last row, so that neither side keeps all. The first chunk is small and comes at once."""
    sort = _sort(query, sorts, default)
    order = _Order(sorts[sort.removeprefix("-")], sort.startswith("-"))
    for part in order.parts(queryset):
        yield from _chunks_of(part, order, columns, size)


def exported(
    queryset: QuerySet[M], query: QueryDict, *, columns: Sequence[str], sorts: Mapping[str, str], default: str
) -> "Iterator[tuple[list[tuple[Any, ...]], QuerySet[M] | None]]":
    """The same for `csv.of_list`: on PostgreSQL, of each part the first rows and all that stand behind them, which it
    writes by itself."""
    if connection.vendor != "postgresql":
        yield from ((rows, None) for rows in chunks(queryset, query, columns=columns, sorts=sorts, default=default))
        return
    sort = _sort(query, sorts, default)
    order = _Order(sorts[sort.removeprefix("-")], sort.startswith("-"))
    for part in order.parts(queryset):
        with patience.at_most(patience.LIMIT):
            rows = list(part.values_list(*columns, order.column, "pk")[:FIRST_CHUNK])
        rest = _behind(part, order, *rows[-1][-2:]) if len(rows) == FIRST_CHUNK else None
        yield [row[:-2] for row in rows], rest


def _chunks_of(part: QuerySet[M], order: _Order, columns: Sequence[str], size: int) -> Iterator[list[tuple[Any, ...]]]:
    names, wanted, behind = (*columns, order.column, "pk"), FIRST_CHUNK, part
    while True:
        with patience.at_most(patience.LIMIT if wanted == FIRST_CHUNK else patience.LONG):
            rows = list(behind.values_list(*names)[:wanted])
        yield [row[:-2] for row in rows]
        if len(rows) < wanted:
            return
        *_, value, pk = rows[-1]
        behind, wanted = _behind(part, order, value, pk), size


def _behind(part: QuerySet[M], order: _Order, value: Any, pk: int) -> QuerySet[M]:
    step = "lt" if order.descending else "gt"
    if value is None or order.column in ("id", "pk"):
        return part.filter(**{f"pk__{step}": pk})
    behind = TupleLessThan if order.descending else TupleGreaterThan
    return part.filter(behind(Tuple(F(order.column), F("pk")), (value, pk)))


def sorted_as(queryset: QuerySet[M], query: QueryDict, *, sorts: Mapping[str, str], default: str) -> QuerySet[M]:
    """The whole of `queryset` in the order that the page shows, in one query: for lists that are not long."""
    sort = _sort(query, sorts, default)
    column, descending = sorts[sort.removeprefix("-")], sort.startswith("-")
    if descending:
        return queryset.order_by(F(column).desc(nulls_first=True), F("pk").desc())
    return queryset.order_by(F(column).asc(nulls_last=True), F("pk").asc())


def _sort(query: QueryDict, sorts: Mapping[str, str], default: str) -> str:
    sort = query.get("sort", default)
    return sort if sort.removeprefix("-") in sorts else default


def _window(
    queryset: QuerySet[M], query: QueryDict, *, order: _Order, size: int
) -> tuple[list[M], str | None, str | None]:
    before = _decode(query.get("before", ""), queryset, order)
    if before is not None:
        back = order.reversed()
        rows = _first(back.beyond(queryset, *before), size + 1)
        if rows:
            shown = rows[:size][::-1]
            return shown, _encode(shown[-1], order), _encode(shown[0], order) if len(rows) > size else None
    after = _decode(query.get("after", ""), queryset, order)
    rows = _first(order.beyond(queryset, *after) if after is not None else order.parts(queryset), size + 1)
    shown = rows[:size]
    return (
        shown,
        _encode(shown[-1], order) if len(rows) > size else None,
        _encode(shown[0], order) if after is not None and shown else None,
    )


def _first(parts: "list[QuerySet[M]]", wanted: int) -> list[M]:
    """So many rows of the parts, one after the other; the second is asked only where the first has too few."""
    rows: list[M] = []
    for part in parts:
        if len(rows) < wanted:
            rows += part[: wanted - len(rows)]
    return rows


def _encode(row: Model, order: _Order) -> str:
    value = getattr(row, order.column)
    text = "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)
    return f"{text}~{row.pk}"


def _decode(cursor: str, queryset: QuerySet[M], order: _Order) -> tuple[Any, int] | None:
    """None for what is no cursor: the first page is then the answer."""
    text, separator, pk = cursor.rpartition("~")
    if not separator or not text.isprintable() or not (pk.isascii() and pk.isdecimal()) or len(pk) > 18:
        return None
    try:
        field = queryset.model._meta.get_field(order.column)
        return (field.to_python(text) if text else None), int(pk)  # type: ignore[union-attr]  # a column, no relation
    except (ValidationError, ValueError, OverflowError):
        return None
