"""Which ends are announced, and which are silent."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Vendor
from alerts.services.notices import look
from cas.models import Authority
from core import clock
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, crossed, gateway, release

pytestmark = pytest.mark.django_db


def found(now_in_days: float = 0) -> list[tuple[str, str]]:
    return crossed(NOW + now_in_days * DAY)


def test_an_authority_is_announced_at_its_newest_threshold(vendor: Vendor) -> None:
    ending = authority(vendor, left=20 * DAY)
    assert found() == [(ending.name, "30d")]


def test_a_threshold_is_crossed_and_never_equalled(vendor: Vendor) -> None:
    """G9. Fails without `not_after - step.before_end <= now` in alerts/ladder.py (`==` there finds nothing)."""
    ending = authority(vendor, left=30 * DAY - timedelta(hours=5))
    assert found() == [(ending.name, "30d")]


def test_a_long_certificate_is_announced_when_renewal_is_due(vendor: Vendor) -> None:
    of = gateway(vendor)
    certificate(of, authority(vendor, left=9 * YEAR), left=90 * DAY, life=2 * YEAR)
    assert found() == [(of.eui, "90d")]


def test_a_short_certificate_is_announced_when_a_third_remains(vendor: Vendor) -> None:
    of = gateway(vendor)
    certificate(of, authority(vendor, left=9 * YEAR), left=30 * DAY, life=90 * DAY)
    assert found(-1) == []
    assert found() == [(of.eui, "third")]


def test_what_ended_is_announced(vendor: Vendor) -> None:
    ended = authority(vendor, left=-2 * DAY)
    assert found() == [(ended.name, "expired")]


def test_what_ended_long_before_anybody_watched_is_history(vendor: Vendor) -> None:
    authority(vendor, left=-2 * YEAR)
    assert found() == []


@pytest.mark.parametrize("state", [Authority.State.SUBMITTED, Authority.State.REFUSED])
def test_an_authority_that_nobody_stands_by_is_silent(vendor: Vendor, state: str) -> None:
    authority(vendor, left=20 * DAY, state=state)
    assert found() == []


def test_a_revoked_certificate_is_silent(vendor: Vendor) -> None:
    certificate(gateway(vendor), authority(vendor, left=9 * YEAR), left=10 * DAY, revoked_at=NOW)
    assert found() == []


def test_a_certificate_with_a_valid_successor_is_silent(vendor: Vendor) -> None:
    of, by = gateway(vendor), authority(vendor, left=9 * YEAR)
    certificate(of, by, left=10 * DAY)
    certificate(of, by, left=300 * DAY)
    assert found() == []


def test_the_last_certificate_of_a_chain_of_successors_speaks(vendor: Vendor) -> None:
    of, by = gateway(vendor), authority(vendor, left=9 * YEAR)
    certificate(of, by, left=-20 * DAY)
    certificate(of, by, left=10 * DAY)
    assert found() == [(of.eui, "14d")]


def test_a_revoked_successor_does_not_silence(vendor: Vendor) -> None:
    of, by = gateway(vendor), authority(vendor, left=9 * YEAR)
    certificate(of, by, left=10 * DAY)
    certificate(of, by, left=300 * DAY, revoked_at=NOW)
    assert found() == [(of.eui, "14d")]


def test_a_successor_of_another_gateway_does_not_silence(vendor: Vendor) -> None:
    of, by = gateway(vendor), authority(vendor, left=9 * YEAR)
    certificate(of, by, left=10 * DAY)
    certificate(gateway(vendor), by, left=300 * DAY)
    assert found() == [(of.eui, "14d")]


def test_a_successor_whose_authority_is_not_in_the_newest_release_does_not_silence(vendor: Vendor) -> None:
    of, old, new = gateway(vendor), authority(vendor, left=9 * YEAR), authority(vendor, left=9 * YEAR)
    certificate(of, old, left=10 * DAY)
    certificate(of, new, left=300 * DAY)
    release(old, new, number=1)
    release(old, number=2)
    assert found() == [(of.eui, "14d")]
    release(old, new, number=3)
    assert found() == []


def test_a_successor_whose_authority_has_ended_does_not_silence(vendor: Vendor) -> None:
    of, by, over = gateway(vendor), authority(vendor, left=9 * YEAR), authority(vendor, left=-YEAR - 100 * DAY)
    certificate(of, by, left=10 * DAY)
    certificate(of, over, left=300 * DAY, life=3 * YEAR)
    assert found() == [(of.eui, "14d")]


def test_a_successor_that_is_not_valid_yet_does_not_silence(vendor: Vendor) -> None:
    of, by = gateway(vendor), authority(vendor, left=9 * YEAR)
    certificate(of, by, left=10 * DAY)
    certificate(of, by, left=370 * DAY, life=365 * DAY)
    assert found() == [(of.eui, "14d")]


def test_a_noticed_threshold_is_not_due_again(vendor: Vendor) -> None:
    ending = authority(vendor, left=20 * DAY)
    assert found() == [(ending.name, "30d")]
    assert found() == []
    assert found(5) == []
    assert found(6) == [(ending.name, "14d")]


def test_a_clock_set_back_announces_no_earlier_threshold(vendor: Vendor) -> None:
    """G9. Fails without `nothing_new` in alerts/services/looking._told."""
    authority(vendor, left=14 * DAY - timedelta(hours=1))
    assert len(found()) == 1
    assert found(-1) == []


def test_looking_costs_the_same_queries_at_any_size(operator: User, vendor: Vendor) -> None:
    by = authority(vendor, left=20 * DAY)
    counts = []
    for more in (1, 2, 30):
        for _ in range(more):
            certificate(gateway(vendor), by, left=10 * DAY)
        with CaptureQueriesContext(connection) as queries, clock.at(NOW):
            assert look({}) == more + (more == 1)
        counts.append(len(queries))
    assert counts[1] == counts[2]
