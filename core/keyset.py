"""Keyset pages: as fast at the millionth row as at the first, and steady while rows come and go."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.http import QueryDict

M = TypeVar("M", bound=Model)
PAGE_SIZE = 50
COUNT_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows, how many there are in all (up to a limit), and the cursors of the pages beside this one."""

    rows: list[M]
    sort: str
    count: int
    is_capped: bool  # there are more than `count`
    after: str | None
    before: str | None


@dataclass(frozen=True, slots=True)
class _Order:
    column: str
    descending: bool

    def reversed(self) -> "_Order":
        return _Order(self.column, not self.descending)

    def terms(self) -> list[OrderBy]:
        """Empty values stand last, and first when descending: each order is exactly the other backwards."""
        if self.descending:
            return [F(self.column).desc(nulls_first=True), F("pk").desc()]
        return [F(self.column).asc(nulls_last=True), F("pk").asc()]

    def beyond(self, value: Any, pk: int) -> Q:
        """The rows that stand behind the one with `value` and `pk`."""
        step = "lt" if self.descending else "gt"
        same = Q(**{self.column: value}) if value is not None else Q(**{f"{self.column}__isnull": True})
        behind = same & Q(**{f"pk__{step}": pk})
        if value is not None:
            behind |= Q(**{f"{self.column}__{step}": value})
        if (value is None) == self.descending:
            behind |= Q(**{f"{self.column}__isnull": not self.descending})
        return behind


def paginate(
    queryset: QuerySet[M], query: QueryDict, *, sorts: Mapping[str, str], default: str, size: int = PAGE_SIZE
) -> Page[M]:
    """Read `sort`, `after` and `before` from `query`. `sorts` maps the names in URLs to columns of the model."""
    sort = query.get("sort", default)
    if sort.removeprefix("-") not in sorts:
        sort = default
    order = _Order(sorts[sort.removeprefix("-")], sort.startswith("-"))
    rows, after, before = _window(queryset, query, order=order, size=size)
    count = queryset.order_by()[: COUNT_LIMIT + 1].count()
    return Page(rows, sort, min(count, COUNT_LIMIT), count > COUNT_LIMIT, after, before)


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


def sorted_as(queryset: QuerySet[M], query: QueryDict, *, sorts: Mapping[str, str], default: str) -> QuerySet[M]:
    """The whole of `queryset` in the order that the page shows: for exports."""
    sort = query.get("sort", default)
    if sort.removeprefix("-") not in sorts:
        sort = default
    return queryset.order_by(*_Order(sorts[sort.removeprefix("-")], sort.startswith("-")).terms())


def _window(
    queryset: QuerySet[M], query: QueryDict, *, order: _Order, size: int
) -> tuple[list[M], str | None, str | None]:
    before = _decode(query.get("before", ""), queryset, order)
    if before is not None:
        rows = list(queryset.filter(order.reversed().beyond(*before)).order_by(*order.reversed().terms())[: size + 1])
        if rows:
            shown = rows[:size][::-1]
            return shown, _encode(shown[-1], order), _encode(shown[0], order) if len(rows) > size else None
    after = _decode(query.get("after", ""), queryset, order)
    behind = queryset.filter(order.beyond(*after)) if after is not None else queryset
    rows = list(behind.order_by(*order.terms())[: size + 1])
    shown = rows[:size]
    return (
        shown,
        _encode(shown[-1], order) if len(rows) > size else None,
        _encode(shown[0], order) if after is not None and shown else None,
    )


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
