"""Emptying the append-only tables between tests: their triggers are taken off and put back as they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test import TransactionTestCase

SQLITE = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit~_%' ESCAPE '~'"
POSTGRESQL = """
SELECT tgname, relname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger
JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal AND relname LIKE 'audit~_%' ESCAPE '~'
"""


@contextmanager
def triggers_off() -> Iterator[None]:
    """Let the block change and remove audit rows, as somebody with the database in hand could."""
    triggers = _triggers()
    with connection.cursor() as cursor:
        for name, table, _ in triggers:
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{on}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for _, _, sql in triggers:
                cursor.execute(sql)


def _triggers() -> list[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(POSTGRESQL if connection.vendor == "postgresql" else SQLITE)
        return list(cursor.fetchall())


def let_flush_empty_them() -> None:
    """Tests that commit are cleaned up by a flush, which would be refused."""
    case: Any = TransactionTestCase  # the method is Django's own, and has no type
    flush = case._fixture_teardown

    def teardown(self: Any) -> None:
        with triggers_off():
            flush(self)

    case._fixture_teardown = teardown
