"""Loads a fleet into an empty desk: two processes on PostgreSQL, one elsewhere, since nothing else takes two writers.

Nothing is kept in memory but the chunks in hand. A fleet that was interrupted is not gone on with."""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import starmap
from multiprocessing import get_context

import django
from django.conf import settings
from django.db import connection

from accounts.models import Deployment, Vendor
from audit.models import Record
from audit.services import record, seal_pending
from cas.models import Signing
from certadmin.demonstration.cast import Person
from certadmin.demonstration.desk import Desk
from certadmin.demonstration.fleet.cast import BEGIN, PEOPLE, Cast
from certadmin.demonstration.fleet.world import MOST, World
from certadmin.demonstration.fleet.writing import BY_HAND, Written, write_chunk
from certadmin.demonstration.loading import long_leases, refuse_taken_people
from certadmin.demonstration.timetable import Timetable
from certificates.models import Certificate, KeyHolder, Request
from core import bell, bulk, clock
from core.errors import Refused
from gateways.models import Gateway

BEGUN, DONE = "fleet.begun", "fleet.loaded"
SEED = 14
CHUNK = 2_000  # gateways: some 12 MB of values in hand
TOLD_EVERY = 50_000
PROCESSES = 2
TABLES = (Gateway, Certificate, Request, KeyHolder, Signing)
AGAIN = "Start with an empty data folder (CERTADMIN_DATA) or an empty database (CERTADMIN_DATABASE_URL)."

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class LoadedFleet:
    """What was made, in how many seconds, and who can sign in with which password."""

    gateways: int
    certificates: int
    issued: int
    seconds: float
    people: tuple[Person, ...]
    password: str


def load_fleet(gateways: int, *, say: Say, seed: int = SEED) -> LoadedFleet:
    """Load a fleet of so many gateways; `say` takes a line for every 50,000. Raises Refused on a desk in use."""
    if not 1 <= gateways <= MOST:
        raise Refused("fleet-size", f"A fleet has between 1 and {MOST:,} gateways.")
    _refuse_a_desk_in_use()
    start = time.perf_counter()
    desk = Desk(settings.DEMO_PASSWORD or secrets.token_urlsafe(12))
    with bell.in_process(), long_leases(BEGIN):
        world = Cast(desk, Timetable(clock.now())).enter(seed)
    record(BY_HAND, BEGUN, subject=Deployment.objects.get(), gateways=gateways, seed=seed)
    with bulk.indexes_built_last(*TABLES):
        counts = _grow(world, gateways, _Teller(say, start))
    bulk.refresh_statistics(*TABLES)
    record(BY_HAND, DONE, subject=Deployment.objects.get(), gateways=counts.gateways, certificates=counts.certificates)
    seal_pending()
    seconds = time.perf_counter() - start
    return LoadedFleet(counts.gateways, counts.certificates, counts.issued, seconds, PEOPLE, desk.password)


def _refuse_a_desk_in_use() -> None:
    acts = set(Record.objects.filter(action__in=[BEGUN, DONE]).values_list("action", flat=True))
    if DONE in acts:
        raise Refused("fleet-loaded", f"There is a fleet here already, and nothing was changed. {AGAIN}")
    if BEGUN in acts:
        raise Refused("fleet-unfinished", f"A fleet was begun here and not finished. {AGAIN}")
    if Vendor.objects.exists():
        raise Refused("desk-in-use", f"There are vendors here already. A fleet is for an empty trial desk. {AGAIN}")
    refuse_taken_people(PEOPLE)


class _Teller:
    """Adds up what was written, and says so at every 50,000."""

    def __init__(self, say: Say, start: float) -> None:
        self._say, self._start = say, start
        self.total = Written(0, 0, 0)

    def add(self, new: Written) -> None:
        old, seconds = self.total, time.perf_counter() - self._start
        self.total = Written(old.gateways + new.gateways, old.certificates + new.certificates, old.issued + new.issued)
        if self.total.gateways // TOLD_EVERY > old.gateways // TOLD_EVERY:
            self._say(
                f"{self.total.gateways:>12,} gateways  {self.total.certificates:>12,} certificates  {seconds:>6.0f} s"
            )


def _grow(world: World, gateways: int, teller: _Teller) -> Written:
    chunks = [(world, first, min(CHUNK, gateways - first)) for first in range(0, gateways, CHUNK)]
    for written in _in_two_processes(chunks) if _takes_two(chunks) else starmap(write_chunk, chunks):
        teller.add(written)
    return teller.total


Chunk = tuple[World, int, int]


def _takes_two(chunks: list[Chunk]) -> bool:
    return connection.vendor == "postgresql" and len(chunks) > 1


def _in_two_processes(chunks: list[Chunk]) -> Iterator[Written]:
    """Processes that are new, not forked: connections and locks are nobody else's."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=django.setup) as pool:
        yield from pool.map(write_chunk, *zip(*chunks, strict=True))
