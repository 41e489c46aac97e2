"""What Django has no words for: rows made out of rows by one statement, which never come here; and what only
PostgreSQL has."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from django.db import connection, models
from django.db.models import BooleanField, DateTimeField, Func, QuerySet

NOTHING = "ON CONFLICT DO NOTHING"
LOOKING, MAILING = 0x616C6501, 0x616C6502  # advisory locks: the look for what ends, and the writing of its mails


def insert_from(model: type[models.Model], columns: Sequence[str], rows: "QuerySet[Any, Any]", conflict: str) -> int:
    """Insert what `rows` selects, in the order of `columns` (attribute names), and return how many rows it made or
    changed."""
    select, values = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        # names and statement are Django's own, the values are parameters
        cursor.execute(f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) {select} {conflict}", values)
        return int(cursor.rowcount)


def one_at_a_time(work: int) -> None:
    """Wait for another that does this work to commit. On SQLite there is one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [work])


class ShareBefore(Func):
    """The instant at which a share of a life remains: `ShareBefore(start, end, share=…)`."""

    output_field = DateTimeField()

    def __init__(self, start: Any, end: Any, *, share: Fraction) -> None:
        super().__init__(start, end)
        self.share = share

    def as_sql(self, compiler: Any, connection: Any) -> Any:  # type: ignore[override]  # no function, no template
        start, first = compiler.compile(self.source_expressions[0])
        end, last = compiler.compile(self.source_expressions[1])
        over, under = self.share.numerator, self.share.denominator
        if connection.vendor == "postgresql":
            sql = f"({end} - ({end} - {start}) * {over} / {under})"
        else:  # as Django keeps instants there
            span = f"django_timestamp_diff({end}, {start})"
            sql = f"django_format_dtdelta('-', {end}, CAST({span} * {over} / {under} AS INTEGER))"
        return sql, [*last, *last, *first]


class NotBackBefore(Func):
    """Whether what was seen `sightings` times from `first` to `last` will, at that pace, not be seen again before
    `end`: `NotBackBefore(end, first, last, sightings)`."""

    output_field = BooleanField()
    conditional = True

    def as_sql(self, compiler: Any, connection: Any) -> Any:  # type: ignore[override]  # no function, no template
        (end, e), (first, f), (last, x), (sightings, n) = map(compiler.compile, self.source_expressions)
        if connection.vendor == "postgresql":
            return f"(({end} - {last}) * ({sightings} - 1) <= ({last} - {first}))", [*e, *x, *n, *x, *f]
        left, pace = f"django_timestamp_diff({end}, {last})", f"django_timestamp_diff({last}, {first})"
        return f"({left} * ({sightings} - 1) <= {pace})", [*e, *x, *n, *x, *f]
