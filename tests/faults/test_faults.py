"""What breaks, small: real workers on real PostgreSQL and Redis. `make soak` runs the full counts."""

import time

import pytest

from tests.faults import scenarios
from tests.faults.deployment import Deployment

pytestmark = pytest.mark.slow
FEW = 4


def test_requests_become_certificates(desk: Deployment) -> None:
    scenarios.nothing_breaks(desk, FEW)


def test_a_killed_worker_loses_and_doubles_nothing(desk: Deployment) -> None:
    """G1, G3, G4. Fails when `sweep` no longer takes up what a dead worker held."""
    scenarios.killed_worker(desk, FEW)


def test_an_emptied_redis_loses_nothing(desk: Deployment) -> None:
    """G4. Fails when the sweep leaves the schedule."""
    scenarios.emptied_redis(desk, FEW)


def test_a_refusing_redis_loses_nothing(desk: Deployment) -> None:
    """G4. Fails when the bell raises, or when only the bell starts the work."""
    scenarios.refusing_redis(desk, FEW)


def test_postgresql_may_restart(desk: Deployment) -> None:
    scenarios.restarted_postgres(desk, FEW)


def test_a_worker_that_starts_before_the_database_waits_for_it(desk: Deployment) -> None:
    """Fails without `except OperationalError` in certadmin.management.commands.run."""
    scenarios.late_postgres(desk, FEW)


def test_two_beats_and_two_workers_double_nothing(desk: Deployment) -> None:
    scenarios.two_of_everything(desk, FEW)


def test_a_double_click_is_one_certificate(desk: Deployment) -> None:
    """G3. Fails when `request_certificate` no longer looks for the key."""
    scenarios.double_click(desk, FEW)


def test_a_failing_insert_is_listed_as_may_exist(desk: Deployment) -> None:
    """G1. Fails when the signature is made before it is recorded."""
    scenarios.failing_insert(desk, FEW)


def test_without_the_key_encryption_key_nothing_is_signed_and_nothing_is_lost(desk: Deployment) -> None:
    """G6. Fails when the vault signs with a key that it cannot open."""
    scenarios.missing_kek(desk, FEW)


def test_a_process_refuses_to_start_with_a_wrong_key_encryption_key(desk: Deployment) -> None:
    process = desk.start("worker", extra={"CERTADMIN_KEK": scenarios.OTHER_KEK})
    assert process.wait(30) != 0
    time.sleep(0.1)
    assert "not the key-encryption key" in desk.log
