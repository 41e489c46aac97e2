"""What is issued, and what is not."""

import subprocess
from datetime import timedelta
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.db import OperationalError, connection, transaction
from django.db.models import Model
from pytest_django import Settings

from accounts.models import User
from audit.models import Record
from cas.models import Authority, Signing
from cas.services import signing as register
from cas.services.signing import revoke_signing
from certificates import tasks
from certificates.models import Certificate, Request
from certificates.services import (
    approve_request,
    decide_dispute,
    issue,
    issue_held,
    request_certificate,
    retry_request,
    set_policy,
)
from certificates.services import issuing as module
from core import clock
from gateways.models import Gateway
from keys import services as vault
from keys.models import Key
from outbox.models import Message
from pki.findings import Finding, Severity
from pki.lint import LintRefused
from tests.gateways.claims import claim
from tests.pki import makers

EUI = "58A0CBFFFE8011D4"
OTHER_KEK = "/////////////////////////////////////////w8="


def state_of(request: Request) -> tuple[str, str]:
    request.refresh_from_db()
    return request.state, request.failure


# the certificate


def test_the_certificate_is_what_the_network_server_wants(certificate: Certificate) -> None:
    parsed = x509.load_der_x509_certificate(bytes(certificate.der))
    assert [each.value for each in parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [EUI]
    usage = parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_it_begins_five_minutes_ago_and_lasts_as_asked(approved: Request) -> None:
    now = clock.now().replace(microsecond=0)
    with clock.at(now):
        made = issue(approved.pk)
    assert made is not None
    assert made.not_before == now - timedelta(minutes=5)
    assert made.not_after == now + timedelta(days=365)


def test_its_serial_is_long_random_and_on_record_before(certificate: Certificate) -> None:
    """G2: fails with `new_serial()` replaced by a counter in `certificates.services.issuing._plan`."""
    signing = Signing.objects.get(request__certificate=certificate)
    assert signing.serial == certificate.serial
    assert 0 < int(certificate.serial, 16) < 1 << 159
    assert int(certificate.serial, 16).bit_length() > 128


def test_openssl_verifies_what_is_issued(certificate: Certificate, tmp_path: Path) -> None:
    root, issuing, leaf = (tmp_path / name for name in ("root.pem", "issuing.pem", "leaf.pem"))
    below, above = certificate.authority.chain()
    root.write_text(DER_cert_to_PEM_cert(bytes(above.der)))
    issuing.write_text(DER_cert_to_PEM_cert(bytes(below.der)))
    leaf.write_text(DER_cert_to_PEM_cert(bytes(certificate.der)))
    assert accepts("-x509_strict", "-CAfile", root, "-untrusted", issuing, leaf)
    assert accepts("-partial_chain", "-CAfile", issuing, leaf)  # as the network server does
    assert not accepts("-CAfile", root, leaf)


def accepts(*arguments: str | Path) -> bool:
    command = ["openssl", "verify", "-purpose", "sslclient", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_csr_is_certified_with_its_own_key(policy: None, operator: User, vendor_user: User, gateway: Gateway) -> None:
    csr = makers.make_csr(EUI, key=makers.rsa_key(2048, "gateway"))
    wish = request_certificate(vendor_user, gateway, lifetime_days=90, idempotency_key="c", csr=csr)
    approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    made = issue(wish.pk)
    assert made is not None
    parsed = x509.load_der_x509_certificate(bytes(made.der))
    assert parsed.public_key() == makers.rsa_key(2048, "gateway").public_key()
    assert (made.key, made.key_until) == (None, None)


def test_the_gateway_shows_its_end_and_authority(certificate: Certificate, issuing: Authority) -> None:
    gateway = Gateway.objects.get()
    assert (gateway.current_authority, gateway.current_not_after) == (issuing, certificate.not_after)


def test_the_vendor_is_told_that_it_is_ready(certificate: Certificate, vendor_user: User) -> None:
    mail = Message.objects.get(recipient=vendor_user.email)
    assert EUI in mail.subject
    assert f"/requests/{certificate.request_id}/" in mail.text


def test_issuing_is_an_act_on_record(certificate: Certificate) -> None:
    act = Record.objects.get(action="certificate.issued")
    assert act.details["serial"] == certificate.serial
    assert act.vendor_id == certificate.vendor_id


def test_who_claims_a_request_as_it_is_made_issues_it_undisturbed(
    issuing: Authority, operator: User, vendor_user: User, gateway: Gateway
) -> None:
    """Fails when `issue_held` claims for itself."""
    set_policy(gateway.vendor, actor=operator, authority=issuing, automatic=True)
    with transaction.atomic():
        made = request_certificate(vendor_user, gateway, lifetime_days=90, idempotency_key="h", key_type="P-256")
        owner = Request.objects.unfinished().claim(made.pk, seconds=60)
    tasks.sweep()
    assert issue(made.pk) is None
    assert issue_held(made.pk, "somebody else") is None
    assert not Certificate.objects.exists()
    assert issue_held(made.pk, owner or "") is not None
    assert state_of(made) == ("issued", "")


# what is not issued


def test_what_nobody_approved_is_not_issued(wish: Request) -> None:
    assert issue(wish.pk) is None
    assert not Certificate.objects.exists()
    assert state_of(wish) == ("requested", "")


def test_what_is_issued_is_not_issued_again(certificate: Certificate) -> None:
    assert issue(certificate.request_id or 0) is None
    assert Certificate.objects.count() == 1


def test_what_changed_after_its_approval_is_not_signed(approved: Request) -> None:
    Request.objects.filter(pk=approved.pk).update(lifetime_days=730)
    assert issue(approved.pk) is None
    assert state_of(approved)[0] == "failed"
    assert not Signing.objects.filter(subject=EUI).exists()


def test_a_swapped_key_voids_the_approval(approved: Request) -> None:
    Request.objects.filter(pk=approved.pk).update(public_key=makers.public_der(makers.p256_key("swapped")))
    assert issue(approved.pk) is None
    assert state_of(approved)[0] == "failed"


def test_an_authority_that_ended_meanwhile_signs_nothing(approved: Request, issuing: Authority) -> None:
    with clock.at(issuing.not_after + timedelta(days=1)):
        assert issue(approved.pk) is None
    assert state_of(approved)[0] == "failed"


def test_a_certificate_never_outlives_its_authority(approved: Request, issuing: Authority) -> None:
    with clock.at(issuing.not_after - timedelta(days=10)):  # it was approved in time, and issued late
        made = issue(approved.pk)
    assert made is not None
    assert made.not_after == issuing.not_after


def test_what_the_linter_refuses_is_not_signed(approved: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    """G5: fails when `LintRefused` is not among the errors that stop a request."""

    def refuse(_template: object) -> None:
        raise LintRefused((Finding("pkix.some_rule", Severity.REFUSED, "broken"),))

    monkeypatch.setattr(module, "prepare", refuse)
    assert issue(approved.pk) is None
    state, failure = state_of(approved)
    assert state == "failed"
    assert "pkix.some_rule" in failure
    assert not Signing.objects.filter(subject=EUI).exists()


def test_a_failure_is_mailed_to_vendor_and_operators(approved: Request, vendor_user: User, operator: User) -> None:
    Request.objects.filter(pk=approved.pk).update(lifetime_days=730)
    issue(approved.pk)
    assert set(Message.objects.values_list("recipient", flat=True)) == {vendor_user.email, operator.email}


def test_what_fails_again_is_told_again(approved: Request, vendor_user: User, operator: User) -> None:
    Request.objects.filter(pk=approved.pk).update(lifetime_days=730)
    issue(approved.pk)
    retry_request(approved, actor=operator)
    issue(approved.pk)
    assert Message.objects.filter(recipient=vendor_user.email).count() == 2


def test_a_disputed_gateway_waits_for_the_decision(approved: Request, other_vendor_user: User, operator: User) -> None:
    """G12: fails without `refuse_unfit` in `certificates.services.requests.refuse_unissuable`."""
    dispute = claim(other_vendor_user, EUI)
    assert issue(approved.pk) is None
    assert state_of(approved)[0] == "approved"
    decide_dispute(dispute, actor=operator, outcome="kept", reason="Delivery note")
    with clock.at(clock.now() + timedelta(minutes=5)):
        assert issue(approved.pk) is not None


def test_a_gateway_that_moved_gets_no_certificate_of_its_former_owner(
    approved: Request, other_vendor_user: User, operator: User
) -> None:
    dispute = claim(other_vendor_user, EUI)
    decide_dispute(dispute, actor=operator, outcome="moved", reason="Sold")
    assert issue(approved.pk) is None
    assert state_of(approved)[0] == "failed"


@pytest.mark.parametrize("kek", [OTHER_KEK, "no base64", ""])
def test_without_the_right_key_encryption_key_it_waits(
    kek: str, approved: Request, settings: Settings, tmp_path: Path
) -> None:
    """Nothing is signed, nothing is lost, and waiting does not use up the tries."""
    right = settings.KEK
    settings.KEK, settings.KEK_FILE = kek, tmp_path / "nothing"
    for minute in range(5):
        with clock.at(clock.now() + timedelta(minutes=5 * minute)):
            assert issue(approved.pk) is None
    state, words = state_of(approved)
    assert (state, approved.attempts) == ("approved", 0)
    assert "key-encryption key" in words
    assert not Signing.objects.filter(subject=EUI).exists()
    settings.KEK = right
    with clock.at(clock.now() + timedelta(hours=1)):
        assert issue(approved.pk) is not None
    assert state_of(approved) == ("issued", "")


def test_what_is_revoked_while_it_is_issued_is_revoked_when_it_appears(
    approved: Request, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 23: fails without `revoked_at=signing.revoked_at` in `certificates.services.issuing._finish`."""
    sign = register.sign

    def sign_and_revoke(signing: Signing) -> bytes:
        der = sign(signing)
        revoke_signing(signing, actor=operator, reason="keyCompromise")
        return der

    monkeypatch.setattr(register, "sign", sign_and_revoke)
    made = issue(approved.pk)
    assert made is not None
    assert (made.revoked_at is not None, made.revocation_reason) == (True, "keyCompromise")
    assert Gateway.objects.get().current_not_after is None
    assert not made.has_sealed_key
    tasks.destroy_keys()
    assert Key.objects.get(purpose="gateway").destroyed_at is not None


def test_the_private_key_is_in_no_log_and_no_readable_column(
    approved: Request, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 25 and G6: the private number is searched for in logs and rows, after success and failure alike."""
    caplog.set_level("DEBUG")
    with monkeypatch.context() as broken:
        broken.setattr(module, "refresh_current", None)
        with pytest.raises(TypeError):
            issue(approved.pk)
        tasks.sweep()
    with clock.at(clock.now() + timedelta(minutes=5)):
        assert issue(approved.pk) is not None
    secret = private_number(approved)
    everything = b"".join(octets_of(model) for model in (Key, Request, Certificate, Signing, Record, Message))
    everything += caplog.text.encode()
    assert bytes(approved.public_key)[-64:] in everything  # the search finds what is there
    assert secret not in everything
    assert secret.hex().encode() not in everything


def private_number(request: Request) -> bytes:
    assert request.key_id is not None
    key = load_der_private_key(vault.open_private_key(request.key_id), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.private_numbers().private_value.to_bytes(32, "big")


def octets_of(model: type[Model]) -> bytes:
    values = [value for row in model._default_manager.values_list() for value in row]
    return b"".join(bytes(each) if isinstance(each, bytes | memoryview) else str(each).encode() for each in values)


@pytest.mark.parametrize(("is_usable", "counted"), [(False, 0), (True, 1)])
def test_a_try_whose_database_went_away_does_not_count(
    approved: Request, monkeypatch: pytest.MonkeyPatch, is_usable: bool, counted: int
) -> None:
    """Three such tries would set the request aside, which has done nothing wrong."""

    def lost(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(module, "_issue", lost)
    monkeypatch.setattr(connection, "is_usable", lambda: is_usable)
    monkeypatch.setattr(connection, "close", lambda: None)
    with pytest.raises(OperationalError):
        issue(approved.pk)
    approved.refresh_from_db()
    assert approved.attempts == counted
