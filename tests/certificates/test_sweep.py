"""The sweep: what waits keeps nobody else waiting, and one run ends in time."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from accounts.models import User, Vendor
from cas.models import Authority
from certificates import tasks
from certificates.models import Certificate, Request
from certificates.services import request_certificate, set_policy
from core import clock
from gateways.services import register
from tests.gateways.claims import claim

FIRST = 0x58A0CBFFFE801100


@pytest.fixture
def automatic(issuing: Authority, operator: User, vendor: Vendor) -> None:
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)


def ask(actor: User, vendor: Vendor, count: int) -> list[Request]:
    gateways = [register(actor, vendor, f"{FIRST + number:016X}") for number in range(count)]
    return [
        request_certificate(actor, each, lifetime_days=90, idempotency_key="s", key_type="P-256") for each in gateways
    ]


def issued() -> set[int]:
    return set(Certificate.objects.values_list("request", flat=True))


def test_requests_that_wait_do_not_starve_the_others(
    automatic: None,
    operator: User,
    vendor: Vendor,
    other_vendor_user: User,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    """Fails when `certificates.models.RequestQuerySet.due` is ordered by `pk`: the disputed ones are always first."""
    monkeypatch.setattr(tasks, "MOST_AT_ONCE", 2)
    *disputed, first, second = ask(operator, vendor, 5)
    for each in disputed:
        claim(other_vendor_user, each.gateway.eui)
    start = clock.now()
    for turn in range(3):  # each time everybody is due again
        with clock.at(start + turn * timedelta(seconds=settings.LEASE_SECONDS + 1)):
            tasks.sweep()
    assert issued() == {first.pk, second.pk}
    assert set(Request.objects.exclude(pk__in=issued()).values_list("state", flat=True)) == {"approved"}


def test_requests_that_wait_are_looked_at_again_though_new_ones_keep_coming(
    automatic: None, operator: User, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when `due` puts those never tried before all others."""
    monkeypatch.setattr(tasks, "MOST_AT_ONCE", 1)
    tried, fresh = ask(operator, vendor, 2)
    now = clock.now()
    Request.objects.filter(pk=tried.pk).update(lease_until=now - timedelta(minutes=1))
    Request.objects.filter(pk=fresh.pk).update(decided_at=now)
    tasks.sweep()
    assert issued() == {tried.pk}


def test_a_run_ends_when_its_time_is_over_and_the_next_goes_on(
    automatic: None, operator: User, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without the `break` in `certificates.tasks.sweep`."""
    monkeypatch.setattr(tasks, "SWEEP_BUDGET", 0)
    first, second = ask(operator, vendor, 2)
    tasks.sweep()
    assert issued() == {first.pk}
    tasks.sweep()
    assert issued() == {first.pk, second.pk}
