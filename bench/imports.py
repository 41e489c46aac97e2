"""Imports of 100,000 and 500,000 gateways on PostgreSQL: received, every line checked, and written by the task of a
worker; beside it plain COPY of the same rows into a table like that of the gateways. BENCH_IMPORTS runs other sizes."""

import json
import os
from collections.abc import Iterator
from subprocess import PIPE, run
from sys import executable
from typing import Any

from bench.figure import Figure
from tests import servers
from tests.servers import ROOT

SIZES = [int(size) for size in os.environ.get("BENCH_IMPORTS", "100000 500000").split()]
GOALS = {100_000: 10, 500_000: 60}  # seconds
MEMORY = 300  # MB


def measure() -> Iterator[Figure]:
    with servers.postgres() as server:
        for size in SIZES:
            url = server.create(f"imports_{size}")
            with servers.product({"CERTADMIN_DATABASE_URL": url, "CERTADMIN_STORE": "none"}) as product:
                product.manage("prepare")
                received = _run("receive", size, product.environment)
                worked = _run("work", size, product.environment)
            name, goal = f"import of {size:,}", GOALS.get(size, size / 8_000)
            whole = received["seconds"] + worked["checking"] + worked["writing"]
            yield Figure(f"{name}, received, checked, written", whole, worked["copying"], goal, "s")
            yield Figure(f"{name}: received ({received['megabytes']:.0f} MB)", received["seconds"], 0, goal, "s")
            yield Figure(f"{name}: checked", worked["checking"], 0, goal, "s")
            yield Figure(f"{name}: written", worked["writing"], worked["copying"], goal, "s")
            yield Figure(f"{name}: most memory of the worker", worked["held"], worked["before"], MEMORY, "MB")
            yield Figure(f"{name}: most memory while received", received["memory"], 0, MEMORY, "MB")


def _run(step: str, size: int, environment: dict[str, str]) -> dict[str, Any]:
    command = [executable, "-m", "bench.imports_run", step, str(size)]
    done = run(command, env=environment, cwd=ROOT, check=True, stdout=PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
