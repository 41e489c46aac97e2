"""Row 9 to 11: every form of a certificate file is understood or refused whole, and no private key is kept."""

import base64
import gzip
import io
import zipfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs7, pkcs12
from hypothesis import given
from hypothesis import strategies as st

from pki.findings import Severity
from pki.intake import LARGEST_FILE, Intake, UploadedFile, read_files
from tests.pki.makers import (
    NOW,
    PrivateKey,
    make_csr,
    make_issuing,
    make_leaf,
    make_root,
    p256_key,
    private_der,
    private_pem,
    rsa_key,
    sequence,
    tlv,
    to_name,
    to_pem,
)

ROOT = make_root()
ISSUING = make_issuing(ROOT)
BOTH = (ROOT.der, ISSUING.der)
SECRET = b"correct horse"


def take(*contents: bytes) -> Intake:
    return read_files([UploadedFile(f"file{number}.pem", content) for number, content in enumerate(contents)])


def ders(intake: Intake) -> tuple[bytes, ...]:
    return tuple(each.der for each in intake.certificates)


def codes(intake: Intake) -> list[str]:
    return [each.code for each in intake.findings]


def pkcs7_of(encoding: serialization.Encoding) -> bytes:
    return pkcs7.serialize_certificates([ROOT.certificate, ISSUING.certificate], encoding)


UNDERSTOOD = {
    "PEM": ROOT.pem + ISSUING.pem,
    "CR LF": (ROOT.pem + ISSUING.pem).replace(b"\n", b"\r\n"),
    "CR": (ROOT.pem + ISSUING.pem).replace(b"\n", b"\r"),
    "byte order mark": b"\xef\xbb\xbf" + ROOT.pem + ISSUING.pem,
    "no line end between": ROOT.pem.rstrip() + ISSUING.pem.rstrip(),
    "text around": b"subject=/CN=x\n" + ROOT.pem + b"\nBag Attributes\n  \xc3\xa9\n" + ISSUING.pem + b"the end",
    "one long line": to_pem(ROOT.der).replace(b"\n", b"").replace(b"E-----", b"E-----\n", 1) + ISSUING.pem,
    "X509 CERTIFICATE": to_pem(ROOT.der, "X509 CERTIFICATE") + ISSUING.pem,
    "DER after DER": ROOT.der + ISSUING.der,
    "DER with a line end": ROOT.der + ISSUING.der + b"\r\n",
    "base64 alone": base64.b64encode(ROOT.der + ISSUING.der),
}


@pytest.mark.parametrize("content", UNDERSTOOD.values(), ids=UNDERSTOOD.keys())
def test_it_understands(content: bytes) -> None:
    intake = take(content)
    assert codes(intake) == []
    assert ders(intake) == BOTH
    assert [each.position for each in intake.certificates] == [1, 2]


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_it_understands_pkcs7(encoding: serialization.Encoding) -> None:
    assert set(ders(take(pkcs7_of(encoding)))) == set(BOTH)


def test_it_takes_several_files_together() -> None:
    intake = take(ROOT.pem, ISSUING.der)
    assert [(each.file, each.position) for each in intake.certificates] == [("file0.pem", 1), ("file1.pem", 1)]


def test_facts_come_with_each_certificate() -> None:
    assert take(ROOT.pem).certificates[0].facts.name == "Acme Root CA"


