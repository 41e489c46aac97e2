"""Answers about certificates of our authorities: what is said, who signs it, what is kept, and that nothing leaks."""

import base64
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as judge
from django.db import DatabaseError, transaction
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from cas.models import Authority, OcspAnswer, OcspSigner, Signing, StatusService
from cas.services import ocsp, ocsp_signers, signing
from cas.services.ocsp_signers import renew_signer
from cas.services.operate import Plan, create_issuing, create_root
from cas.tasks import sweep_lists
from core import clock
from core.errors import Refused
from keys import services as vault
from keys.models import Key
from pki import asn1
from pki.ocsp import read_request
from tests.cas.test_revocation_lists import signed
from tests.pki.makers import make_issuing, make_root

pytestmark = pytest.mark.django_db(transaction=True)
Good, Revoked, Unknown = judge.OCSPCertStatus.GOOD, judge.OCSPCertStatus.REVOKED, judge.OCSPCertStatus.UNKNOWN
Status = judge.OCSPResponseStatus
NONCE = bytes(range(32))


@pytest.fixture
def issuing(operator: User) -> Authority:
    root = create_root(operator, Plan("Fjordnet Root", "Fjordnet", "P-256", 20, 1))
    made = create_issuing(operator, root, Plan("Fjordnet Gateways", "Fjordnet", "P-256", 10, 0))
    assert renew_signer(made.pk) is not None
    return made


def request_of(
    issuing: Authority, row: Signing | int, *, hashed: hashes.HashAlgorithm | None = None, nonce: bytes = b""
) -> bytes:
    serial = row if isinstance(row, int) else int(row.serial, 16)
    issuer, used = x509.load_der_x509_certificate(bytes(issuing.der)), hashed or hashes.SHA1()
    name, key = hashes.Hash(used), hashes.Hash(used)
    name.update(issuer.subject.public_bytes())
    key.update(asn1.key_bits(asn1.public_key_of(bytes(issuing.der))))
    builder = judge.OCSPRequestBuilder().add_certificate_by_hash(name.finalize(), key.finalize(), serial, used)
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def asked(content: bytes) -> judge.OCSPResponse:
    return judge.load_der_ocsp_response(ocsp.answer(content).der)


def revoke(row: Signing, reason: str = "keyCompromise") -> None:
    Signing.objects.filter(pk=row.pk).update(revoked_at=clock.now(), revocation_reason=reason)


def balance() -> list[tuple[int, int]]:
    """Uses of each signer's key, as the vault counts them and as is on record."""
    return [(each.key.signatures, each.responses) for each in OcspSigner.objects.select_related("key")]


def test_what_was_issued_is_good_until_it_is_revoked(issuing: Authority) -> None:
    row = signed(issuing)
    assert asked(request_of(issuing, row)).certificate_status is Good
    revoke(row)
    said = asked(request_of(issuing, row))
    assert (said.certificate_status, said.revocation_reason) == (Revoked, x509.ReasonFlags.key_compromise)


@pytest.mark.parametrize("hashed", [hashes.SHA1(), hashes.SHA256()])
def test_both_hashes_name_an_issuer(hashed: hashes.HashAlgorithm, issuing: Authority) -> None:
    said = asked(request_of(issuing, signed(issuing), hashed=hashed))
    assert (said.certificate_status, said.hash_algorithm.name) == (Good, hashed.name)


def test_what_we_never_issued_is_unknown_and_leaves_nothing(issuing: Authority) -> None:
    """G8. Fails when answers about any serial are kept: anybody could fill the table."""
    assert issuing.parent is not None
    others = signed(issuing.parent)
    for serial in (0x5EED, int(others.serial, 16)):
        assert asked(request_of(issuing, serial)).certificate_status is Unknown
    assert not OcspAnswer.objects.exists()


def test_what_may_exist_is_unknown_until_it_is_revoked(issuing: Authority) -> None:
    row = signed(issuing)
    Signing.objects.filter(pk=row.pk).update(state="may-exist", der=None)
    assert asked(request_of(issuing, row)).certificate_status is Unknown
    revoke(row, "superseded")
    assert asked(request_of(issuing, row)).certificate_status is Revoked


def test_certificates_of_others_are_none_of_our_business(issuing: Authority) -> None:
    other = Authority(der=make_issuing(make_root("Somebody else")).der)
    row = signed(issuing)
    for content in (request_of(other, row), request_of(issuing, row, hashed=hashes.SHA512())):
        assert asked(content).response_status is Status.UNAUTHORIZED


def test_one_answer_speaks_for_one_authority(issuing: Authority) -> None:
    """Fails when the signer of the first is taken for all."""
    assert issuing.parent is not None
    mine, above = (read_request(request_of(each, signed(each))).asked[0].der for each in (issuing, issuing.parent))
    both = asn1.sequence(asn1.sequence(asn1.sequence(asn1.sequence(mine), asn1.sequence(above))))
    assert asked(both).response_status is Status.UNAUTHORIZED


