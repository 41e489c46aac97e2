"""Claims: what a vendor registers outside of its blocks waits for an operator."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User, Vendor
from accounts.services.vendors import add_contact
from audit.models import Record
from core.errors import Forbidden, Refused
from gateways.models import Claim, Gateway
from gateways.services import claim, decide_claims, register, register_or_claim, withdraw_claim
from outbox.models import Message

ClientOf = Callable[[User], Client]
PAGE = "/gateways/claims/"
OUTSIDE = "0016C0FFFE000001"
WAITING = Claim.objects.waiting


@pytest.fixture
def waiting(vendor_user: User, vendor: Vendor) -> Claim:
    return claim(vendor_user, vendor, OUTSIDE, name="Mast", model="Kona Mega")


def test_outside_of_its_blocks_a_vendor_gets_no_gateway(vendor_user: User, vendor: Vendor) -> None:
    made = register_or_claim(vendor_user, vendor, OUTSIDE, "Mast", model="Kona Mega")
    assert isinstance(made, Claim)
    assert not Gateway.objects.exists()
    assert Record.objects.get(action="claim.made").vendor_id == vendor.pk


def test_asking_twice_is_asking_once(waiting: Claim, vendor_user: User, vendor: Vendor) -> None:
    assert claim(vendor_user, vendor, OUTSIDE) == waiting


def test_an_operator_registers_it_with_what_was_said_of_it(waiting: Claim, operator: User, vendor: Vendor) -> None:
    add_contact(operator, vendor, name="Desk", email="desk@kestrel.example")
    assert decide_claims(WAITING(), actor=operator, outcome="registered").done == 1
    gateway = Gateway.objects.get()
    assert (gateway.eui, gateway.vendor, gateway.name, gateway.model) == (OUTSIDE, vendor, "Mast", "Kona Mega")
    mail = Message.objects.get(recipient="desk@kestrel.example")
    assert "1 registered" in mail.subject
    assert OUTSIDE in mail.text
    assert Record.objects.about("gateway", gateway.pk).get().action == "gateway.registered"


def test_a_refusal_says_why_and_the_vendor_reads_it(waiting: Claim, operator: User, vendor_user: User) -> None:
    with pytest.raises(Refused) as refusal:
        decide_claims(WAITING(), actor=operator, outcome="refused", reason=" ")
    assert refusal.value.code == "reason-needed"
    decide_claims(WAITING(), actor=operator, outcome="refused", reason="Not one of yours")
    assert not Gateway.objects.exists()
    assert "Not one of yours" in Message.objects.get(recipient=vendor_user.email).text


def test_what_was_registered_meanwhile_is_no_second_gateway(
    waiting: Claim, operator: User, other_vendor: Vendor
) -> None:
    register(operator, other_vendor, OUTSIDE)
    decided = decide_claims(WAITING(), actor=operator, outcome="registered")
    assert (decided.done, decided.taken) == (0, 1)
    assert Gateway.objects.get().vendor == other_vendor
    waiting.refresh_from_db()
    assert waiting.outcome == Claim.Outcome.REFUSED


def test_registered_by_an_operator_the_claim_is_settled(waiting: Claim, operator: User, vendor: Vendor) -> None:
    register(operator, vendor, OUTSIDE)
    assert not WAITING().exists()


def test_two_who_want_the_same_are_not_decided_in_passing(
    waiting: Claim, operator: User, other_vendor_user: User, other_vendor: Vendor
) -> None:
    claim(other_vendor_user, other_vendor, OUTSIDE)
    with pytest.raises(Refused) as refusal:
        decide_claims(WAITING(), actor=operator, outcome="registered")
    assert refusal.value.code == "claims-collide"
    decide_claims(WAITING().filter(pk=waiting.pk), actor=operator, outcome="registered")
    assert decide_claims(WAITING(), actor=operator, outcome="registered").taken == 1


def test_only_an_operator_decides(waiting: Claim, vendor_user: User, auditor: User) -> None:
    for person in (vendor_user, auditor):
        with pytest.raises(Forbidden):
            decide_claims(WAITING(), actor=person, outcome="registered")


def test_a_claim_is_decided_once(waiting: Claim, operator: User) -> None:
    decide_claims(WAITING(), actor=operator, outcome="registered")
    with pytest.raises(Refused) as refusal:
        decide_claims(Claim.objects.all(), actor=operator, outcome="refused", reason="Late")
    assert refusal.value.code == "claims-closed"


def test_a_vendor_takes_back_what_it_asked_for(waiting: Claim, vendor_user: User, client_of: ClientOf) -> None:
    client_of(vendor_user).post(f"{PAGE}{waiting.pk}/withdraw/")
    assert not Claim.objects.exists()
    with pytest.raises(Refused):
        withdraw_claim(waiting, actor=vendor_user)


def test_another_vendors_claim_is_not_there(waiting: Claim, other_vendor_user: User, client_of: ClientOf) -> None:
    client = client_of(other_vendor_user)
    assert client.post(f"{PAGE}{waiting.pk}/withdraw/").status_code == 404
    assert OUTSIDE not in client.get(PAGE).text
    assert Claim.objects.exists()


def test_the_register_page_leads_to_the_claims(vendor_user: User, client_of: ClientOf) -> None:
    client = client_of(vendor_user)
    answer = client.post("/gateways/register/", {"eui": OUTSIDE, "model": "Kona"}, follow=True)
    assert "lies outside of your blocks" in answer.text
    assert Claim.objects.get().model == "Kona"


def test_the_page_says_whose_block_it_is_and_who_else_asks_to_operators_only(
    waiting: Claim,
    operator: User,
    vendor_user: User,
    other_vendor: Vendor,
    other_vendor_user: User,
    client_of: ClientOf,
) -> None:
    claim(other_vendor_user, other_vendor, OUTSIDE)
    claim(vendor_user, waiting.vendor, "AC1F09FFFE000001")
    page = client_of(operator).get(PAGE).text
    assert "also claimed" in page
    assert f"a block of {other_vendor.name}" in page
    assert other_vendor.name not in client_of(vendor_user).get(PAGE).text


def test_those_that_are_ticked_are_decided_and_no_others(
    waiting: Claim, operator: User, vendor_user: User, vendor: Vendor, client_of: ClientOf
) -> None:
    claim(vendor_user, vendor, "0016C0FFFE000002")
    client_of(operator).post(f"{PAGE}decide/", {"pick": waiting.pk, "outcome": "registered"})
    assert Gateway.objects.get().eui == OUTSIDE


def test_all_of_a_vendor_are_decided_together(
    waiting: Claim, operator: User, other_vendor: Vendor, other_vendor_user: User, client_of: ClientOf
) -> None:
    claim(other_vendor_user, other_vendor, "0016C0FFFE000002")
    address = f"{PAGE}decide/?vendor={waiting.vendor_id}"
    client_of(operator).post(address, {"all": "on", "outcome": "registered"})
    assert Gateway.objects.get().eui == OUTSIDE
    assert WAITING().count() == 1


def test_what_cannot_be_decided_is_said_on_the_page(waiting: Claim, operator: User, client_of: ClientOf) -> None:
    answer = client_of(operator).post(f"{PAGE}decide/", {"all": "on", "outcome": "refused"})
    assert answer.status_code == 400
    assert "Say why" in answer.text


def test_others_do_not_decide_on_the_page(
    waiting: Claim, vendor_user: User, auditor: User, client_of: ClientOf
) -> None:
    for person in (vendor_user, auditor):
        assert client_of(person).post(f"{PAGE}decide/", {"all": "on", "outcome": "registered"}).status_code == 403
    assert Client().post(f"{PAGE}decide/").status_code == 302
    assert not Gateway.objects.exists()


@pytest.mark.parametrize("chosen", ["x", "-1", "9" * 30, "²"])
def test_nonsense_in_the_address_is_no_filter(chosen: str, waiting: Claim, operator: User, client_of: ClientOf) -> None:
    for page in (PAGE, "/gateways/blocks/"):
        assert client_of(operator).get(page, {"vendor": chosen}).status_code == 200
