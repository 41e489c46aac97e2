"""A million gateways with their certificates, each really signed, by `manage.py seed_demo` into PostgreSQL.

BENCH_GATEWAYS runs a smaller fleet. The figure then names that size, and is what that took: nothing is scaled."""

import json
import os
import time
from collections.abc import Iterator
from subprocess import PIPE, run
from sys import executable

import psycopg

from bench import impact
from bench.figure import Figure
from tests import servers
from tests.servers import ROOT

GOAL_S = 600  # for a million
GATEWAYS = int(os.environ.get("BENCH_GATEWAYS", impact.GATEWAYS))


def measure() -> Iterator[Figure]:
    with servers.postgres() as server:
        url = server.create("fleet")
        with servers.product({"CERTADMIN_DATABASE_URL": url, "CERTADMIN_STORE": "none"}) as product:
            product.manage("prepare")
            command = [executable, "manage.py", "seed_demo", "--json", "--gateways", str(GATEWAYS)]
            start = time.perf_counter()
            done = run(command, env=product.environment, cwd=ROOT, check=True, stdout=PIPE, text=True)
            seconds = time.perf_counter() - start
        said = json.loads(done.stdout)
        name = f"a fleet of {said['gateways']:,} gateways, {said['certificates']:,} certificates"
        yield Figure(name, seconds, _copied(url), GOAL_S, "s")


def _copied(url: str) -> float:
    """How long the server alone takes to copy the certificates into a table without indexes."""
    with psycopg.connect(url, autocommit=True) as database:
        start = time.perf_counter()
        database.execute("CREATE TABLE copied AS SELECT * FROM certificates_certificate")
        return time.perf_counter() - start
