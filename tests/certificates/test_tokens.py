"""Authorities whose keys are in a token do all that others do, and what shall be signed waits while it is away."""

import subprocess
from datetime import timedelta
from io import StringIO
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

import pytest
from django.core.management import call_command
from pytest_django import Settings

from accounts.models import User, Vendor
from cas.models import Authority, OcspSigner, RevocationList, Signing
from cas.services.ocsp import answer
from cas.services.ocsp_signers import renew_signer
from cas.services.operate import Plan, create_issuing, create_root
from cas.services.revocation_lists import newest_list, pieces, renew_list
from cas.tasks import sweep_lists
from certadmin import health
from certificates.models import Certificate, Chunk, Request
from certificates.services import batches, issue, set_policy
from certificates.services.batches import Entry, Wish, create_batch
from certificates.services.revocation import revoke
from certificates.tasks import sweep, work_on_chunk
from core import clock
from gateways.models import Gateway
from keys.models import Key
from tests.servers import SoftToken

pytestmark = pytest.mark.django_db(transaction=True)
AWAY = "/nowhere/library.so"


@pytest.fixture(params=["P-256", "P-384", "RSA 2048"])
def key_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def issuing(operator: User, token: SoftToken) -> Authority:
    """In place of the sealed one that the other fixtures build upon."""
    return make_issuing(operator)


def make_issuing(operator: User, key_type: str = "P-256") -> Authority:
    root = create_root(operator, Plan("Fjordnet Root", "Fjordnet", key_type, 20, 1, provider="pkcs11"))
    return create_issuing(operator, root, Plan("Fjordnet Gateways", "Fjordnet", key_type, 10, 0, provider="pkcs11"))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHUNK", 3)


def uses(authority: Authority) -> int:
    return Key.objects.get(spki_sha256=authority.spki_sha256).signatures


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def written(folder: Path, name: str, *ders: bytes) -> Path:
    path = folder / name
    path.write_text("".join(map(DER_cert_to_PEM_cert, ders)))
    return path


def test_openssl_takes_its_certificate_list_and_answer(
    key_type: str, operator: User, token: SoftToken, gateway: Gateway, vendor: Vendor, tmp_path: Path
) -> None:
    issuing = make_issuing(operator, key_type)
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    make_batch(operator, vendor, [gateway.eui])
    certificate = Certificate.objects.get()
    root, below = (bytes(each.der) for each in reversed(issuing.chain()))
    above, ca = written(tmp_path, "root.pem", root), written(tmp_path, "ca.pem", below)
    leaf = written(tmp_path, "leaf.pem", bytes(certificate.der))
    strict: list[str | Path] = [
        "verify",
        "-x509_strict",
        "-purpose",
        "sslclient",
        "-CAfile",
        above,
        "-untrusted",
        ca,
        leaf,
    ]
    assert openssl(*strict).endswith(": OK\n")

    assert renew_list(issuing.pk) is not None
    made = newest_list(issuing)
    assert made is not None
    crl = tmp_path / "list.crl"
    crl.write_bytes(b"".join(pieces(made)))
    assert "verify OK" in openssl("crl", "-inform", "DER", "-in", crl, "-CAfile", ca, "-noout")

    signer = renew_signer(issuing.pk)
    assert signer is not None
    assert Key.objects.get(pk=signer.key_id).provider == "sealed"
    asked, said = tmp_path / "asked", tmp_path / "said"
    openssl("ocsp", "-issuer", ca, "-cert", leaf, "-reqout", asked, "-no_nonce")
    said.write_bytes(answer(asked.read_bytes()).der)
    judged: list[str | Path] = [
        "ocsp",
        "-issuer",
        ca,
        "-cert",
        leaf,
        "-respin",
        said,
        "-CAfile",
        above,
        "-verify_other",
        ca,
        "-no_nonce",
    ]
    words = openssl(*judged)
    assert "Response verify OK" in words
    assert "leaf.pem: good" in words
    assert uses(issuing) == 3


def make_batch(operator: User, vendor: Vendor, euis: list[str]) -> None:
    batch = create_batch(
        operator, vendor, [Entry(eui) for eui in euis], Wish("a test", 365, "P-256"), idempotency_key="b"
    )
    for _ in range(3):
        for pk in batches.work_left(batch):
            work_on_chunk(pk)


