"""Handing over what was made here: kits, keys, receipt, and the end of a key."""

import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.test import Client
from pytest_django import Settings

from accounts import reauthentication
from accounts.models import Deployment, User
from audit.models import Record
from certificates import tasks
from certificates.models import Certificate, Request
from certificates.services import (
    approve_request,
    confirm_receipt,
    issue,
    private_key_pem,
    request_certificate,
    revoke,
    station_kit,
)
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Gateway
from keys.models import Key
from tests.pki import makers

ClientOf = Callable[[User], Client]
EUI = "58A0CBFFFE8011D4"
CUPS_URI = "https://cups.fjordnet.example:8987"


def fresh(certificate: Certificate) -> Certificate:
    return Certificate.objects.select_related("gateway", "vendor", "key", "authority").get(pk=certificate.pk)


def files_of(kit: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(kit)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read_acts() -> list[str]:
    acts = Record.objects.filter(action__in=["certificate.kit-downloaded", "certificate.key-downloaded"])
    return list(acts.order_by("pk").values_list("action", flat=True))


@pytest.fixture
def from_csr(policy: None, operator: User, vendor_user: User, gateway: Gateway) -> Certificate:
    csr = makers.make_csr(EUI, key=makers.p256_key("gateway"))
    wish = request_certificate(vendor_user, gateway, lifetime_days=365, idempotency_key="c", csr=csr)
    approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    made = issue(wish.pk)
    assert made is not None
    return fresh(made)


# the services


def test_a_kit_holds_what_a_station_reads(certificate: Certificate, kits: Deployment, vendor_user: User) -> None:
    files = files_of(station_kit(certificate, actor=vendor_user))
    assert sorted(files) == ["cups.crt", "cups.key", "cups.trust", "cups.uri"]
    assert files["cups.uri"] == CUPS_URI.encode()  # no line end: a Station would take it for a part of the port
    leaf, issuing = x509.load_pem_x509_certificates(files["cups.crt"])
    assert leaf == x509.load_der_x509_certificate(bytes(certificate.der))
    leaf.verify_directly_issued_by(issuing)
    assert files["cups.trust"] == kits.cups_trust.encode()
    assert all(files[name].startswith(b"-----BEGIN ") for name in ("cups.crt", "cups.key", "cups.trust"))


def test_the_key_in_a_kit_has_the_form_that_a_station_takes(
    certificate: Certificate, kits: Deployment, vendor_user: User
) -> None:
    key = files_of(station_kit(certificate, actor=vendor_user))["cups.key"]
    assert key.startswith(b"-----BEGIN EC PRIVATE KEY-----")  # SEC1: PKCS#8 of P-256 is dropped in silence
    parsed = x509.load_der_x509_certificate(bytes(certificate.der))
    assert load_pem_private_key(key, None).public_key() == parsed.public_key()


def test_a_kit_of_a_csr_holds_no_key(from_csr: Certificate, kits: Deployment, vendor_user: User) -> None:
    assert "cups.key" not in files_of(station_kit(from_csr, actor=vendor_user))
    assert read_acts() == []


def test_a_kit_waits_for_the_settings(certificate: Certificate, vendor_user: User) -> None:
    with pytest.raises(Refused) as refused:
        station_kit(certificate, actor=vendor_user)
    assert refused.value.code == "kit-not-configured"
    assert read_acts() == []


def test_each_reading_of_the_key_is_on_record(certificate: Certificate, kits: Deployment, vendor_user: User) -> None:
    """G10: fails without `record` in `certificates.services.custody._open`."""
    station_kit(certificate, actor=vendor_user)
    private_key_pem(certificate, actor=vendor_user)
    station_kit(certificate, actor=vendor_user)
    assert read_acts() == [
        "certificate.kit-downloaded",
        "certificate.key-downloaded",
        "certificate.kit-downloaded",
    ]


def test_a_reading_is_on_record_even_where_the_kit_then_fails(
    certificate: Certificate, kits: Deployment, vendor_user: User
) -> None:
    Deployment.objects.update(cups_uri="https://192.0.2.1:443")
    with pytest.raises(Refused):
        station_kit(certificate, actor=vendor_user)
    assert read_acts() == ["certificate.kit-downloaded"]


def test_a_confirmed_key_is_destroyed(certificate: Certificate, kits: Deployment, vendor_user: User) -> None:
    confirm_receipt(certificate, actor=vendor_user)
    key = Key.objects.get(purpose="gateway")
    assert (key.wrapped_key, key.ciphertext) == (None, None)
    for act in (private_key_pem, confirm_receipt):
        with pytest.raises(Refused) as refused:
            act(fresh(certificate), actor=vendor_user)
        assert refused.value.code == "key-gone"
    assert "cups.key" not in files_of(station_kit(fresh(certificate), actor=vendor_user))


def test_after_seven_days_the_key_is_destroyed_unasked(certificate: Certificate, vendor_user: User) -> None:
    with clock.at(clock.now() + timedelta(days=6, hours=23)):
        tasks.destroy_keys()
        assert Key.objects.get(purpose="gateway").destroyed_at is None
    with clock.at(clock.now() + timedelta(days=7, minutes=1)):
        with pytest.raises(Refused):
            private_key_pem(certificate, actor=vendor_user)  # even before the schedule comes round
        tasks.destroy_keys()
        tasks.destroy_keys()
    assert Key.objects.get(purpose="gateway").destroyed_at is not None
    assert Record.objects.filter(action="certificate.key-destroyed").count() == 1


def test_a_key_whose_request_came_to_nothing_is_destroyed(approved: Request) -> None:
    Request.objects.update(state="failed")
    with clock.at(clock.now() + timedelta(days=8)):
        tasks.destroy_keys()
    assert Key.objects.get(purpose="gateway").destroyed_at is not None


def test_the_keys_of_authorities_stay(certificate: Certificate) -> None:
    with clock.at(clock.now() + timedelta(days=8)):
        tasks.destroy_keys()
    assert not Key.objects.filter(purpose="authority", destroyed_at__isnull=False).exists()


def test_a_revoked_certificate_leaves_no_key(certificate: Certificate, vendor_user: User) -> None:
    revoke(certificate, actor=vendor_user, reason="superseded")
    assert Key.objects.get(purpose="gateway").destroyed_at is not None


def test_nobody_else_gets_the_key(certificate: Certificate, other_vendor_user: User, auditor: User) -> None:
    for person in (other_vendor_user, auditor):
        with pytest.raises(Forbidden):
            private_key_pem(certificate, actor=person)
    assert read_acts() == []


# the pages


def signed_in_long_ago(client_of: ClientOf, person: User) -> Client:
    return client_of(person)  # the session knows of no password


def with_password(client_of: ClientOf, person: User) -> Client:
    client = client_of(person)
    session = client.session
    session[reauthentication.KEY] = clock.now().timestamp()
    session.save()
    return client


@pytest.mark.parametrize("what", ["kit", "key"])
def test_the_password_is_asked_for_first(
    what: str, certificate: Certificate, kits: Deployment, vendor_user: User, client_of: ClientOf
) -> None:
    """Fails without `reauthentication.recently` in `certificates.views.certificates._hand_over`."""
    answer = signed_in_long_ago(client_of, vendor_user).post(f"/certificates/{certificate.pk}/{what}/")
    assert answer.status_code == 302
    assert "next=" in answer["Location"]
    assert read_acts() == []


def test_the_password_lasts_for_fifteen_minutes(
    certificate: Certificate, kits: Deployment, vendor_user: User, client_of: ClientOf, settings: Settings
) -> None:
    client = with_password(client_of, vendor_user)
    with clock.at(clock.now() + timedelta(seconds=settings.REAUTHENTICATE_AFTER + 1)):
        assert client.post(f"/certificates/{certificate.pk}/key/").status_code == 302


def test_the_kit_is_downloaded_and_never_cached(
    certificate: Certificate, kits: Deployment, vendor_user: User, client_of: ClientOf
) -> None:
    answer = with_password(client_of, vendor_user).post(f"/certificates/{certificate.pk}/kit/")
    assert "cups.key" in files_of(answer.content)
    assert answer["Content-Disposition"] == f'attachment; filename="{EUI}-kit.zip"'
    assert "no-store" in answer["Cache-Control"]


def test_a_kit_without_a_key_needs_no_password(
    from_csr: Certificate, kits: Deployment, vendor_user: User, client_of: ClientOf
) -> None:
    answer = signed_in_long_ago(client_of, vendor_user).post(f"/certificates/{from_csr.pk}/kit/")
    assert "cups.crt" in files_of(answer.content)


@pytest.mark.parametrize("what", ["kit", "key", "receipt"])
def test_hands_off(
    what: str,
    certificate: Certificate,
    kits: Deployment,
    other_vendor_user: User,
    auditor: User,
    vendor_user: User,
    client_of: ClientOf,
) -> None:
    """G11 and roles: another tenant 404, an auditor 403, a GET 405, a stranger signs in."""
    path = f"/certificates/{certificate.pk}/{what}/"
    assert with_password(client_of, other_vendor_user).post(path).status_code == 404
    assert with_password(client_of, auditor).post(path).status_code == 403
    assert with_password(client_of, vendor_user).get(path).status_code == 405
    assert Client().post(path)["Location"].startswith("/login/")
    assert Key.objects.get(purpose="gateway").destroyed_at is None
    assert read_acts() == []


def test_the_page_says_how_long_the_key_waits_and_what_to_do_then(
    certificate: Certificate, kits: Deployment, vendor_user: User, client_of: ClientOf
) -> None:
    client = with_password(client_of, vendor_user)
    path = f"/certificates/{certificate.pk}/"
    before = client.get(path).content.decode()
    assert "sealed until" in before
    client.post(f"{path}receipt/")
    after = client.get(path).content.decode()
    assert "receipt was confirmed" in after
    assert "Private key</button>" not in after
    assert f"/gateways/{certificate.gateway_id}/request/" in after


@pytest.mark.parametrize(("role", "words"), [("operator", 'href="/settings/"'), ("vendor_user", "Ask an operator")])
def test_a_missing_setting_is_named_with_the_way_to_it(
    role: str, words: str, certificate: Certificate, client_of: ClientOf, request: Any
) -> None:
    page = client_of(request.getfixturevalue(role)).get(f"/certificates/{certificate.pk}/").content.decode()
    assert words in page
    assert "Station kit</button>" not in page


def test_public_files_are_for_everybody_who_may_see_the_certificate(
    certificate: Certificate, auditor: User, other_vendor_user: User, client_of: ClientOf
) -> None:
    path = f"/certificates/{certificate.pk}/files/"
    client = client_of(auditor)
    assert client.get(f"{path}leaf.der").content == bytes(certificate.der)
    leaf, issuing, root = x509.load_pem_x509_certificates(client.get(f"{path}chain.pem").content)
    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    assert x509.load_pem_x509_certificate(client.get(f"{path}leaf.pem").content) == leaf
    assert client.get(f"{path}leaf.key").status_code == 404
    assert client_of(other_vendor_user).get(f"{path}leaf.pem").status_code == 404
