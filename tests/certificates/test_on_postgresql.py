"""Many workers at once, on PostgreSQL."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.servers import ROOT, Postgres

pytestmark = pytest.mark.slow
KEK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
WORKERS, REQUESTS = 8, 5


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with servers.postgres() as server:
        yield server


def environment(url: str, folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CERTADMIN_", "PYTEST_"))}
    ours = {"CERTADMIN_DATABASE_URL": url, "CERTADMIN_DATA": str(folder), "CERTADMIN_SECRET_KEY": "a key of the tests"}
    return kept | ours | {"CERTADMIN_KEK": KEK, "PYTHONDONTWRITEBYTECODE": "1"} | more


def test_eight_workers_at_the_same_five_requests_make_five_certificates(postgres: Postgres, tmp_path: Path) -> None:
    """G4: fails without `unheld` in `core.leases.LeaseQuerySet.claim`: more than one tries, and signs."""
    command = [sys.executable, "-m", "tests.certificates.claimers", str(WORKERS), str(REQUESTS)]
    settings = {"DJANGO_SETTINGS_MODULE": "certadmin.settings"}
    url = postgres.create("claimers")
    done = subprocess.run(
        command, env=environment(url, tmp_path, **settings), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "database": "postgresql",
        "wrong": [],
        "certificates": True,
        "states": ["issued"] * REQUESTS,
        "attempts": [1] * REQUESTS,
        "signings": REQUESTS,
        "signatures": REQUESTS,
    }
