"""Who owns a gateway that two claim."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User, Vendor
from audit.models import Record
from core.errors import Forbidden, Refused
from gateways.models import Dispute, Gateway
from gateways.services import close_dispute, refuse_unfit

ClientOf = Callable[[User], Client]


def test_a_disputed_gateway_gets_no_certificate(dispute: Dispute) -> None:
    """G12: fails without the query in `gateways.services.refuse_unfit`."""
    with pytest.raises(Refused) as refusal:
        refuse_unfit(dispute.gateway)
    assert refusal.value.code == "gateway-disputed"


def test_an_operator_leaves_it_with_its_owner(dispute: Dispute, operator: User, vendor: Vendor) -> None:
    close_dispute(dispute, actor=operator, outcome="kept", reason="The owner sent the delivery note")
    assert Gateway.objects.get().vendor == vendor
    refuse_unfit(dispute.gateway)


def test_an_operator_moves_it_to_the_claimant(dispute: Dispute, operator: User, other_vendor: Vendor) -> None:
    close_dispute(dispute, actor=operator, outcome="moved", reason="Sold last year")
    moved = Gateway.objects.get()
    assert (moved.vendor, moved.name, moved.notes) == (other_vendor, "", "")  # the words were the former owner's
    assert Record.objects.filter(action="gateway.moved").count() == 2


def test_a_dispute_is_decided_once(dispute: Dispute, operator: User, vendor: Vendor) -> None:
    close_dispute(dispute, actor=operator, outcome="kept", reason="First")
    with pytest.raises(Refused) as refusal:
        close_dispute(dispute, actor=operator, outcome="moved", reason="Second")
    assert refusal.value.code == "dispute-closed"
    assert Gateway.objects.get().vendor == vendor


def test_only_an_operator_decides(dispute: Dispute, vendor_user: User, auditor: User) -> None:
    for person in (vendor_user, auditor):
        with pytest.raises(Forbidden):
            close_dispute(dispute, actor=person, outcome="kept", reason="Mine")


def test_operators_see_who_disputes_what(dispute: Dispute, operator: User, client_of: ClientOf) -> None:
    page = client_of(operator).get("/gateways/disputes/").content.decode()
    assert dispute.gateway.eui in page
    assert dispute.claimant.name in page


def test_the_gateway_says_that_it_is_disputed_and_not_by_whom(
    dispute: Dispute, vendor_user: User, client_of: ClientOf
) -> None:
    page = client_of(vendor_user).get(f"/gateways/{dispute.gateway_id}/").content.decode()
    assert "disputed" in page
    assert dispute.claimant.name not in page


def test_the_list_leads_operators_to_open_disputes(
    dispute: Dispute, operator: User, vendor_user: User, client_of: ClientOf
) -> None:
    assert "1 dispute" in client_of(operator).get("/gateways/").content.decode()
    assert "1 dispute" not in client_of(vendor_user).get("/gateways/").content.decode()


def test_the_page_decides(dispute: Dispute, operator: User, client_of: ClientOf) -> None:
    answer = client_of(operator).post(f"/gateways/disputes/{dispute.pk}/", {"outcome": "moved", "reason": "Sold"})
    assert answer["Location"] == "/gateways/disputes/"
    assert Gateway.objects.get().vendor == dispute.claimant


def test_the_page_wants_a_reason(dispute: Dispute, operator: User, client_of: ClientOf) -> None:
    client_of(operator).post(f"/gateways/disputes/{dispute.pk}/", {"outcome": "moved", "reason": ""})
    assert Dispute.objects.open().exists()
