"""Renewal by itself: in time, once, and only where it is wanted."""

from datetime import timedelta

import pytest

from accounts.models import User, Vendor
from cas.models import Authority
from certificates.models import Batch, Certificate, Request
from certificates.services import issue, request_certificate, revoke, set_policy
from certificates.services.batches import approve_batch, work_left
from certificates.tasks import renew, work_on_chunk
from core import bell, clock
from gateways.models import Gateway
from gateways.services import register
from pki.facts import read_certificate
from tests.certificates.conftest import EUI
from tests.pki.makers import make_csr, p256_key

pytestmark = pytest.mark.django_db(transaction=True)
OTHER = "58A0CBFFFE8011D7"


@pytest.fixture
def renewing(operator: User, vendor: Vendor, issuing: Authority) -> Authority:
    set_policy(vendor, actor=operator, authority=issuing, automatic=True, renews=True)
    return issuing


def issued(person: User, gateway: Gateway, *, days: int = 90, csr: bytes | None = None) -> Certificate:
    key_type = "" if csr else "P-256"
    wish = request_certificate(
        person, gateway, lifetime_days=days, idempotency_key=f"r{days}", csr=csr, key_type=key_type
    )
    made = issue(wish.pk)
    assert made is not None
    return made


def renewed_after(days: float) -> None:
    with clock.at(clock.now() + timedelta(days=days)), bell.in_process():
        renew()


def test_two_thirds_of_a_life_later_a_gateway_has_a_successor_and_keeps_the_old_one(
    vendor_user: User, gateway: Gateway, renewing: Authority
) -> None:
    old = issued(vendor_user, gateway)
    renewed_after(59)
    assert Certificate.objects.count() == 1
    renewed_after(61)
    new = Certificate.objects.exclude(pk=old.pk).get()
    assert new.not_after > old.not_after
    assert new.spki_sha256 != old.spki_sha256
    old.refresh_from_db()
    assert old.revoked_at is None


def test_a_gateway_with_a_csr_keeps_its_key(vendor_user: User, gateway: Gateway, renewing: Authority) -> None:
    csr = make_csr(EUI, key=p256_key("renewed"))
    old = issued(vendor_user, gateway, csr=csr)
    renewed_after(61)
    new = Certificate.objects.exclude(pk=old.pk).get()
    assert read_certificate(bytes(new.der)).spki_sha256 == old.spki_sha256


def test_each_lifetime_has_its_own_window(
    operator: User, vendor: Vendor, vendor_user: User, gateway: Gateway, renewing: Authority
) -> None:
    issued(vendor_user, gateway, days=365)
    issued(vendor_user, register(operator, vendor, OTHER), days=90)
    renewed_after(61)
    assert list(Batch.objects.values_list("lifetime_days", flat=True)) == [90]


def test_nothing_is_renewed_twice(vendor_user: User, gateway: Gateway, renewing: Authority) -> None:
    issued(vendor_user, gateway)
    for hours in (0, 6, 12, 30):
        renewed_after(61 + hours / 24)
    assert Certificate.objects.count() == 2


def test_what_waits_for_approval_is_not_asked_for_again(
    operator: User, vendor: Vendor, vendor_user: User, gateway: Gateway, renewing: Authority
) -> None:
    issued(vendor_user, gateway)
    set_policy(vendor, actor=operator, authority=renewing, automatic=False, renews=True)
    for days in (61, 62, 63):
        renewed_after(days)
    assert [batch.state for batch in Batch.objects.all()] == [Batch.State.CHECKED]
    assert Certificate.objects.count() == 1


def test_an_open_request_of_the_vendor_comes_first(
    operator: User, vendor: Vendor, vendor_user: User, gateway: Gateway, renewing: Authority
) -> None:
    issued(vendor_user, gateway)
    set_policy(vendor, actor=operator, authority=renewing, automatic=False, renews=True)
    request_certificate(vendor_user, gateway, lifetime_days=365, idempotency_key="own", key_type="P-256")
    renewed_after(61)
    assert not Batch.objects.exists()


def test_revoked_and_superseded_ones_are_left_alone(
    operator: User, vendor: Vendor, vendor_user: User, gateway: Gateway, renewing: Authority
) -> None:
    revoke(issued(vendor_user, gateway), actor=operator, reason="superseded")
    other = register(operator, vendor, OTHER)
    issued(vendor_user, other, days=90)
    issued(vendor_user, other, days=365)
    renewed_after(61)
    assert not Batch.objects.exists()


def test_only_where_the_policy_says_so(
    operator: User, vendor: Vendor, vendor_user: User, gateway: Gateway, issuing: Authority
) -> None:
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    issued(vendor_user, gateway)
    renewed_after(80)
    assert not Batch.objects.exists()


def test_without_a_usable_authority_nothing_breaks(
    operator: User, vendor: Vendor, vendor_user: User, gateway: Gateway, renewing: Authority
) -> None:
    issued(vendor_user, gateway)
    Authority.objects.filter(pk=renewing.pk).update(not_after=clock.now() + timedelta(days=1))
    renewed_after(61)
    assert Request.objects.count() == 1


def test_an_operator_approves_a_renewal_that_nobody_handed_in(
    operator: User, vendor: Vendor, vendor_user: User, gateway: Gateway, renewing: Authority
) -> None:
    issued(vendor_user, gateway)
    set_policy(vendor, actor=operator, authority=renewing, automatic=False, renews=True)
    renewed_after(61)
    batch = Batch.objects.get()
    with clock.at(clock.now() + timedelta(days=61)):
        batch = approve_batch(batch, actor=operator, expected_sha256=batch.lines_sha256)
        for pk in work_left(batch):
            work_on_chunk(pk)
    assert Certificate.objects.count() == 2
