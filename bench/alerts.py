"""Alerts over 1,500,000 certificates on PostgreSQL: the look when nothing is new and when 100,000 thresholds were
crossed, and 10,000 digests. Beside: the same rows counted, and copied, by a plain statement."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping

from bench.figure import Figure
from tests import servers
from tests.faults.deployment import KEK
from tests.servers import ROOT

LOOK_GOAL_S, WRITE_GOAL_S, DIGESTS_GOAL_S, MEMORY_GOAL_MB = 3, 15, 60, 20
CERTIFICATES = int(os.environ.get("CERTADMIN_BENCH_ALERTS", "1500000"))


def measure() -> Iterator[Figure]:
    with servers.postgres() as server, tempfile.TemporaryDirectory() as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CERTADMIN_")},
            "CERTADMIN_DATABASE_URL": server.create("alerts"),
            "CERTADMIN_DATA": folder,
            "CERTADMIN_KEK": KEK,
            "CERTADMIN_STORE": "none",
            "DJANGO_SETTINGS_MODULE": "certadmin.settings",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=environment, cwd=ROOT, check=True)
        found = _in_a_process(environment)
    label = f"{CERTIFICATES:,} certificates"
    yield Figure(f"look for what ends, nothing new, {label}", found["look"], found["count"], LOOK_GOAL_S, "s")
    yield Figure(f"{found['due']:,.0f} due notices written, {label}", found["write"], found["copy"], WRITE_GOAL_S, "s")
    name = f"look while {found['due']:,.0f} alerts are open, {label}"
    yield Figure(name, found["again"], found["count"], LOOK_GOAL_S, "s")
    yield Figure("memory that a look takes more", found["memory"], 0, MEMORY_GOAL_MB, "MB")
    yield Figure(f"{found['mails']:,.0f} digests rendered", found["digests"], 0, DIGESTS_GOAL_S, "s")


def _in_a_process(environment: Mapping[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.alerts_fleet", str(CERTIFICATES)]
    done = subprocess.run(command, env=dict(environment), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    words = done.stdout.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2], strict=True)}
