"""OCSP requests as cryptography and OpenSSL make them, and as nobody should; responses before independent judges."""

import hashlib
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as judge
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import example, given
from hypothesis import strategies as st

from pki import asn1, ocsp, private_keys
from pki.ocsp import CertId, Malformed, Single, Status
from pki.profiles import OCSP_SIGNER
from pki.signatures import ECDSA_SHA256
from tests.pki.issued import Issued, World, issue, make_world
from tests.pki.makers import NOW

FORTNIGHT = timedelta(days=14)
NONCE = bytes(range(32))


@pytest.fixture(scope="module", params=["P-256", "P-384", "RSA 2048"])
def world(request: pytest.FixtureRequest) -> World:
    return make_world(request.param)


@pytest.fixture(scope="module")
def signer(world: World) -> Issued:
    return signer_of(world, NOW)


def signer_of(world: World, now: datetime) -> Issued:
    key = private_keys.generate("P-256")
    return issue(OCSP_SIGNER, "OCSP signer 1", key, issuer=world.issuing, lifetime=FORTNIGHT, now=now)


def request_of(
    world: World, *, hashed: hashes.HashAlgorithm | None = None, nonce: bytes = b"", critical: bool = False
) -> bytes:
    leaf, issuer = (x509.load_der_x509_certificate(each.der) for each in (world.leaf, world.issuing))
    builder = judge.OCSPRequestBuilder().add_certificate(leaf, issuer, hashed or hashes.SHA1())
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=critical)
    return builder.build().public_bytes(Encoding.DER)


def respond(
    signer: Issued, *answers: Single, nonce: bytes = b"", now: datetime = NOW, life: timedelta = timedelta(hours=1)
) -> bytes:
    data = ocsp.response_data(
        answers,
        responder_key=private_keys.public_key_der(signer.private_der),
        produced_at=now,
        this_update=now,
        next_update=now + life,
        nonce=nonce,
    )
    signature = private_keys.sign(signer.private_der, data)
    return ocsp.response(data, algorithm=ECDSA_SHA256, signature=signature, signer=signer.der)


def good(cert_id: CertId) -> Single:
    return Single(cert_id, is_known=True)


def revoked(cert_id: CertId, reason: str = "keyCompromise") -> Single:
    return Single(cert_id, is_known=True, revoked_at=NOW - timedelta(hours=1), reason=reason)


@pytest.mark.parametrize(("hashed", "name"), [(hashes.SHA1(), "sha1"), (hashes.SHA256(), "sha256")])
def test_a_request_is_read_as_it_was_meant(hashed: hashes.HashAlgorithm, name: str, world: World) -> None:
    der = request_of(world, hashed=hashed, nonce=NONCE)
    read, meant = ocsp.read_request(der), judge.load_der_ocsp_request(der)
    (asked,) = read.asked
    assert (asked.hash_name, asked.serial, read.nonce) == (name, meant.serial_number, NONCE)
    assert asked.issuer == (meant.issuer_name_hash + meant.issuer_key_hash).hex()
    digest = hashlib.new(name, asn1.subject_of(world.issuing.der))
    assert asked.issuer.startswith(digest.hexdigest())


def test_another_hash_is_read_and_named_by_nothing(world: World) -> None:
    assert ocsp.read_request(request_of(world, hashed=hashes.SHA512())).asked[0].hash_name == ""


@pytest.mark.parametrize(("length", "echoed"), [(1, True), (32, True), (33, False), (128, False)])
def test_a_nonce_is_given_back_up_to_32_octets(length: int, echoed: bool, world: World) -> None:
    nonce = b"n" * length
    assert ocsp.read_request(request_of(world, nonce=nonce)).nonce == (nonce if echoed else b"")


def with_extensions(world: World, *extensions: bytes) -> bytes:
    """The request, with other extensions of its own making."""
    (asked,) = ocsp.read_request(request_of(world)).asked
    listed = asn1.sequence(asn1.sequence(asked.der))
    return asn1.sequence(asn1.sequence(listed, asn1.element(0xA2, asn1.sequence(*extensions))))


NONCE_OID, OTHER_OID = bytes.fromhex("06092b0601050507300102"), bytes.fromhex("06032a0304")


@pytest.mark.parametrize(
    "extensions",
    [
        [asn1.extension(NONCE_OID, asn1.octet_string(b""))],
        [asn1.extension(NONCE_OID, asn1.octet_string(b"n" * 129))],
        [asn1.extension(NONCE_OID, b"\x04\x02n")],
        [asn1.extension(NONCE_OID, asn1.octet_string(b"n") + b"\x00")],
        [asn1.extension(NONCE_OID, asn1.octet_string(b"n"))] * 2,
        [asn1.extension(OTHER_OID, b"", critical=True)],
    ],
    ids=["empty nonce", "long nonce", "cut nonce", "nonce and more", "two nonces", "critical"],
)
def test_extensions_that_make_no_sense_are_refused(extensions: list[bytes], world: World) -> None:
    with pytest.raises(Malformed):
        ocsp.read_request(with_extensions(world, *extensions))


def test_an_extension_that_nobody_has_to_know_is_ignored(world: World) -> None:
    assert ocsp.read_request(with_extensions(world, asn1.extension(OTHER_OID, b"?"))).asked


def several(world: World, count: int) -> bytes:
    (asked,) = ocsp.read_request(request_of(world)).asked
    return asn1.sequence(asn1.sequence(asn1.sequence(*[asn1.sequence(asked.der)] * count)))


def test_several_at_once_are_read_up_to_a_bound(world: World) -> None:
    assert len(ocsp.read_request(several(world, ocsp.MOST_ASKED)).asked) == ocsp.MOST_ASKED
    for count in (0, ocsp.MOST_ASKED + 1):
        with pytest.raises(Malformed):
            ocsp.read_request(several(world, count))


