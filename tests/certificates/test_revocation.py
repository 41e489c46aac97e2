"""Revoking, and what a gateway's row says then."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.x509.ocsp import OCSPCertStatus, load_der_ocsp_response
from django.test import Client

from accounts.models import User
from audit.models import Record
from cas.models import Authority, Signing
from cas.services.ocsp import answer
from cas.services.ocsp_signers import renew_signer
from cas.services.revocation_lists import newest_list
from certificates.models import Certificate
from certificates.services import approve_request, issue, request_certificate, revoke
from core import clock
from core.bell import in_process
from core.errors import Forbidden, Refused
from gateways.models import Gateway
from outbox.models import Message
from tests.cas.test_ocsp import request_of
from tests.cas.test_revocation_lists import read, serials

ClientOf = Callable[[User], Client]


def second(first: Certificate, operator: User, days: int = 730) -> Certificate:
    """Another certificate of the same gateway."""
    assert first.request is not None
    asker = first.request.requested_by
    assert asker is not None
    wish = request_certificate(asker, first.gateway, lifetime_days=days, idempotency_key="2nd", key_type="P-256")
    approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    made = issue(wish.pk)
    assert made is not None
    return made


def test_its_vendor_revokes_it(certificate: Certificate, vendor_user: User) -> None:
    done = revoke(certificate, actor=vendor_user, reason="keyCompromise")
    assert (done.revocation_reason, done.revoked_by) == ("keyCompromise", vendor_user)
    assert Record.objects.get(action="certificate.revoked").details["reason"] == "keyCompromise"


def test_the_register_of_signatures_knows(certificate: Certificate, operator: User) -> None:
    revoke(certificate, actor=operator, reason="superseded")
    signing = Signing.objects.get(request__certificate=certificate)
    assert (signing.revoked_at is not None, signing.revocation_reason) == (True, "superseded")


def test_what_was_issued_is_not_revoked_in_the_register_alone(
    certificate: Certificate, operator: User, client_of: ClientOf
) -> None:
    """Fails without `may_exist()` in `cas.views.details.revoke_signing`: the certificate would still look valid."""
    signing = Signing.objects.get(request__certificate=certificate)
    answer = client_of(operator).post(f"/authorities/signings/{signing.pk}/revoke/", {"reason": "superseded"})
    assert answer.status_code == 404
    signing.refresh_from_db()
    assert signing.revoked_at is None


def test_it_is_revoked_once(certificate: Certificate, operator: User) -> None:
    revoke(certificate, actor=operator, reason="superseded")
    with pytest.raises(Refused) as refused:
        revoke(certificate, actor=operator, reason="keyCompromise")
    assert refused.value.code == "already-revoked"


def test_a_reason_is_one_of_the_standard(certificate: Certificate, operator: User) -> None:
    with pytest.raises(Refused) as refused:
        revoke(certificate, actor=operator, reason="I like to")
    assert refused.value.code == "reason-unknown"


def test_nobody_else_revokes(certificate: Certificate, other_vendor_user: User, auditor: User) -> None:
    for person in (other_vendor_user, auditor):
        with pytest.raises(Forbidden):
            revoke(certificate, actor=person, reason="unspecified")


def test_the_gateway_falls_back_to_its_other_certificate(
    certificate: Certificate, issuing: Authority, operator: User
) -> None:
    longer = second(certificate, operator)
    assert Gateway.objects.get().current_not_after == longer.not_after
    revoke(longer, actor=operator, reason="superseded")
    assert Gateway.objects.get().current_not_after == certificate.not_after
    revoke(certificate, actor=operator, reason="superseded")
    assert (Gateway.objects.get().current_not_after, Gateway.objects.get().current_authority) == (None, None)


def test_a_gateway_is_off_the_air_when_its_authority_ends(
    certificate: Certificate, issuing: Authority, operator: User
) -> None:
    end = certificate.not_after - timedelta(days=100)
    Authority.objects.filter(pk=issuing.pk).update(not_after=end)
    second(certificate, operator, days=90)
    assert Gateway.objects.get().current_not_after == end


@pytest.mark.parametrize(("days", "standing"), [(0, "valid"), (330, "soon"), (366, "expired")])
def test_how_it_stands_follows_the_clock(days: int, standing: str, certificate: Certificate) -> None:
    with clock.at(clock.now() + timedelta(days=days)):
        assert Certificate.objects.standing(standing, clock.now()).get() == certificate
        assert certificate.standing == standing


def test_a_replaced_certificate_is_superseded_while_its_successor_is_good(
    certificate: Certificate, operator: User
) -> None:
    later = second(certificate, operator)
    assert Certificate.objects.standing("superseded", clock.now()).get() == certificate
    assert Certificate.objects.current(clock.now()).get() == later
    revoke(later, actor=operator, reason="unspecified")
    assert not Certificate.objects.standing("superseded", clock.now()).exists()
    assert Certificate.objects.standing("revoked", clock.now()).get() == later


def test_the_page_says_first_who_honours_it(certificate: Certificate, vendor_user: User, client_of: ClientOf) -> None:
    page = client_of(vendor_user).get(f"/certificates/{certificate.pk}/revoke/").content.decode()
    assert "The Things Stack does not honour it" in page
    assert "Proxies that load our list" in page
    assert "/trust/proxies/" not in page  # which vendors may not read
    assert Certificate.objects.get().revoked_at is None


def test_of_an_authority_of_others_the_page_promises_nothing(
    certificate: Certificate, vendor_user: User, client_of: ClientOf
) -> None:
    """Fails where the page promises a list that nobody makes."""
    Authority.objects.filter(pk=certificate.authority_id).update(origin="uploaded", key=None)
    page = client_of(vendor_user).get(f"/certificates/{certificate.pk}/revoke/").content.decode()
    assert "No list of ours" in page
    assert "Proxies that load our list" not in page


def test_the_vendor_is_told_who_honours_it(certificate: Certificate, vendor_user: User, operator: User) -> None:
    revoke(certificate, actor=operator, reason="keyCompromise")
    mail = Message.objects.get(key=f"certificate_revoked:{certificate.pk}:{vendor_user.email}")
    assert certificate.gateway.eui in mail.subject
    for body in (mail.text, mail.html):
        assert "proxies that load the list refuse the gateway" in body
        assert "reads no revocation list" in body


@pytest.mark.django_db(transaction=True)
def test_it_is_on_the_next_list_and_ocsp_says_so(
    certificate: Certificate, issuing: Authority, vendor_user: User, client_of: ClientOf
) -> None:
    """The whole way. Fails where the view does not ring."""
    renew_signer(issuing.pk)
    asked = request_of(issuing, int(certificate.serial, 16))
    assert load_der_ocsp_response(answer(asked).der).certificate_status is OCSPCertStatus.GOOD
    with in_process():
        client_of(vendor_user).post(f"/certificates/{certificate.pk}/revoke/", {"reason": "superseded"})
    made = newest_list(issuing)
    assert made is not None
    assert serials(read(made)) == [certificate.serial]
    assert load_der_ocsp_response(answer(asked).der).certificate_status is OCSPCertStatus.REVOKED


def test_what_was_recorded_later_is_revoked_in_the_register_by_its_serial(
    certificate: Certificate, operator: User
) -> None:
    """Fails where the register is asked by the request alone: the list would not name it."""
    Certificate.objects.filter(pk=certificate.pk).update(request=None, origin="recorded")
    certificate.refresh_from_db()
    revoke(certificate, actor=operator, reason="superseded")
    assert Signing.objects.get(serial=certificate.serial).revoked_at is not None


def test_the_page_revokes(certificate: Certificate, vendor_user: User, client_of: ClientOf) -> None:
    client, path = client_of(vendor_user), f"/certificates/{certificate.pk}/"
    assert client.post(f"{path}revoke/", {"reason": "superseded"})["Location"] == path
    assert "Revoked on" in client.get(path).content.decode()
