"""A batch of 20,000 gateway certificates on PostgreSQL by two processes, from CSRs and with keys that are made here;
beside it `cryptography` alone, which checks, records and stores nothing. BENCH_BATCH runs a smaller one."""

import json
import os
from collections.abc import Iterator
from subprocess import PIPE, run
from sys import executable

from bench.figure import Figure
from tests import servers
from tests.servers import ROOT

SIZE = int(os.environ.get("BENCH_BATCH", "20000"))
GOALS = {"csrs": 5000, "keys made here": 7000}  # certificates a second


def measure() -> Iterator[Figure]:
    with servers.postgres() as server:
        for kind, goal in GOALS.items():
            url = server.create(kind.replace(" ", "_"))
            with servers.product({"CERTADMIN_DATABASE_URL": url, "CERTADMIN_STORE": "none"}) as product:
                product.manage("prepare")
                command = [executable, "-m", "bench.batch_run", kind, str(SIZE)]
                done = run(command, env=product.environment, cwd=ROOT, check=True, stdout=PIPE, text=True)
            said = json.loads(done.stdout.splitlines()[-1])
            name = f"batch of {SIZE:,}, {kind}"
            yield Figure(name, said["ours"], said["beside"], goal, "certificates/s", is_most=False)
            yield Figure(f"{name}: most memory of a worker", said["memory"], said["memory"], 300, "MB")