def crl() -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(to_name("x")).last_update(NOW).next_update(NOW)
    return builder.sign(p256_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def zipped() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("ca.pem", ROOT.pem)
    return archive.getvalue()


LINES = ROOT.pem.splitlines(keepends=True)
REFUSED = {
    "nothing": (b"", "empty-file"),
    "blanks": (b" \n\n", "empty-file"),
    "UTF-16 with a mark": (ROOT.pem.decode().encode("utf-16"), "utf-16"),
    "UTF-16 without a mark": (ROOT.pem.decode().encode("utf-16-le"), "utf-16"),
    "zip": (zipped(), "archive"),
    "gzip": (gzip.compress(ROOT.pem), "archive"),
    "text": (b"hello, this is our CA!", "not-a-certificate"),
    "base64 of nothing": (b"aGVsbG8gd29ybGQ=", "malformed-certificate"),
    "CSR in PEM": (to_pem(make_csr(), "CERTIFICATE REQUEST"), "certificate-request"),
    "CSR in DER": (make_csr(), "certificate-request"),
    "CSR under a wrong label": (to_pem(make_csr()), "certificate-request"),
    "CRL in PEM": (to_pem(crl(), "X509 CRL"), "revocation-list"),
    "CRL in DER": (crl(), "revocation-list"),
    "public key": (to_pem(b"\x30\x00", "PUBLIC KEY"), "unexpected-block"),
    "trusted certificate": (to_pem(ROOT.der, "TRUSTED CERTIFICATE"), "unexpected-block"),
    "cut off": (ROOT.pem + ISSUING.pem[:-40], "malformed-block"),
    "a line lost": (ROOT.pem + b"".join(LINES[:2] + LINES[3:]), "malformed-certificate"),
    "a letter lost": (ROOT.pem + ISSUING.pem.replace(b"A", b"", 1), "malformed-block"),
    "an END line lost": (b"".join(LINES[:-1]) + ISSUING.pem, "malformed-block"),
    "a BEGIN line lost": (b"".join(LINES[1:]) + ISSUING.pem, "malformed-block"),
    "a dash lost": (ROOT.pem + ISSUING.pem[1:], "malformed-block"),
    "lower case": (ROOT.pem + ISSUING.pem.replace(b"BEGIN CERT", b"begin cert"), "malformed-block"),
    "other END": (ROOT.pem.replace(b"END CERTIFICATE", b"END PKCS7"), "malformed-block"),
    "DER cut off": (ROOT.der + ISSUING.der[:-1], "malformed-certificate"),
    "DER with rubbish": (ROOT.der + b"rubbish", "malformed-certificate"),
    "left over bytes": (to_pem(ROOT.der + b"\x00"), "malformed-certificate"),
    "a lying length": (b"\x30\x84\xff\xff\xff\xff" + ROOT.der, "malformed-certificate"),
    "deep ASN.1": (b"\x30\x80" * 400_000, "malformed-certificate"),
    "100,000 BEGIN lines": (b"-----BEGIN X-----\n" * 50_000, "too-many"),
    "101 certificates": (ROOT.der * 101, "too-many"),
    "1 MB and a byte": (b"x" * (LARGEST_FILE + 1), "too-large"),
    "50 MB": (b"-----BEGIN CERTIFICATE-----\n" * 2_000_000, "too-large"),
    "PKCS#7 without certificates": (
        pkcs7_of(serialization.Encoding.DER)[:15] + sequence(),
        "malformed-certificate",
    ),
}


@pytest.mark.parametrize(("content", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_it_refuses(content: bytes, code: str) -> None:
    intake = take(content)
    assert codes(intake) == [code]
    assert intake.certificates == ()
    assert intake.findings[0].severity is Severity.REFUSED


def test_one_bad_file_refuses_all_and_is_named() -> None:
    intake = take(ROOT.pem, ISSUING.pem[:-30])
    assert intake.certificates == ()
    assert "file1.pem" in intake.findings[0].message
    assert "block 1" in intake.findings[0].message


def test_a_bad_certificate_is_named_by_its_place() -> None:
    intake = take(ROOT.pem + make_root(version=4).pem)
    assert "Certificate 2 of file0.pem" in intake.findings[0].message


def test_deeply_nested_asn1_is_refused() -> None:
    nested = b""
    for _ in range(5000):
        nested = tlv(0x30, nested)
    assert codes(take(nested)) == ["malformed-certificate"]


def test_a_file_name_cannot_carry_markup_or_control_characters() -> None:
    [finding] = read_files([UploadedFile("<b>\r\n\u202eevil" + "x" * 500, b"?")]).findings
    assert not set("<>\r\n\u202e") & set(finding.message)
    assert len(finding.message) < 300


RSA, EC, DSA, ED25519 = rsa_key(2048), p256_key(), dsa.generate_private_key(2048), ed25519.Ed25519PrivateKey.generate()
ENCRYPTION = serialization.BestAvailableEncryption(SECRET)


def encrypted(encoding: serialization.Encoding, form: PrivateFormat, key: PrivateKey = RSA) -> bytes:
    return key.private_bytes(encoding, form, ENCRYPTION)


PLAIN = serialization.NoEncryption()
KEYS = {
    "RSA PKCS#8 PEM": private_pem(RSA),
    "RSA PKCS#1 PEM": RSA.private_bytes(serialization.Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PLAIN),
    "EC SEC1 PEM": EC.private_bytes(serialization.Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PLAIN),
    "DSA PEM": DSA.private_bytes(serialization.Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PLAIN),
    "encrypted PKCS#8 PEM": encrypted(serialization.Encoding.PEM, PrivateFormat.PKCS8),
    "encrypted PKCS#1 PEM": encrypted(serialization.Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
    "OpenSSH": ED25519.private_bytes(serialization.Encoding.PEM, PrivateFormat.OpenSSH, PLAIN),
    "PGP": b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----\n",
    "PuTTY": b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
    "JWK": b'{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}',
    "RSA PKCS#1 DER": private_der(RSA, PrivateFormat.TraditionalOpenSSL),
    "RSA PKCS#8 DER": private_der(RSA, PrivateFormat.PKCS8),
    "EC SEC1 DER": private_der(EC, PrivateFormat.TraditionalOpenSSL),
    "EC PKCS#8 DER": private_der(EC, PrivateFormat.PKCS8),
    "P-521 SEC1 DER": private_der(ec.generate_private_key(ec.SECP521R1()), PrivateFormat.TraditionalOpenSSL),
    "DSA DER": private_der(DSA, PrivateFormat.TraditionalOpenSSL),
    "Ed25519 DER": private_der(ED25519, PrivateFormat.PKCS8),
    "encrypted PKCS#8 DER": encrypted(serialization.Encoding.DER, PrivateFormat.PKCS8),
    "PKCS#12": pkcs12.serialize_key_and_certificates(b"x", RSA, None, [ROOT.certificate], ENCRYPTION),
    "plain PKCS#12": pkcs12.serialize_key_and_certificates(b"x", EC, None, None, PLAIN),
    "PKCS#12 with certificates alone": pkcs12.serialize_key_and_certificates(
        None, None, None, [ROOT.certificate], ENCRYPTION
    ),
}
PLACES = {
    "alone": lambda key: key,
    "before a certificate": lambda key: key + b"\n" + ROOT.pem,
    "after a certificate": lambda key: ROOT.pem + b"\n" + key,
    "between DER certificates": lambda key: ROOT.der + key + ISSUING.der,
    "inside rubbish": lambda key: b"\x00\xff" * 50 + key + b"\x01" * 50,
    "as base64": lambda key: ROOT.pem + b"ca.key: " + base64.b64encode(key) + b"\n",
    "as base64 lines": lambda key: b"# mine\n" + b"\n".join(b"  " + key64 for key64 in _lines(key)) + b"\n" + ROOT.pem,
    "as base64 after other bytes": lambda key: base64.b64encode(ROOT.der + key),
    "under the label CERTIFICATE": to_pem,
    "as hex": lambda key: key.hex(":").encode(),
}


def _lines(key: bytes) -> list[bytes]:
    return base64.encodebytes(key).split()


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_private_key_refuses_the_whole_upload(key: bytes, place: object) -> None:
    """G6. Fails without `_require_no_private_key(files)` in `read_files`."""
    intake = take(ISSUING.pem, place(key))  # type: ignore[operator]  # a function of the table above
    assert codes(intake) == ["private-key"]
    assert intake.certificates == ()
    assert "exposed" in intake.findings[0].advice


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_private_key_is_found_in_utf_16_too(key: bytes) -> None:
    assert codes(take(base64.b64encode(key).decode().encode("utf-16"))) == ["private-key"]


def test_a_java_key_store_is_told_by_how_it_begins() -> None:
    assert codes(take(b"\xfe\xed\xfe\xed\x00\x00\x00\x02")) == ["private-key"]


def test_no_byte_of_a_key_is_in_what_is_said() -> None:
    assert "MII" not in str(take(private_pem(RSA)).findings)


def test_a_private_key_in_a_file_that_is_too_large_is_told_as_well() -> None:
    assert codes(take(private_pem(RSA) + b"x" * LARGEST_FILE)) == ["private-key"]


NOT_KEYS = {
    "version 1 with serial 0": make_root(version=1, serial=0, extensions=()).pem,
    "version 1 with serial 1": make_root(version=1, serial=1, extensions=(), key=RSA).der,
    "serial 1": make_root(serial=1, key=RSA).pem,
    "text that speaks of keys": b"This file holds no private key.\n" + ROOT.pem,
    "RSA": make_leaf(make_root(key=rsa_key(4096))).pem,
}


@pytest.mark.parametrize("content", NOT_KEYS.values(), ids=NOT_KEYS.keys())
def test_a_certificate_is_not_taken_for_a_key(content: bytes) -> None:
    assert codes(take(content)) == []


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    intake = take(content)
    assert intake.findings
    assert intake.certificates == ()


@given(st.integers(0, len(ROOT.pem + ISSUING.pem)), st.binary(min_size=1, max_size=8))
def test_bytes_thrown_into_a_file_never_lose_one_certificate_of_two(position: int, noise: bytes) -> None:
    good = ROOT.pem + ISSUING.pem
    intake = take(good[:position] + noise + good[position:])
    assert len(intake.certificates) == (0 if intake.findings else 2)
