"""What a gateway showed when it was last seen: a part of its page."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from certificates.models import Certificate
from certificates.services import revoke
from core import clock
from gateways.models import Gateway

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User], Client]


def seen(certificate: Certificate, sha256: str = "") -> None:
    now = clock.now()
    facts = {"first_seen_at": now, "last_seen_at": now, "sightings": 1, "last_seen_sha256": sha256}
    Gateway.objects.filter(pk=certificate.gateway_id).update(**facts)


def part(client: Client, certificate: Certificate) -> str:
    return client.get(f"/gateways/{certificate.gateway_id}/certificates/").text


def test_without_a_sighting_the_page_says_not_known_and_never_silent(
    certificate: Certificate, vendor_user: User, client_of: ClientOf
) -> None:
    page = client_of(vendor_user).get(f"/gateways/{certificate.gateway_id}/").text
    assert "not known: nobody tells us" in page
    assert "silent" not in page.lower()
    assert "Seen " not in part(client_of(vendor_user), certificate)


def test_the_certificate_that_it_showed_is_named(
    certificate: Certificate, vendor_user: User, client_of: ClientOf
) -> None:
    seen(certificate, certificate.sha256)
    shown = part(client_of(vendor_user), certificate)
    assert f'href="/certificates/{certificate.pk}/"' in shown
    assert "c-note-warning" not in shown


def test_a_sighting_without_a_hash_says_what_is_not_known(
    certificate: Certificate, vendor_user: User, client_of: ClientOf
) -> None:
    seen(certificate)
    assert "Which certificate it showed is not known" in part(client_of(vendor_user), certificate)


def test_a_revoked_one_warns(certificate: Certificate, operator: User, client_of: ClientOf) -> None:
    seen(certificate, certificate.sha256)
    revoke(certificate, actor=operator, reason="superseded")
    shown = part(client_of(operator), certificate)
    assert "which is revoked" in shown
    assert "c-note-warning" in shown


def test_one_that_nobody_recorded_warns(certificate: Certificate, operator: User, client_of: ClientOf) -> None:
    seen(certificate, "0" * 64)
    assert "not on record here" in part(client_of(operator), certificate)


def test_what_a_newer_one_superseded_says_by_which(
    certificate: Certificate, operator: User, client_of: ClientOf
) -> None:
    """The gateway still shows the old one, and the axis says which came after it."""
    names = [field.attname for field in Certificate._meta.concrete_fields if field.attname not in ("id", "request_id")]
    facts = {name: getattr(certificate, name) for name in names} | {"sha256": "1" * 64, "serial": "77", "key_id": None}
    later = certificate.not_after - certificate.not_before
    facts |= {"not_after": certificate.not_after + later, "created_at": clock.now()}
    newer = Certificate.objects.create(**facts)
    seen(certificate, certificate.sha256)
    shown = part(client_of(operator), certificate)
    assert "which a newer one superseded" in shown
    assert f"superseded by that of {newer.not_before:%d %b %Y}" in shown


def test_another_vendors_certificate_is_not_named(
    certificate: Certificate, other_vendor_user: User, client_of: ClientOf
) -> None:
    """The gateway moved, and still shows what its former owner had."""
    seen(certificate, certificate.sha256)
    Gateway.objects.update(vendor=other_vendor_user.vendor)
    shown = part(client_of(other_vendor_user), certificate)
    assert "not on record here" in shown
    assert f"/certificates/{certificate.pk}/" not in shown
