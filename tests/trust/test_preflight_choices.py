"""The preflight page against what is live, published, drafted or past; for a request; and the gateway's side."""

from collections.abc import Callable
from html import unescape

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock
from gateways.models import Gateway
from tests.pki import makers
from tests.pki.makers import Made, make_leaf
from trust.models import Group, Release, Store
from trust.services import live
from trust.services.groups import add_to_group
from trust.services.releases import publish_release
from trust.tasks import publish

ClientOf = Callable[[User], Client]
EUI = "58A0CBFFFE8011D4"


@pytest.fixture
def leaf(issuing: Made) -> str:
    return make_leaf(issuing, EUI).pem.decode()


@pytest.fixture
def stored(operator: User, group: Group, other_authority: Authority, directory: Store) -> Release:
    add_to_group(operator, group, other_authority)
    release = publish_release(operator, group)
    publish(release.publications.get().pk)
    return release


def _asked(client: Client, **data: str) -> str:
    return unescape(client.post("/trust/preflight/", {"at": "", **data}).content.decode())


def test_what_is_live_refuses_what_came_later(
    operator: User, group: Group, stored: Release, directory: Store, authority: Authority, leaf: str,
    client_of: ClientOf,
) -> None:  # fmt: skip
    client = client_of(operator)
    cluster, _ = live.create_cluster(operator, "eu1", directory)
    live.mark_live(operator, cluster, stored)
    add_to_group(operator, group, authority)
    publish(publish_release(operator, group).publications.get().pk)
    assert "Refused: its issuing CA is not in the bundle" in _asked(client, leaf=leaf, against=f"live:{cluster.pk}")
    assert "Refused: its issuing CA is not in the bundle" in _asked(client, leaf=leaf, against=f"release:{stored.pk}")
    assert "Refused" not in _asked(client, leaf=leaf, against="published")


def test_a_past_release_names_the_newer_one_that_has_the_authority(
    operator: User, group: Group, stored: Release, authority: Authority, leaf: str, client_of: ClientOf
) -> None:
    """Falls with: `_is_published` in trust.services.verdicts._not_live."""
    add_to_group(operator, group, authority)
    newer = publish_release(operator, group)
    client, against = client_of(operator), f"release:{stored.pk}"
    on_its_way = _asked(client, leaf=leaf, against=against)
    assert "Release 1 does not hold its issuing CA; release 2 does, and is on its way to the stores." in on_its_way
    publish(newer.publications.get().pk)
    page = _asked(client, leaf=leaf, against=against)
    assert "Release 1 does not hold its issuing CA; release 2 does, and is published." in page
    assert "in no published release" not in page


def test_a_vendor_is_not_offered_past_releases(
    vendor_user: User, operator: User, stored: Release, leaf: str, client_of: ClientOf
) -> None:
    client = client_of(vendor_user)
    assert f"release:{stored.pk}" not in client.get("/trust/preflight/").content.decode()
    assert "Select a valid choice" in _asked(client, leaf=leaf, against=f"release:{stored.pk}")


def test_a_request_is_told_what_would_come_of_it(
    vendor_user: User, gateway_of_vendor: Gateway, client_of: ClientOf
) -> None:
    csr = makers.to_pem(makers.make_csr(EUI), "CERTIFICATE REQUEST").decode()
    page = _asked(client_of(vendor_user), leaf=csr, against="published")
    assert "A certificate can be made from it" in page
    assert "No authority is set to issue for its vendor" in page
    assert "The gateway's side" in page


def test_a_request_with_another_name_is_refused(vendor_user: User, client_of: ClientOf) -> None:
    csr = makers.to_pem(makers.make_csr(EUI.lower()), "CERTIFICATE REQUEST").decode()
    assert "No certificate can be made" in _asked(client_of(vendor_user), leaf=csr, against="published")


@pytest.fixture
def gateway_of_vendor(vendor: Vendor) -> Gateway:
    return Gateway.objects.create(eui=EUI, vendor=vendor, registered_at=clock.now())


def test_the_gateways_side_names_a_key_that_it_cannot_be_sent(
    operator: User, issuing: Made, trusted: Authority, client_of: ClientOf
) -> None:
    leaf = make_leaf(issuing, EUI, key=makers.curve_key(ec.SECP384R1)).pem.decode()
    assert "cannot be replaced over the air" in _asked(client_of(operator), leaf=leaf, against="draft")