def test_several_are_answered_in_their_order(issuing: Authority) -> None:
    rows = [signed(issuing) for _ in range(3)]
    revoke(rows[1])
    ids = [read_request(request_of(issuing, row)).asked[0].der for row in rows]
    said = asked(asn1.sequence(asn1.sequence(asn1.sequence(*map(asn1.sequence, ids)))))
    assert [each.certificate_status for each in said.responses] == [Good, Revoked, Good]
    assert balance() == [(1, 1)]


def test_a_nonce_is_given_back_and_its_answer_not_kept(issuing: Authority) -> None:
    row = signed(issuing)
    said = [ocsp.answer(request_of(issuing, row, nonce=NONCE)) for _ in range(2)]
    nonces = [
        judge.load_der_ocsp_response(each.der).extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        for each in said
    ]
    assert nonces == [NONCE, NONCE]
    assert said[0].der != said[1].der
    assert (said[0].next_update, OcspAnswer.objects.count()) == (None, 0)


def test_an_answer_is_given_again_until_half_of_its_life(issuing: Authority) -> None:
    """Fails where each request uses the key."""
    row, now = signed(issuing), clock.now()
    with clock.at(now):
        first = ocsp.answer(request_of(issuing, row))
    with clock.at(now + timedelta(minutes=29)):
        assert ocsp.answer(request_of(issuing, row)) == first
    with clock.at(now + timedelta(minutes=31)):
        assert ocsp.answer(request_of(issuing, row)).der != first.der
    assert balance() == [(2, 2)]


def test_it_can_be_verified_with_the_authority_alone(issuing: Authority) -> None:
    said = asked(request_of(issuing, signed(issuing)))
    (signer,) = said.certificates
    signer.verify_directly_issued_by(x509.load_der_x509_certificate(bytes(issuing.der)))
    assert said.signature_hash_algorithm is not None
    key = signer.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(said.signature, said.tbs_response_bytes, ec.ECDSA(said.signature_hash_algorithm))


def test_no_answer_outlives_its_signer(issuing: Authority) -> None:
    row, signer = signed(issuing), OcspSigner.objects.get()
    assert signer.not_after is not None
    with clock.at(signer.not_after - timedelta(minutes=10)):
        assert asked(request_of(issuing, row)).next_update_utc == signer.not_after
    with clock.at(signer.not_after):
        assert asked(request_of(issuing, row, nonce=NONCE)).response_status is Status.TRY_LATER


def test_each_signature_is_on_record_in_its_own_transaction(issuing: Authority) -> None:
    """G1. Fails where the count is written after the answer left, or not at all when the vault fails."""
    row = signed(issuing)
    for _ in range(3):
        asked(request_of(issuing, row, nonce=NONCE))
    assert balance() == [(3, 3)]
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        ocsp.answer(request_of(issuing, row, nonce=NONCE))


