"""The faults at their full counts: `make soak`. CERTADMIN_SOAK_SHORT=1 lets Redis be away for one minute, not ten."""

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from core.store import DirectoryStore
from pki.bundle import index_paths, read_as_go, read_index
from tests.faults import commits, interruptions, outages, restores, scenarios
from tests.faults.breaking import BATCH, STEPS
from tests.faults.deployment import Deployment
from tests.soak.conftest import ROWS

pytestmark = pytest.mark.soak
REDIS_AWAY_SECONDS = 60 if os.environ.get("CERTADMIN_SOAK_SHORT") else 600
POLLS = 1000
RELEASES = 20

FAULTS: dict[str, tuple[int, Callable[[Deployment, int], None]]] = {
    "nothing breaks": (500, scenarios.nothing_breaks),
    "kill -9 of the worker, ten times": (50, lambda desk, count: scenarios.killed_worker(desk, count, kills=10)),
    "Redis emptied": (500, scenarios.emptied_redis),
    f"Redis away for {REDIS_AWAY_SECONDS} s": (
        500,
        lambda desk, count: scenarios.refusing_redis(desk, count, seconds=REDIS_AWAY_SECONDS),
    ),
    "PostgreSQL crashes, ten times": (50, lambda desk, count: scenarios.restarted_postgres(desk, count, restarts=10)),
    "PostgreSQL comes up after the workers": (50, scenarios.late_postgres),
    "two workers and two beats": (200, scenarios.two_of_everything),
    "every request sent twice": (200, scenarios.double_click),
    "the final insert of one fails": (50, scenarios.failing_insert),
    "another key-encryption key": (50, scenarios.missing_kek),
    **{f"kill -9 at the step {step}": (50, partial(interruptions.killed_at, steps=[step])) for step in STEPS},
    **{f"kill -9 at the step {step}": (2000, partial(interruptions.killed_batch, steps=[step])) for step in BATCH},
    "one request crashes its worker": (50, interruptions.crashing_request),
    "no mail server for a day, and one refused recipient": (50, outages.smtp_away),
    "no beat for a day": (50, outages.beat_dead),
    "the answer to a COMMIT lost": (50, commits.lost_answers),
    "an old backup restored": (50, restores.old_backup),
}


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_lost_and_nothing_doubled(desk: Deployment, name: str) -> None:
    count, run = FAULTS[name]
    _timed(name, count, lambda: run(desk, count))


def test_every_poll_of_the_store_sees_a_whole_release(desk: Deployment) -> None:
    """Twenty releases while the worker that publishes them is killed again and again."""
    _timed("polls of the store while the publisher is killed", POLLS, lambda: _polled(desk))


def _polled(desk: Deployment) -> None:
    store = DirectoryStore(desk.folder / "stores" / "main")
    desk.act("connect")
    authorities = desk.act("authorities")
    desk.start("beat")
    worker = desk.start("worker")
    seen: list[int] = []
    over = threading.Event()
    reader = threading.Thread(target=_poll, args=(store, seen, over))
    reader.start()
    try:
        for number in range(RELEASES):
            desk.act("publish_only", authorities[number % 2])
            time.sleep(1)
            if number % 4 == 3:
                desk.kill(worker)
                worker = desk.start("worker")
        while len(seen) < POLLS and reader.is_alive():
            time.sleep(0.1)
    finally:
        over.set()
        reader.join()
    assert len(seen) >= POLLS
    assert all(seen), "a poll saw an empty or a broken release"


def _poll(store: DirectoryStore, seen: list[int], over: threading.Event) -> None:
    """Read as a network server does at its start; before the first release there is nothing to read."""
    while not over.is_set():
        index = store.get("index.yml") if Path(store.root).is_dir() else None
        if index is not None:
            files = [store.get(path) for path in index_paths(read_index(index))]
            seen.append(sum(len(read_as_go(file)) for file in files if file) if files and all(files) else 0)
        time.sleep(0.02)


def _timed(name: str, count: int, run: Callable[[], None]) -> None:
    start, result = time.monotonic(), "FAILED"
    try:
        run()
        result = "passed"
    finally:
        ROWS.append((name, count, result, time.monotonic() - start))
