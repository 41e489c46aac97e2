"""Gateways by the hundred thousand: what only PostgreSQL does for imports, beside its portable twins."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection

from core import bulk, clock
from core.leases import TakenOver
from gateways.models import Gateway

LOCK = 0x6361_6469  # of PostgreSQL's advisory locks; any number that nobody else takes
COLUMNS = (
    "id", "eui", "vendor_id", "name", "model", "notes", "registered_by_id", "registered_at", "registered_in_id",
    "first_seen_at", "last_seen_at", "last_seen_sha256", "sightings",
)  # fmt: skip
DESCRIBED = ("id", "name", "model", "notes")
DESCRIBE = """
UPDATE gateways_gateway g SET name = n.name, model = n.model, notes = n.notes
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS n(id, name, model, notes) WHERE g.id = n.id
"""
PROGRESS = """
UPDATE gateways_import SET done = %s, lease_until = %s
WHERE id = %s AND lease_owner = %s AND lease_until > %s AND state = 'applying'
"""
Described = tuple[int, str, str, str]
Told = Callable[[int], None]


def insert_gateways(rows: Iterable[tuple[object, ...]]) -> None:
    bulk.insert(Gateway, COLUMNS, rows)


def describe_gateways(rows: Sequence[Described]) -> None:
    """Write names, models and notes, in the caller's transaction."""
    if not rows:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(DESCRIBE, [list(column) for column in zip(*rows, strict=True)])
        return
    for pk, *values in rows:
        Gateway.objects.filter(pk=pk).update(**dict(zip(DESCRIBED[1:], values, strict=True)))


@contextmanager
def telling(pk: int, owner: str, *, seconds: float) -> Iterator[Told]:
    """Something that says how far a long transaction is, and prolongs its lease; it raises `TakenOver` where the import
    was cancelled, or is another worker's.

    That is seen by others at once, because it goes by a connection of its own. On SQLite nobody else can write until
    the transaction ends: there it says nothing, and the transaction itself is the lease.
    """
    if connection.vendor != "postgresql":
        yield lambda _: None
        return
    aside = connection.copy()

    def tell(done: int) -> None:
        now = clock.now()
        with aside.cursor() as cursor:
            cursor.execute(PROGRESS, [done, _after(now, seconds), pk, owner, now])
            if not cursor.rowcount:
                raise TakenOver

    try:
        yield tell
    finally:
        aside.close()


def wait_for_turn(tell: Told) -> None:
    """One import writes at a time, in the caller's transaction: two that wait for each other's rows would never end."""
    if connection.vendor != "postgresql":
        return
    while not _is_our_turn():
        tell(0)
        time.sleep(0.5)


def _is_our_turn() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)