def test_a_vault_that_does_not_open_asks_to_try_later(issuing: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> bytes:
        raise Refused("wrong-kek", "This is not the key.")

    monkeypatch.setattr(vault, "sign", closed)
    assert asked(request_of(issuing, signed(issuing))).response_status is Status.TRY_LATER
    assert balance() == [(0, 0)]


def test_a_signer_is_renewed_at_half_its_life_and_its_key_destroyed_at_the_end(issuing: Authority) -> None:
    first, now = OcspSigner.objects.get(), clock.now()
    with clock.at(now + timedelta(days=6)):
        assert renew_signer(issuing.pk) is None
    with clock.at(now + timedelta(days=7)):
        second = renew_signer(issuing.pk)
        assert second is not None
        (used,) = asked(request_of(issuing, signed(issuing), nonce=NONCE)).certificates
        assert used.public_bytes(Encoding.DER) == bytes(second.der or b"")
    with clock.at(now + timedelta(days=14)):
        ocsp_signers.destroy_keys_of_former_signers()
    destroyed = set(Key.objects.filter(destroyed_at__isnull=False).values_list("pk", flat=True))
    assert destroyed == {first.key_id}


def test_the_sweep_gives_each_authority_a_signer(issuing: Authority) -> None:
    sweep_lists()
    assert OcspSigner.objects.finished().values("authority").distinct().count() == 2


@pytest.mark.parametrize("module", ["reserve", "sign"])
def test_an_interrupted_signer_is_finished(module: str, issuing: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """One key, one serial number, whatever was in between."""
    assert issuing.parent is not None
    real = getattr(signing, module)

    def die_after(*arguments: object, **named: object) -> None:
        real(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(signing, module, die_after)
        with pytest.raises(KeyboardInterrupt):
            renew_signer(issuing.parent.pk)
    StatusService.objects.update(lease_until=None)
    made = renew_signer(issuing.parent.pk)
    assert made is not None
    assert made.der is not None
    assert OcspSigner.objects.filter(authority=issuing.parent).count() == 1
    assert Signing.objects.filter(issuer=issuing.parent, profile="ocsp-signer").count() == 1


def in_path(content: bytes) -> str:
    return f"/ocsp/{quote(base64.b64encode(content).decode(), safe='')}"


def test_a_get_may_be_kept_by_anybody(issuing: Authority, client: Client) -> None:
    """RFC 5019 section 6.2."""
    content = request_of(issuing, signed(issuing))
    path = in_path(content)
    said = client.get(path)
    read = judge.load_der_ocsp_response(said.content)
    assert (said["Content-Type"], read.certificate_status) == ("application/ocsp-response", Good)
    assert said["Cache-Control"].startswith("max-age=3")
    assert {"public", "no-transform", "must-revalidate"} <= set(said["Cache-Control"].split(", "))
    assert (said["ETag"] != "", said["Last-Modified"] != "", said["Expires"] != "") == (True, True, True)
    assert client.get(path, HTTP_IF_NONE_MATCH=said["ETag"]).status_code == 304


def test_base64_with_slashes_is_taken_as_it_is_or_quoted(issuing: Authority, client: Client) -> None:
    while "/" not in (text := base64.b64encode(request_of(issuing, row := signed(issuing))).decode()):
        row.delete()
    for path in (f"/ocsp/{text}", f"/ocsp/{quote(text, safe='')}"):
        assert judge.load_der_ocsp_response(client.get(path).content).certificate_status is Good


def test_a_post_is_answered_without_a_token(issuing: Authority) -> None:
    client, content = Client(enforce_csrf_checks=True), request_of(issuing, signed(issuing), nonce=NONCE)
    said = client.post("/ocsp/", content, content_type="application/ocsp-request")
    assert judge.load_der_ocsp_response(said.content).certificate_status is Good
    assert said["Cache-Control"] == "no-store"


@pytest.mark.parametrize("content", [b"", b"\x30", b"0" * 5000, b"\x00" * 4097], ids=["none", "cut", "long", "nought"])
def test_what_is_no_request_is_malformed(content: bytes, client: Client) -> None:
    said = client.post("/ocsp/", content, content_type="application/ocsp-request")
    assert said.status_code == 200
    assert judge.load_der_ocsp_response(said.content).response_status is Status.MALFORMED_REQUEST
    assert said["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["", "MA", "%00%ff", "a b", "é", "A" * 60000, "//////", "MAA="])
def test_a_path_that_is_no_request_is_malformed(path: str, client: Client) -> None:
    said = client.get(f"/ocsp/{path}")
    assert judge.load_der_ocsp_response(said.content).response_status is Status.MALFORMED_REQUEST


@given(st.binary(max_size=200))
@how(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_no_bytes_get_anything_but_an_ocsp_response(client: Client, db: None, content: bytes) -> None:
    """Fails with any exception that the view lets through."""
    for said in (client.post("/ocsp/", content, content_type="text/plain"), client.get(in_path(content))):
        assert said.status_code == 200
        judge.load_der_ocsp_response(said.content)


def test_even_a_failing_database_is_an_ocsp_response(
    issuing: Authority, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(ocsp, "_kept", broken)
    said = client.post("/ocsp/", request_of(issuing, 1), content_type="application/ocsp-request")
    assert judge.load_der_ocsp_response(said.content).response_status is Status.INTERNAL_ERROR


def test_other_methods_are_refused(client: Client) -> None:
    assert client.put("/ocsp/").status_code == 405


def test_openssl_asks_over_http_and_believes(issuing: Authority, live_server: LiveServer, tmp_path: Path) -> None:
    """The whole way, by POST with a nonce, as `openssl ocsp` does."""
    row = signed(issuing)
    assert issuing.parent is not None
    pem = {"issuing": bytes(issuing.der), "root": bytes(issuing.parent.der)}
    for name, der in pem.items():
        (tmp_path / f"{name}.pem").write_text(ssl.DER_cert_to_PEM_cert(der))
    for word in ("good", "revoked"):
        said = subprocess.run(
            ["openssl", "ocsp", "-url", f"{live_server.url}/ocsp/", "-issuer", "issuing.pem", "-serial",
             f"0x{row.serial}", "-CAfile", "root.pem", "-verify_other", "issuing.pem"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Response verify OK" in said.stderr, said.stderr
        assert f": {word}" in said.stdout, said.stdout
        assert "WARNING" not in said.stderr
        revoke(row)
