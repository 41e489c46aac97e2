"""Lists, overview, search and exports over a fleet, on PostgreSQL; the same lists on SQLite; and beside them the list
that django-ca's admin shows of as many certificates as its own bench has.

BENCH_GATEWAYS and BENCH_SQLITE run smaller fleets. The figures then name those sizes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

from bench import fleet
from bench.figure import Figure
from bench.peers.beside import admin_list
from tests import servers
from tests.servers import ROOT

PAGE_MS, OVERVIEW_MS, SEARCH_MS, FIRST_MS, RATE = 60, 100, 50, 200, 50_000
ON_SQLITE = int(os.environ.get("BENCH_SQLITE", "100000"))
GOALS = {"list": PAGE_MS, "overview": OVERVIEW_MS, "search": SEARCH_MS}


def measure() -> Iterator[Figure]:
    with servers.postgres() as server:
        theirs = admin_list(server) or 0.0
        url = server.create("lists")
        found = _in_a_process({"CERTADMIN_DATABASE_URL": url}, fleet.GATEWAYS, "--everything")
        yield from _figures(found, f"{fleet.GATEWAYS:,} gateways", theirs)
    found = _in_a_process({}, ON_SQLITE)
    yield from _figures(found, f"SQLite, {ON_SQLITE:,} gateways", theirs)


def _in_a_process(database: Mapping[str, str], gateways: int, *options: str) -> dict[str, float]:
    """Fill a database, and ask it."""
    with servers.product({"CERTADMIN_STORE": "none", **database}) as product:
        environment = {**product.environment, "DJANGO_SETTINGS_MODULE": "certadmin.settings"}
        product.manage("prepare")
        product.manage("seed_demo", "--json", "--gateways", str(gateways))
        command = [sys.executable, "-m", "bench.lists_run", *options]
        done = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        answer: dict[str, float] = json.loads(done.stdout)
        return answer


def _figures(found: Mapping[str, float], where: str, theirs: float) -> Iterator[Figure]:
    """`theirs`, in milliseconds, stands beside each list."""
    for name, value in found.items():
        kind = name.partition(":")[0]
        if kind in GOALS:
            beside = theirs if kind == "list" else 0.0
            yield Figure(f"{name}, p95, {where}", value, beside, GOALS[kind], "ms")
        elif "first" in name:
            yield Figure(f"{name}, {where}", value, 0.0, FIRST_MS, "ms")
        elif kind == "export":
            yield Figure(f"{name}, {where}", value, 0.0, RATE, "rows/s", is_most=False)
