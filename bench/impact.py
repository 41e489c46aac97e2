"""A draft over 300 authorities and a million gateways on PostgreSQL: its impact, and what publishing costs."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping

from bench.figure import Figure
from tests import servers
from tests.faults.deployment import KEK
from tests.servers import ROOT

DRAFT_GOAL_S, PUBLISH_GOAL_S = 2, 3
GATEWAYS = int(os.environ.get("CERTADMIN_BENCH_GATEWAYS", "1000000"))


def measure() -> Iterator[Figure]:
    with servers.postgres() as server, tempfile.TemporaryDirectory() as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CERTADMIN_")},
            "CERTADMIN_DATABASE_URL": server.create("impact"),
            "CERTADMIN_DATA": folder,
            "CERTADMIN_KEK": KEK,
            "CERTADMIN_STORE": "none",
            "DJANGO_SETTINGS_MODULE": "certadmin.settings",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=environment, cwd=ROOT, check=True)
        seconds = _in_a_process(environment)
        label = f"300 authorities, {GATEWAYS:,} gateways"
        yield Figure(f"impact of a draft, {label}", seconds["draft"], seconds["count"], DRAFT_GOAL_S, "s")
        yield Figure(f"publish without the store, {label}", seconds["publish"], seconds["count"], PUBLISH_GOAL_S, "s")


def _in_a_process(environment: Mapping[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.impact_fleet", str(GATEWAYS)]
    done = subprocess.run(command, env=dict(environment), cwd=ROOT, check=True, capture_output=True, text=True)
    words = done.stdout.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2], strict=True)}
