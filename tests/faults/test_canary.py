"""No secret is in anything that a deployment of real processes writes, whatever fails in them (row 25)."""

import pytest

from tests import canary as search
from tests.faults import canary, interruptions
from tests.faults.deployment import Deployment
from tests.faults.failing import FAIL
from tests.servers import wait_until

pytestmark = pytest.mark.slow


def test_no_secret_is_in_any_sink_after_a_failure_at_every_step(desk: Deployment) -> None:
    """G6. Fails when anything of a key is logged, told to Redis, or kept in a column in plain; and when the search is
    blind, because it has to find what is planted at the end."""
    temporary = desk.folder / "tmp"
    temporary.mkdir()
    marks = interruptions.mark(desk, [f"fail-{step}" for step in FAIL])
    desk.act("request", 0, 4)
    for start in (10, 20, 30):
        desk.act("batch", start, 2)
    interruptions.start(
        desk, {**interruptions.breaking(marks), "CERTADMIN_LOG_LEVEL": "DEBUG", "TMPDIR": str(temporary)}
    )
    desk.settle(seconds=120)
    done = "SELECT count(*) FROM certificates_batch WHERE state = 'done'"
    wait_until(lambda: desk.number(done) == 3, seconds=120, what="the end of the batches")
    assert list(marks.iterdir()) == [], "a step was never reached"
    assert desk.number("SELECT count(*) FROM certificates_certificate") == 10
    desk.stop_processes()
    assert all(f"forced at fail-{step}" in desk.log for step in FAIL)

    secrets = canary.secrets(desk)
    assert len(secrets) >= 1 + 2 + 10, "of the database, of its authorities, of the gateways"
    assert search.found(secrets, canary.sinks(desk)) == []
    canary.plant(desk, secrets[-1])
    sinks = {hit.partition(":")[0] for hit in search.found(secrets[-1:], canary.sinks(desk))}
    assert {"rows of PostgreSQL", "what Redis holds", "logs", "files", "what Redis was ever told"} <= sinks
