"""A gateway that was moved to another vendor: what its former owner was certified stays the former owner's."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from cas.models import Authority
from certificates.models import Certificate
from certificates.services import revoke
from gateways.models import Gateway
from gateways.services import close_dispute
from tests.gateways.claims import claim

ClientOf = Callable[[User], Client]


@pytest.fixture
def moved(certificate: Certificate, operator: User, other_vendor_user: User) -> Gateway:
    """Certified by an authority of its former owner."""
    uploaded = {"origin": Authority.Origin.UPLOADED, "vendor": certificate.vendor_id, "key": None}
    Authority.objects.filter(pk=certificate.authority_id).update(**uploaded)
    close_dispute(claim(other_vendor_user, certificate.gateway.eui), actor=operator, outcome="moved", reason="Sold")
    return Gateway.objects.get()


def test_the_new_owner_reads_nothing_of_the_former_ones_authority(
    moved: Gateway, certificate: Certificate, other_vendor_user: User, client_of: ClientOf
) -> None:
    """G11: fails without `current_authority` among what `gateways.services._move` clears."""
    client = client_of(other_vendor_user)
    for path in (f"/gateways/{moved.pk}/", "/gateways/", "/"):
        page = client.get(path).content.decode()
        assert certificate.authority.name not in page
    export = b"".join(client.get("/gateways/export.csv").streaming_content)  # type: ignore[attr-defined]  # it streams
    assert moved.eui.encode() in export
    assert certificate.authority.name.encode() not in export


def test_what_becomes_of_the_former_ones_certificate_changes_nothing(
    moved: Gateway, certificate: Certificate, vendor_user: User
) -> None:
    """Fails without `vendor_id` in `certificates.services.current.refresh_current`."""
    Certificate.objects.create(
        **{
            name: getattr(certificate, name)
            for name in ("gateway", "vendor", "authority", "origin", "der", "not_before", "not_after", "key_type")
        },
        sha256="0" * 64, serial="77", spki_sha256="0" * 64,
    )  # fmt: skip
    revoke(certificate, actor=vendor_user, reason="superseded")
    moved.refresh_from_db()
    assert (moved.current_authority, moved.current_not_after) == (None, None)
