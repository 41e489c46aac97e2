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


NO_ROOM = {
    "sqlite": ["CREATE TRIGGER no_room BEFORE INSERT ON audit_record BEGIN INSERT INTO no_room VALUES (1); END"],
    "postgresql": [
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$",
        "CREATE TRIGGER no_room BEFORE INSERT ON audit_record FOR EACH ROW EXECUTE FUNCTION no_room()",
    ],
}
ROOM = {"sqlite": ["DROP TRIGGER no_room"], "postgresql": ["DROP FUNCTION no_room() CASCADE"]}


@contextmanager
def no_record_can_be_written() -> Iterator[None]:
    """Let the database fail at every new record: the fault between an act and the record of it."""
    _run(NO_ROOM[connection.vendor])
    try:
        yield
    finally:
        _run(ROOM[connection.vendor])


def _run(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
