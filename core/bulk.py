"""Rows by the thousand: COPY on PostgreSQL, Django's own ways elsewhere. The apps' `bulk` modules call this."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.db.models.lookups import Lookup
from psycopg import ClientCursor
from psycopg.types.json import Jsonb

Row = tuple[Any, ...]
CHANGES = "bulk_changes"  # a temporary table: each connection has its own


def take_ids(model: type[models.Model], count: int) -> Sequence[int]:
    """Take `count` ids that no other row will get, ascending. Call this in the transaction that inserts the rows: only
    PostgreSQL has a sequence to take them from."""
    if connection.vendor == "postgresql":
        return _from_the_sequence(model, count)
    last = model._default_manager.order_by("-pk").values_list("pk", flat=True).first() or 0
    return range(last + 1, last + 1 + count)


@models.Field.register_lookup
@models.ForeignObject.register_lookup
class AnyOf(Lookup):
    """`…__any_of=values`: `…__in` for many values, which PostgreSQL gets as one array. It looks each up by an index,
    however little it knows of the table; a list of parameters is parsed one by one, and a subquery joined by guess."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, parameters = self.process_lhs(compiler, connection)
        return f"{lhs} = ANY(%s::{_type(self.lhs.output_field)}[])", [*parameters, self._values()]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        values = self._values()
        if not values:
            raise EmptyResultSet
        lhs, parameters = self.process_lhs(compiler, connection)
        field = self.lhs.output_field
        prepared = [field.get_db_prep_value(value, connection, prepared=True) for value in values]
        return f"{lhs} IN ({', '.join(['%s'] * len(values))})", (*parameters, *prepared)

    def _values(self) -> list[Any]:
        return [self.lhs.output_field.get_prep_value(value) for value in self.rhs]


def insert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert `rows`, whose values stand in the order of `columns` (attribute names); the others get their defaults."""
    if connection.vendor == "postgresql":
        _copy_with_defaults(model, columns, rows)
    else:
        model._default_manager.bulk_create(model(**dict(zip(columns, row, strict=True))) for row in rows)


def update(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write `rows`, whose first value is the id, in the caller's transaction; `columns[0]` is "id"."""
    if connection.vendor == "postgresql":
        _copy_and_join(model, columns, rows)
        return
    for pk, *values in rows:
        model._default_manager.filter(pk=pk).update(**dict(zip(columns[1:], values, strict=True)))


@contextmanager
def indexes_built_last(*chosen: type[models.Model]) -> Iterator[None]:
    """Build the indexes of these tables after the block, all but those that keep something unique: to sort once is much
    less work than to look for the place of each row. Who is killed meanwhile leaves slow tables, never wrong ones."""
    definitions = _plain_indexes(chosen) if connection.vendor == "postgresql" else {}
    _execute(f"DROP INDEX {name}" for name in definitions)
    try:
        yield
    finally:
        _execute(definitions.values())


def copied_out(queryset: "models.QuerySet[Any, Any]") -> Iterator[bytes]:
    """The rows of a `values_list` as lines of CSV, written by PostgreSQL, which may sort all of them before the first
    one comes. Only there."""
    sql, values = queryset.query.sql_with_params()
    with transaction.atomic(), connection.cursor() as cursor:
        statement = ClientCursor(connection.connection).mogrify(sql, values)
        with cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)") as copy:
            yield from map(bytes, copy)


def iso(column: str) -> models.Func:
    """An instant as `csv.iso` writes it, for `copied_out`."""
    return models.Func(
        column,
        template="""to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')""",
        output_field=models.CharField(),
    )


def refresh_statistics(*chosen: type[models.Model]) -> None:
    """Let the database look at tables that grew by much at once, so that it plans by what is there."""
    _execute(f"ANALYZE {_table(model)}" for model in chosen)


def _plain_indexes(chosen: Iterable[type[models.Model]]) -> dict[str, str]:
    """What makes each index again, by its name."""
    sql = (
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE NOT indisunique AND indrelid = ANY(%s::regclass[])"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [[_table(model) for model in chosen]])
        return dict(cursor.fetchall())


def _execute(statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _from_the_sequence(model: type[models.Model], count: int) -> list[int]:
    with connection.cursor() as cursor:
        sql = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
        cursor.execute(sql, [_table(model), count])
        return [pk for (pk,) in cursor.fetchall()]


def _copy_with_defaults(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    others = {field.attname: field for field in model._meta.concrete_fields if field.attname not in columns}
    defaults = {name: field.get_default() for name, field in others.items() if not field.primary_key}
    same = tuple(defaults.values())
    _copy(model, _table(model), [*columns, *defaults], (row + same for row in rows))


def _copy_and_join(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    names = _names(model, columns)
    empty = f"SELECT {', '.join(names)} FROM {_table(model)} WITH NO DATA"  # noqa: S608  Django's own names, quoted
    changes = ", ".join(f"{name} = new.{name}" for name in names[1:])
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {CHANGES} ON COMMIT DROP AS {empty}")
        _copy(model, CHANGES, columns, rows)
        # the names are Django's own, quoted
        cursor.execute(f"UPDATE {_table(model)} old SET {changes} FROM {CHANGES} new WHERE old.id = new.id")  # noqa: S608


def _copy(model: type[models.Model], table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    types = {field.attname: _type(field) for field in model._meta.concrete_fields}
    into = f"{table} ({', '.join(_names(model, columns))})"
    documents = [place for place, name in enumerate(columns) if types[name] == "jsonb"]
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN (FORMAT binary)") as copy:
        copy.set_types([types[name] for name in columns])
        for row in rows:
            copy.write_row(_with_documents(row, documents) if documents else row)


def _with_documents(row: Row, places: Sequence[int]) -> Row:
    """The row with what goes into columns of JSON marked as such."""
    values = list(row)
    for place in places:
        values[place] = Jsonb(values[place], dumps=_dumps)
    return tuple(values)


def _dumps(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder)


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _names(model: type[models.Model], columns: Sequence[str]) -> list[str]:
    names = {field.attname: str(field.column) for field in model._meta.concrete_fields}
    return [connection.ops.quote_name(names[name]) for name in columns]


def _type(field: "models.Field[Any, Any]") -> str:
    """PostgreSQL's name of the column's type, without a length."""
    return (field.db_type(connection) or "").partition("(")[0]
