"""Questions to the database that may take so long and no longer: a list that nobody can wait for is worth a word."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import OperationalError, connection, transaction

from core.errors import Refused

LIMIT = 2.0  # seconds, for what a person waits for
LONG = 60.0  # for a part of a download
QUERY_CANCELED, DEADLOCK = "57014", "40P01"  # PostgreSQL's codes
TRIES = 3
T = TypeVar("T")
STEPS = 10_000  # of SQLite's machine between two looks at the clock


class TooSlow(Refused):
    """The database was stopped: what was asked for would have taken too long."""

    status = 503


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Stop each query of the block that takes longer. Raises `TooSlow`. Blocks do not lie in one another."""
    guard = _on_postgresql if connection.vendor == "postgresql" else _on_sqlite
    try:
        with guard(seconds):
            yield
    except OperationalError as error:
        if not _was_stopped(error):
            raise
        message = f"This would take longer than {seconds:g} s, and was stopped. Ask for less: fewer or other filters."
        raise TooSlow("too-slow", message) from None


def untangled(act: Callable[[], T]) -> T:
    """Run a whole transaction, and again where PostgreSQL ended it because it and another waited for each other's rows.
    Raises Refused where that does not end."""
    for _ in range(TRIES):
        try:
            return act()
        except OperationalError as error:
            if _code_of(error) != DEADLOCK:
                raise
    raise Busy("busy", "Others write the same rows at this moment. Send it again.")


class Busy(Refused):
    """Nothing was written; the same may be sent again."""

    status = 503


@contextmanager
def by_indexes() -> Iterator[None]:
    """Inside of `at_most`, let PostgreSQL look where an index leads: who asks for any five rows that fit is else
    answered by reading all, in the hope that five come early."""
    _set("enable_seqscan", "off")
    yield
    _set("enable_seqscan", "on")


@contextmanager
def _on_postgresql(seconds: float) -> Iterator[None]:
    is_inside = connection.in_atomic_block
    with transaction.atomic():
        _set("statement_timeout", f"{round(seconds * 1000)}ms")
        yield
        if is_inside:  # else the commit forgets it
            _set("statement_timeout", "0")


def _set(name: str, value: str) -> None:
    """A setting of PostgreSQL, for this transaction; other databases have none."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])


@contextmanager
def _on_sqlite(seconds: float) -> Iterator[None]:
    connection.ensure_connection()
    end = time.monotonic() + seconds
    connection.connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
    try:
        yield
    finally:
        connection.connection.set_progress_handler(None, 0)


def _was_stopped(error: OperationalError) -> bool:
    return _code_of(error) == QUERY_CANCELED or "interrupted" in str(error.__cause__)


def _code_of(error: OperationalError) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""
