"""Gateways out of use: nothing is certified for them, and nobody is warned of them."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User, Vendor
from audit.models import Record
from certificates.models import Certificate, Request
from certificates.services import approve_request, issue, record_leaf, request_certificate, retire, take_back
from certificates.services.batch_checking import check_chunk
from certificates.services.batches import Entry, Wish, create_batch, work_left
from core.errors import Forbidden, Refused
from gateways.models import Gateway

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User], Client]
PAGE = "/gateways/retire/"
GATEWAYS = Gateway.objects.all


def test_a_retired_gateway_has_no_certificate_in_force(certificate: Certificate, vendor_user: User) -> None:
    assert retire(GATEWAYS(), actor=vendor_user, typed="1") == 1
    certificate.refresh_from_db()
    gateway = Gateway.objects.get()
    assert certificate.revoked_at
    assert (gateway.standing, gateway.current_not_after) == ("retired", None)
    assert Record.objects.get(action="gateway.retired").vendor_id == gateway.vendor_id


def test_it_gets_none_whatever_the_way(
    certificate: Certificate, vendor_user: User, vendor: Vendor, operator: User
) -> None:
    retire(GATEWAYS(), actor=operator, typed="1")
    gateway = Gateway.objects.get()
    with pytest.raises(Refused, match="out of use"):
        request_certificate(vendor_user, gateway, lifetime_days=365, idempotency_key="x", key_type="P-256")
    with pytest.raises(Refused, match="out of use"):
        record_leaf(vendor_user, gateway, b"anything")
    wish = Wish("a test", 365, "P-256")
    batch = create_batch(vendor_user, vendor, [Entry(gateway.eui)], wish, idempotency_key="x")
    for pk in work_left(batch):
        check_chunk(pk)
    assert batch.chunks.get().refused == 1


def test_what_was_approved_before_is_stopped(approved: Request, operator: User) -> None:
    retire(GATEWAYS(), actor=operator, typed="1")
    assert issue(approved.pk) is None
    approved.refresh_from_db()
    assert approved.state == Request.State.FAILED


def test_what_waits_for_approval_comes_to_nothing(wish: Request, vendor_user: User, operator: User) -> None:
    retire(GATEWAYS(), actor=vendor_user, typed="1")
    wish.refresh_from_db()
    assert (wish.state, wish.failure) == (Request.State.FAILED, "The gateway is out of use.")
    with pytest.raises(Refused):
        approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)


def test_taken_back_it_gets_certificates_again(certificate: Certificate, vendor_user: User) -> None:
    retire(GATEWAYS(), actor=vendor_user, typed="1")
    take_back(Gateway.objects.get(), actor=vendor_user)
    gateway = Gateway.objects.get()
    assert gateway.standing == "none"
    assert request_certificate(vendor_user, gateway, lifetime_days=365, idempotency_key="y", key_type="P-256").pk
    with pytest.raises(Refused):
        take_back(gateway, actor=vendor_user)


def test_nobody_retires_anothers(certificate: Certificate, other_vendor_user: User, auditor: User) -> None:
    for person in (other_vendor_user, auditor):
        with pytest.raises(Forbidden):
            retire(GATEWAYS(), actor=person, typed="1")
    certificate.refresh_from_db()
    assert not certificate.revoked_at


def test_a_former_owners_certificate_is_not_the_new_ones_to_revoke(
    certificate: Certificate, other_vendor: Vendor, other_vendor_user: User
) -> None:
    Gateway.objects.update(vendor=other_vendor)
    retire(GATEWAYS(), actor=other_vendor_user, typed="1")
    certificate.refresh_from_db()
    assert not certificate.revoked_at


def test_the_page_retires_what_the_filter_shows(
    certificate: Certificate, vendor_user: User, client_of: ClientOf
) -> None:
    client = client_of(vendor_user)
    assert "Retire 1 gateway<" in client.get(PAGE).text
    assert "Type 1 to do this" in client.post(PAGE, {"typed": "2"}).text
    client.post(PAGE, {"typed": "1"})
    assert Gateway.objects.get().retired_at
    assert "No gateway fits" in client.get(PAGE).text
    client.post(f"/gateways/{Gateway.objects.get().pk}/take-back/")
    assert not Gateway.objects.get().retired_at


def test_others_do_not(certificate: Certificate, other_vendor_user: User, auditor: User, client_of: ClientOf) -> None:
    assert "No gateway fits" in client_of(other_vendor_user).get(PAGE).text
    client_of(other_vendor_user).post(PAGE, {"typed": "1"})
    assert client_of(other_vendor_user).post(f"/gateways/{certificate.gateway_id}/take-back/").status_code == 404
    assert client_of(auditor).get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302
    assert not Gateway.objects.get().retired_at
