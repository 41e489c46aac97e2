"""The pages of a gateway."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from gateways.models import Dispute, Gateway
from gateways.services import close_dispute

ClientOf = Callable[[User], Client]


def test_its_owner_sees_it_in_every_notation(gateway: Gateway, vendor_user: User, client_of: ClientOf) -> None:
    page = client_of(vendor_user).get(f"/gateways/{gateway.pk}/").content.decode()
    for words in (gateway.eui, "58-A0-CB-FF-FE-80-11-D4", "58a0:cbff:fe80:11d4", "Kvitfjell mast", "No certificate"):
        assert words in page


@pytest.mark.parametrize("path", ["", "edit/"])
def test_another_vendor_gets_404(path: str, gateway: Gateway, other_vendor_user: User, client_of: ClientOf) -> None:
    """G11: fails without `visible_to` in the views."""
    client = client_of(other_vendor_user)
    assert client.get(f"/gateways/{gateway.pk}/{path}").status_code == 404
    assert client.post(f"/gateways/{gateway.pk}/edit/", {"name": "Mine"}).status_code == 404


def test_what_does_not_apply_is_refused(
    gateway: Gateway, auditor: User, vendor_user: User, client_of: ClientOf
) -> None:
    assert client_of(auditor).get(f"/gateways/{gateway.pk}/edit/").status_code == 403
    assert client_of(vendor_user).post(f"/gateways/{gateway.pk}/").status_code == 405
    assert Client().get(f"/gateways/{gateway.pk}/").status_code == 302


def test_an_auditor_sees_no_action(gateway: Gateway, auditor: User, client_of: ClientOf) -> None:
    page = client_of(auditor).get(f"/gateways/{gateway.pk}/").content.decode()
    assert "Request certificate" not in page
    assert "Edit" not in page


def test_markup_in_a_name_stays_inert(gateway: Gateway, vendor_user: User, client_of: ClientOf) -> None:
    client = client_of(vendor_user)
    client.post(f"/gateways/{gateway.pk}/edit/", {"name": "<b>mast</b>", "notes": "<script>alert(1)</script>"})
    for page in (f"/gateways/{gateway.pk}/", "/gateways/"):
        text = client.get(page).content.decode()
        assert "&lt;b&gt;mast" in text
        assert "<b>mast" not in text
        assert "<script>alert" not in text


def test_its_history_is_told(gateway: Gateway, vendor_user: User, client_of: ClientOf) -> None:
    client_of(vendor_user).post(f"/gateways/{gateway.pk}/edit/", {"name": "Top", "notes": ""})
    page = client_of(vendor_user).get(f"/gateways/{gateway.pk}/").content.decode()
    assert "registered" in page
    assert "described anew" in page


def test_a_new_owner_does_not_read_the_former_owners_history(
    dispute: Dispute, operator: User, other_vendor_user: User, vendor_user: User, client_of: ClientOf
) -> None:
    close_dispute(dispute, actor=operator, outcome="moved", reason="Sold")
    page = client_of(other_vendor_user).get(f"/gateways/{dispute.gateway_id}/").content.decode()
    assert "moved to another vendor" in page
    assert "registered</span>" not in page
    assert client_of(vendor_user).get(f"/gateways/{dispute.gateway_id}/").status_code == 404
