"""The page that registers a gateway, and what it understands while one types."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User, Vendor
from gateways.models import Dispute, Gateway

ClientOf = Callable[[User], Client]
PAGE = "/gateways/register/"
EUI = "58A0CBFFFE8011D4"


@pytest.mark.parametrize(
    "typed", [EUI, "58-a0-cb-ff-fe-80-11-d4", "58a0:cbff:fe80:11d4", "58 A0 CB FF FE 80 11 D4", f"eui-{EUI.lower()}"]
)
def test_it_takes_any_notation(typed: str, vendor_user: User, client_of: ClientOf) -> None:
    answer = client_of(vendor_user).post(PAGE, {"eui": typed, "name": "Mast"})
    gateway = Gateway.objects.get()
    assert gateway.eui == EUI
    assert answer["Location"] == f"/gateways/{gateway.pk}/"


@pytest.mark.parametrize("typed", ["58a0cbfffe8011d4", "58A0:CBFF:FE80:11D4"])
def test_it_says_at_once_what_it_understood(typed: str, vendor_user: User, client_of: ClientOf) -> None:
    fragment = client_of(vendor_user).get(f"{PAGE}reading/", {"eui": typed}).content.decode()
    assert EUI in fragment
    assert "<html" not in fragment


def test_it_says_at_once_what_is_wrong(vendor_user: User, client_of: ClientOf) -> None:
    fragment = client_of(vendor_user).get(f"{PAGE}reading/", {"eui": "58A0CBFFFE8011DO"}).content.decode()
    assert "Did you mean 0?" in fragment


def test_an_empty_field_says_nothing(vendor_user: User, client_of: ClientOf) -> None:
    assert client_of(vendor_user).get(f"{PAGE}reading/", {"eui": " "}).content.strip() == b""


def test_markup_that_is_typed_stays_inert(vendor_user: User, client_of: ClientOf) -> None:
    fragment = client_of(vendor_user).get(f"{PAGE}reading/", {"eui": "<script>"}).content.decode()
    assert "<script>" not in fragment


def test_a_mac_address_asks_before_it_becomes_an_eui(vendor_user: User, client_of: ClientOf) -> None:
    client = client_of(vendor_user)
    asked = client.post(PAGE, {"eui": "58:A0:CB:80:11:D4"})
    assert "Yes, insert FFFE" in asked.content.decode()
    assert not Gateway.objects.exists()
    client.post(PAGE, {"eui": "58:A0:CB:80:11:D4", "confirmed": "on"})
    assert Gateway.objects.get().eui == EUI


def test_an_operator_chooses_the_vendor(operator: User, vendor: Vendor, client_of: ClientOf) -> None:
    client = client_of(operator)
    client.post(PAGE, {"eui": EUI})
    assert not Gateway.objects.exists()
    client.post(PAGE, {"eui": EUI, "vendor": vendor.pk})
    assert Gateway.objects.get().vendor == vendor


def test_a_vendor_cannot_choose_another_vendor(vendor_user: User, other_vendor: Vendor, client_of: ClientOf) -> None:
    client_of(vendor_user).post(PAGE, {"eui": EUI, "vendor": other_vendor.pk})
    assert Gateway.objects.get().vendor == vendor_user.vendor


def test_its_own_gateway_is_shown_with_a_link(gateway: Gateway, vendor_user: User, client_of: ClientOf) -> None:
    page = client_of(vendor_user).post(PAGE, {"eui": gateway.eui}).content.decode()
    assert f'href="/gateways/{gateway.pk}/"' in page


def test_another_vendors_gateway_is_refused_and_disputed(
    gateway: Gateway, other_vendor_user: User, client_of: ClientOf
) -> None:
    page = client_of(other_vendor_user).post(PAGE, {"eui": gateway.eui, "name": "Mine"}).content.decode()
    assert "registered by somebody else" in page
    assert gateway.vendor.name not in page
    assert gateway.name not in page
    assert f"/gateways/{gateway.pk}/" not in page
    assert 'value="Mine"' in page  # what was typed is kept
    assert Dispute.objects.open().count() == 1


def test_an_auditor_registers_nothing(auditor: User, client_of: ClientOf) -> None:
    assert client_of(auditor).post(PAGE, {"eui": EUI}).status_code == 403


def test_a_stranger_is_asked_to_sign_in(db: None) -> None:
    assert Client().get(PAGE)["Location"].startswith("/login/")