def test_what_follows_a_request_is_refused(world: World) -> None:
    with pytest.raises(Malformed):
        ocsp.read_request(request_of(world) + b"\x00")


@given(st.binary(max_size=300))
@example(b"")
@example(b"\x30\x80\x00\x00")
@example(b"\x30\x84\xff\xff\xff\xff")
@example(b"0" * (ocsp.MOST_OCTETS + 1))
def test_no_bytes_raise_anything_else(content: bytes) -> None:
    with pytest.raises(Malformed):
        ocsp.read_request(content)


_DER = request_of(make_world())


@given(st.data())
def test_no_damage_raises_anything_else(data: st.DataObject) -> None:
    """Fails when a branch of the reader lets an IndexError or the like through."""
    damaged = bytearray(_DER)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        damaged = damaged or bytearray(b"\x00")
    try:
        read = ocsp.read_request(bytes(damaged))
    except Malformed:
        return
    assert 1 <= len(read.asked) <= ocsp.MOST_ASKED


def test_the_signer_is_what_rfc_6960_asks_for(signer: Issued) -> None:
    certificate = x509.load_der_x509_certificate(signer.der)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    assert certificate.extensions.get_extension_for_class(x509.OCSPNoCheck).critical is False
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_cryptography_reads_what_was_said(world: World, signer: Issued) -> None:
    (asked,) = ocsp.read_request(request_of(world)).asked
    read = judge.load_der_ocsp_response(respond(signer, revoked(asked), nonce=NONCE))
    assert read.certificate_status is judge.OCSPCertStatus.REVOKED
    assert (read.revocation_time_utc, read.revocation_reason) == (
        NOW - timedelta(hours=1),
        x509.ReasonFlags.key_compromise,
    )
    assert (read.this_update_utc, read.next_update_utc) == (NOW, NOW + timedelta(hours=1))
    assert read.serial_number == asked.serial
    assert read.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == NONCE
    read = judge.load_der_ocsp_response(respond(signer, good(asked)))
    assert (read.certificate_status, len(read.extensions)) == (judge.OCSPCertStatus.GOOD, 0)


@pytest.mark.parametrize("status", [each for each in Status if each])
def test_an_error_says_its_status_and_no_more(status: Status) -> None:
    assert judge.load_der_ocsp_response(ocsp.error(status)).response_status.value == status


@pytest.fixture
def files(world: World, tmp_path: Path) -> Path:
    for name in ("root", "issuing", "leaf"):
        (tmp_path / f"{name}.pem").write_text(ssl.DER_cert_to_PEM_cert(getattr(world, name).der))
    (tmp_path / "chain.pem").write_bytes((tmp_path / "issuing.pem").read_bytes() + (tmp_path / "root.pem").read_bytes())
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def asked_by_openssl(folder: Path, *options: str) -> CertId:
    run(folder, "openssl", "ocsp", *options, "-issuer", "issuing.pem", "-cert", "leaf.pem", "-reqout", "req.der")
    return ocsp.read_request((folder / "req.der").read_bytes()).asked[0]


@pytest.mark.parametrize("option", ["-sha1", "-sha256"])
def test_openssl_believes_what_is_answered_to_its_own_request(option: str, files: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    today = make_world(now=now)
    for name in ("root", "issuing", "leaf"):
        (files / f"{name}.pem").write_text(ssl.DER_cert_to_PEM_cert(getattr(today, name).der))
    asked, signer = asked_by_openssl(files, option, "-no_nonce"), signer_of(today, now)
    for answer, word in (
        (good(asked), "good"),
        (revoked(asked), "revoked"),
        (Single(asked, is_known=False), "unknown"),
    ):
        (files / "resp.der").write_bytes(respond(signer, answer, now=now))
        judged = run(
            files, "openssl", "ocsp", option, "-no_nonce", "-issuer", "issuing.pem", "-cert", "leaf.pem",
            "-respin", "resp.der", "-CAfile", "root.pem", "-verify_other", "issuing.pem",
        )  # fmt: skip
        assert "Response verify OK" in judged.stderr, judged.stderr
        assert f"leaf.pem: {word}" in judged.stdout, judged.stdout + judged.stderr
        assert "WARNING" not in judged.stderr, judged.stderr


def test_gnutls_believes_it_too(files: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    today = make_world(now=now)
    for name in ("issuing", "leaf"):
        (files / f"{name}.pem").write_text(ssl.DER_cert_to_PEM_cert(getattr(today, name).der))
    (asked,) = ocsp.read_request(request_of(today)).asked
    (files / "resp.der").write_bytes(respond(signer_of(today, now), good(asked), now=now))
    judged = run(
        files, "ocsptool", "--verify-response", "--load-issuer", "issuing.pem", "--load-response", "resp.der",
        "--load-trust", "issuing.pem",
    )  # fmt: skip
    assert "Verifying OCSP Response: Success" in judged.stdout, judged.stdout + judged.stderr


@pytest.mark.parametrize("nonce", [b"", NONCE], ids=["without nonce", "with nonce"])
def test_pkilint_finds_nothing(nonce: bytes, world: World, signer: Issued, files: Path) -> None:
    (asked,) = ocsp.read_request(request_of(world)).asked
    for answers in ([good(asked)], [revoked(asked), Single(asked, is_known=False)]):
        (files / "resp.der").write_bytes(respond(signer, *answers, nonce=nonce))
        lint = str(Path(sys.prefix, "bin", "lint_ocsp_response"))
        judged = run(files, lint, "lint", "-s", "WARNING", "resp.der")
        assert (judged.returncode, judged.stdout.strip()) == (0, ""), judged.stdout + judged.stderr
