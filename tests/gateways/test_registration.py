"""Registering gateways: one EUI, one owner."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from accounts.models import User, Vendor
from audit.models import Record
from core import clock
from core.errors import Forbidden, Refused, TooMany
from gateways.models import Claim, Dispute, Gateway
from gateways.services import describe, register, register_or_claim
from tests.gateways.claims import claim

EUI = "58A0CBFFFE8011D4"


def test_a_vendor_registers_its_gateway(vendor_user: User, vendor: Vendor) -> None:
    gateway = register(vendor_user, vendor, EUI, "Kvitfjell mast")
    assert (gateway.eui, gateway.vendor, gateway.registered_by) == (EUI, vendor, vendor_user)
    assert Record.objects.get(action="gateway.registered").subject_name == EUI


def test_it_takes_the_canonical_form_only(vendor_user: User, vendor: Vendor) -> None:
    with pytest.raises(Refused) as refusal:
        register(vendor_user, vendor, EUI.lower())
    assert refusal.value.code == "eui-not-canonical"


def test_its_own_gateway_a_second_time_is_no_dispute(gateway: Gateway, vendor_user: User, vendor: Vendor) -> None:
    with pytest.raises(Refused) as refusal:
        register(vendor_user, vendor, gateway.eui)
    assert refusal.value.code == "eui-registered"
    assert not Dispute.objects.exists()


def test_a_taken_eui_is_refused_without_saying_whose(gateway: Gateway, other_vendor_user: User) -> None:
    assert other_vendor_user.vendor is not None
    with pytest.raises(Refused) as refusal:
        register(other_vendor_user, other_vendor_user.vendor, gateway.eui)
    assert refusal.value.code == "eui-taken"
    assert gateway.vendor.name not in refusal.value.message


@pytest.mark.django_db(transaction=True)
def test_a_second_claim_stays_on_record_though_it_is_refused(gateway: Gateway, other_vendor_user: User) -> None:
    """G12: fails without `get_or_create` in `gateways.services.registration._refuse_taken`."""
    dispute = claim(other_vendor_user, gateway.eui)
    assert Gateway.objects.get().vendor == gateway.vendor
    assert dispute.claimed_by == other_vendor_user
    assert Record.objects.filter(action="dispute.opened", vendor_id=other_vendor_user.vendor_id).count() == 1


def test_claiming_again_opens_no_second_dispute(gateway: Gateway, other_vendor_user: User) -> None:
    assert claim(other_vendor_user, gateway.eui) == claim(other_vendor_user, gateway.eui)
    assert Record.objects.filter(action="dispute.opened").count() == 1


def test_nobody_registers_for_another_vendor(vendor_user: User, other_vendor: Vendor) -> None:
    with pytest.raises(Forbidden):
        register(vendor_user, other_vendor, EUI)
    assert not Gateway.objects.exists()


def test_a_vendor_claims_so_many_a_day_and_no_more(
    gateway: Gateway, other_vendor_user: User, other_vendor: Vendor, settings: Settings
) -> None:
    settings.GATEWAYS_PER_DAY = 2
    assert isinstance(register_or_claim(other_vendor_user, other_vendor, "58A0CBFFFE800001"), Claim)
    claim(other_vendor_user, gateway.eui)
    with pytest.raises(TooMany):
        register_or_claim(other_vendor_user, other_vendor, "58A0CBFFFE800002")
    register(other_vendor_user, other_vendor, "AC1F09FFFE800002")  # its own block
    with clock.at(clock.now() + timedelta(days=1, seconds=1)):
        register_or_claim(other_vendor_user, other_vendor, "58A0CBFFFE800002")


def test_an_operator_registers_without_a_quota(operator: User, vendor: Vendor, settings: Settings) -> None:
    settings.GATEWAYS_PER_DAY = 0
    assert register(operator, vendor, EUI).pk


def test_it_is_registered_at_the_instant_of_the_clock(operator: User, vendor: Vendor) -> None:
    instant = datetime(2026, 2, 3, tzinfo=UTC)
    with clock.at(instant):
        assert register(operator, vendor, EUI).registered_at == instant


def test_name_and_notes_can_change(gateway: Gateway, vendor_user: User) -> None:
    describe(gateway, actor=vendor_user, name="Kvitfjell top", notes="Key at the lift")
    gateway.refresh_from_db()
    assert (gateway.name, gateway.notes) == ("Kvitfjell top", "Key at the lift")


def test_another_vendor_cannot_describe_it(gateway: Gateway, other_vendor_user: User) -> None:
    with pytest.raises(Forbidden):
        describe(gateway, actor=other_vendor_user, name="Mine", notes="")