def test_a_batch_and_the_ledger(
    operator: User, vendor: Vendor, issuing: Authority, small_chunks: None, settings: Settings
) -> None:
    euis = fleet(operator, vendor)
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    make_batch(operator, vendor, euis)
    assert Certificate.objects.count() == 7
    assert uses(issuing) == 7
    revoke(Certificate.objects.all()[0], actor=operator, reason="superseded")
    sweep_lists()
    assert list(RevocationList.objects.signed().filter(authority=issuing).values_list("entries", flat=True)) == [1]
    settings.PKCS11_MODULE = AWAY  # to check, no key is needed
    call_command("check_ledger", stdout=StringIO())


def fleet(operator: User, vendor: Vendor) -> list[str]:
    euis = [f"58A0CBFFFE80{number:04X}" for number in range(7)]
    for eui in euis:
        Gateway.objects.create(eui=eui, vendor=vendor, registered_by=operator)
    return euis


@pytest.mark.parametrize(
    ("name", "value"), [("PKCS11_MODULE", AWAY), ("PKCS11_TOKEN", "another"), ("PKCS11_PIN", "wrong-314159")]
)
def test_a_request_waits_while_the_token_is_away_and_goes_on_when_it_is_back(
    name: str, value: str, approved: Request, settings: Settings
) -> None:
    """Nothing is reserved, nothing is lost, and waiting does not use up the tries."""
    right = getattr(settings, name)
    setattr(settings, name, value)
    for minute in range(5):
        with clock.at(clock.now() + timedelta(minutes=5 * minute)):
            assert issue(approved.pk) is None
    approved.refresh_from_db()
    assert (approved.state, approved.attempts) == ("approved", 0)
    assert f"CERTADMIN_{name}" in approved.failure
    assert value not in approved.failure
    assert not Signing.objects.filter(subject=approved.gateway.eui).exists()
    setattr(settings, name, right)
    with clock.at(clock.now() + timedelta(hours=1)):
        assert issue(approved.pk) is not None
    approved.refresh_from_db()
    assert (approved.state, approved.failure) == ("issued", "")


def test_a_token_that_goes_away_between_reservation_and_signature_loses_nothing(
    approved: Request, token: SoftToken, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row that may exist is finished, by the same serial number."""
    settings.PKCS11_MODULE = AWAY
    with monkeypatch.context() as patch:
        patch.setattr("keys.services.check_key", lambda _: None)
        assert issue(approved.pk) is None
    approved.refresh_from_db()
    assert (approved.state, approved.attempts) == ("reserved", 0)
    with clock.at(clock.now() + timedelta(hours=5)):
        sweep()
        assert Signing.objects.get(subject=approved.gateway.eui).state == "may-exist"
    settings.PKCS11_MODULE = token.module
    with clock.at(clock.now() + timedelta(hours=10)):
        sweep()
    approved.refresh_from_db()
    assert approved.state == "issued"
    assert Certificate.objects.get().serial == approved.serial == Signing.objects.get(issuer=approved.authority).serial


def test_a_chunk_waits_too(
    operator: User, vendor: Vendor, issuing: Authority, small_chunks: None, token: SoftToken, settings: Settings
) -> None:
    euis = fleet(operator, vendor)
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    settings.PKCS11_MODULE = AWAY
    make_batch(operator, vendor, euis)
    assert not Certificate.objects.exists()
    assert not Chunk.objects.filter(state=Chunk.State.ASIDE).exists()
    assert all("CERTADMIN_PKCS11_MODULE" in words for words in Chunk.objects.values_list("failure", flat=True))
    settings.PKCS11_MODULE = token.module
    with clock.at(clock.now() + timedelta(hours=1)):
        sweep()
    assert Certificate.objects.count() == 7


def test_lists_and_signers_wait_too(
    issuing: Authority, token: SoftToken, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PKCS11_MODULE = AWAY
    sweep_lists()
    assert "says nothing new of what it revoked" in caplog.text
    assert "Traceback" not in caplog.text
    assert not OcspSigner.objects.exists()
    settings.PKCS11_MODULE = token.module
    sweep_lists()
    assert OcspSigner.objects.filter(authority=issuing, der__isnull=False).count() == 1
    assert newest_list(issuing) is not None


def test_its_state_stands_among_those_of_the_other_parts(token: SoftToken, settings: Settings) -> None:
    assert health.check()["token"].ok
    settings.PKCS11_MODULE = AWAY
    part = health.check()["token"]
    assert not part.ok
    assert "CERTADMIN_PKCS11_MODULE" in part.state
    settings.PKCS11_MODULE = settings.PKCS11_TOKEN = ""
    assert "token" not in health.check()
