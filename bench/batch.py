"""A batch of 20,000 gateway certificates on PostgreSQL by two processes, from CSRs and with keys that are made here;
beside it `cryptography` alone, which checks, records and stores nothing; then django-ca and cfssl, which
`scripts/bench-peers` installs. BENCH_BATCH runs a smaller one, and BENCH_PEERS fewer by django-ca."""

import json
import os
from collections.abc import Iterator
from subprocess import PIPE, run
from sys import executable

from bench.figure import Figure
from bench.peers.beside import SIZE as FOR_PEERS
from bench.peers.beside import issuing
from bench.peers.csrs import make_csrs
from tests import servers
from tests.servers import ROOT

SIZE = int(os.environ.get("BENCH_BATCH", "20000"))
FROM_CSRS = "csrs"
GOALS = {FROM_CSRS: 5000, "keys made here": 7000}  # certificates a second


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
            if kind == FROM_CSRS:
                yield from issuing(said["ours"], make_csrs(FOR_PEERS), server)
