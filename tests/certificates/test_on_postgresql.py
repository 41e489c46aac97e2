"""What the other tests prove on SQLite holds on PostgreSQL too, and there with many workers at once."""

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
# pages are the same on both: what is run here claims, locks, constrains and migrates
SUITES = [
    "tests/gateways/test_disputes.py", "tests/gateways/test_list.py", "tests/gateways/test_registration.py",
    "tests/certificates/test_at_once.py", "tests/certificates/test_custody.py",
    "tests/certificates/test_interruptions.py", "tests/certificates/test_issuing.py",
    "tests/certificates/test_key_holding.py", "tests/certificates/test_moved_gateways.py",
    "tests/certificates/test_recording.py", "tests/certificates/test_requests.py",
    "tests/certificates/test_revocation.py", "tests/certificates/test_sent_again.py",
    "tests/certificates/test_sweep.py", "tests/cas/test_interrupted.py", "tests/cas/test_signing.py",
]  # fmt: skip


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


def test_services_and_tasks_do_the_same_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", *SUITES]
    settings = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        command,
        env=environment(postgres.url("postgres"), tmp_path, **settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
