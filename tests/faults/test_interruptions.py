"""A process that ends in the middle of its work loses nothing, doubles nothing, and keeps nobody waiting."""

import pytest

from tests.faults import interruptions
from tests.faults.breaking import STEPS
from tests.faults.deployment import Deployment

pytestmark = pytest.mark.slow


def test_a_worker_killed_at_any_step_of_issuance_loses_and_doubles_nothing(desk: Deployment) -> None:
    """G1, G3, G4. Fails when `_reserved` no longer looks for what an earlier worker reserved."""
    interruptions.killed_at_each_step(desk, len(STEPS))


@pytest.mark.parametrize(
    "steps",
    [("batch-before-check", "batch-after-reserve", "batch-in-insert"), ("batch-after-sign", "batch-after-insert")],
)
def test_a_worker_killed_at_any_step_of_a_batch_loses_and_doubles_nothing(
    desk: Deployment, steps: tuple[str, ...]
) -> None:
    """G1, G3, G4. Fails when `_resumed` in certificates.services.batch_issuing finds nothing."""
    interruptions.killed_batch(desk, 4, steps)


def test_a_request_that_crashes_its_worker_is_set_aside_and_the_others_flow(desk: Deployment) -> None:
    """Fails without MAX_ATTEMPTS."""
    interruptions.crashing_request(desk, 4)


def test_the_products_own_settings_know_no_such_faults(desk: Deployment) -> None:
    interruptions.without_the_settings_of_the_tests(desk, 2)
