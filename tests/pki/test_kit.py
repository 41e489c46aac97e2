"""The station kit, file by file, judged by OpenSSL and by what Basics Station reads."""

import io
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from pki import private_keys
from pki.errors import PkiError
from pki.kit import check_cups_uri, check_trust_pem, station_kit
from tests.pki.issued import World, make_world
from tests.pki.makers import (
    EUI,
    NOW,
    Made,
    curve_key,
    make_issuing,
    make_leaf,
    make_root,
    private_pem,
    rsa_key,
    to_pem,
)

URI = "https://lns.example.com:8987"


@pytest.fixture(scope="module")
def trust() -> bytes:
    return make_root("Server Root").pem


@pytest.fixture(scope="module", params=["P-256", "RSA 2048"])
def world(request: pytest.FixtureRequest) -> World:
    return make_world(leaf_key_type=request.param)


@pytest.fixture(scope="module")
def kit(world: World, trust: bytes) -> bytes:
    return pack(world, trust)


def pack(world: World, trust: bytes, **changes: Any) -> bytes:
    arguments: dict[str, Any] = {
        "eui": EUI,
        "leaf_der": world.leaf.der,
        "chain_ders": [world.issuing.der, world.root.der],
        "private_key_der": world.leaf.private_der,
        "trust_pem": trust,
        "cups_uri": URI,
    }
    return station_kit(**(arguments | changes))


def unpack(kit: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def openssl(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=True).stdout


def code_of(refusal: pytest.ExceptionInfo[PkiError]) -> str:
    return refusal.value.code


def test_a_kit_holds_exactly_the_four_files(kit: bytes) -> None:
    assert list(unpack(kit)) == ["cups.crt", "cups.key", "cups.trust", "cups.uri"]


def test_a_vendor_who_keeps_the_key_gets_no_key_file(world: World, trust: bytes) -> None:
    assert list(unpack(pack(world, trust, private_key_der=None))) == ["cups.crt", "cups.trust", "cups.uri"]


def test_the_same_kit_is_the_same_bytes(world: World, trust: bytes) -> None:
    assert pack(world, trust) == pack(world, trust)


def test_every_pem_file_begins_with_a_hyphen(kit: bytes) -> None:
    """Basics Station's src/tls.c takes a file for PEM only by its first byte."""
    files = unpack(kit)
    assert {files[name][:1] for name in ("cups.crt", "cups.key", "cups.trust")} == {b"-"}


def test_the_certificate_comes_first_and_its_issuer_second_without_the_root(world: World, kit: bytes) -> None:
    certificates = x509.load_pem_x509_certificates(unpack(kit)["cups.crt"])
    expected = [x509.load_der_x509_certificate(der) for der in (world.leaf.der, world.issuing.der)]
    assert certificates == expected


def test_unzip_gives_a_key_that_only_its_owner_reads(kit: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
        assert {entry.create_system for entry in archive.infolist()} == {3}
    assert modes == {"cups.crt": 0o100644, "cups.key": 0o100600, "cups.trust": 0o100644, "cups.uri": 0o100644}


def test_the_address_stands_alone_in_its_file(kit: bytes) -> None:
    assert unpack(kit)["cups.uri"] == URI.encode()


def test_openssl_finds_key_and_certificate_to_be_a_pair(kit: bytes, tmp_path: Path) -> None:
    for name, content in unpack(kit).items():
        (tmp_path / name).write_bytes(content)
    of_key = openssl(tmp_path, "pkey", "-in", "cups.key", "-pubout")
    assert of_key == openssl(tmp_path, "x509", "-in", "cups.crt", "-noout", "-pubkey")


def test_the_key_has_the_form_that_a_station_reads(world: World, kit: bytes, tmp_path: Path) -> None:
    """SEC1 or PKCS#1: a Station cannot measure the PKCS#8 of a P-256 key."""
    (tmp_path / "key").write_bytes(key := unpack(kit)["cups.key"])
    if isinstance(x509.load_der_x509_certificate(world.leaf.der).public_key(), ec.EllipticCurvePublicKey):
        assert key.startswith(b"-----BEGIN EC PRIVATE KEY-----\n")
        assert len(openssl(tmp_path, "ec", "-in", "key", "-outform", "DER")) < 128
    else:
        assert key.startswith(b"-----BEGIN RSA PRIVATE KEY-----\n")
        openssl(tmp_path, "rsa", "-in", "key", "-check", "-noout")


def test_a_kit_for_another_gateway_is_refused(world: World, trust: bytes) -> None:
    with pytest.raises(PkiError) as refusal:
        pack(world, trust, eui="58A0CBFFFE999999")
    assert code_of(refusal) == "kit-other-gateway"


def test_the_key_of_another_gateway_is_refused(world: World, trust: bytes) -> None:
    with pytest.raises(PkiError) as refusal:
        pack(world, trust, private_key_der=private_keys.generate("P-256"))
    assert code_of(refusal) == "kit-other-key"


def test_a_chain_of_another_authority_is_refused(world: World, trust: bytes) -> None:
    with pytest.raises(PkiError) as refusal:
        pack(world, trust, chain_ders=[world.root.der])
    assert code_of(refusal) == "kit-chain"


def test_a_key_that_a_station_cannot_take_over_the_air_is_refused(trust: bytes) -> None:
    with pytest.raises(PkiError) as refusal:
        pack(make_world(leaf_key_type="P-384"), trust)
    assert code_of(refusal) == "kit-key-type"


def test_a_kit_with_a_bad_address_is_refused(world: World, trust: bytes) -> None:
    with pytest.raises(PkiError):
        pack(world, trust, cups_uri="https://lns.example.com")


def test_a_kit_with_a_bad_trust_file_is_refused(world: World) -> None:
    with pytest.raises(PkiError):
        pack(world, b"")


# The address of the server


@pytest.mark.parametrize(
    "text",
    [
        "https://lns.example.com:443",
        "https://lns:8987",
        "https://LNS.Example.com:1",
        "https://a.b.c.d.e:65535",
        f"https://{'a' * 57}.{'a' * 57}:443",
    ],
)
def test_an_address_that_a_station_reads_is_accepted(text: str) -> None:
    assert len(text) <= 127
    check_cups_uri(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "cups-uri-form"),
        ("lns.example.com:443", "cups-uri-form"),
        ("http://lns.example.com:443", "cups-uri-form"),
        ("HTTPS://lns.example.com:443", "cups-uri-form"),
        ("wss://lns.example.com:443", "cups-uri-form"),
        ("https://lns.example.com", "cups-uri-form"),
        ("https://lns.example.com:", "cups-uri-form"),
        ("https://lns.example.com:443/", "cups-uri-form"),
        ("https://lns.example.com:443/update-info", "cups-uri-form"),
        ("https://lns.example.com:443?a=b", "cups-uri-form"),
        ("https://user@lns.example.com:443", "cups-uri-form"),
        ("https://lns.example.com:443\n", "cups-uri-form"),
        (" https://lns.example.com:443", "cups-uri-form"),
        ("https://lns.example.com:\uff1443", "cups-uri-form"),
        ("https://[::1]:443", "cups-uri-form"),
        ("https://lns.example.com:0", "cups-uri-port"),
        ("https://lns.example.com:65536", "cups-uri-port"),
        ("https://192.0.2.1:443", "cups-uri-address"),
        ("https://münchen.example:443", "cups-uri-host"),
        ("https://lns_1.example.com:443", "cups-uri-host"),
        ("https://-lns.example.com:443", "cups-uri-host"),
        ("https://lns..example.com:443", "cups-uri-host"),
        (f"https://{'a' * 64}.example.com:443", "cups-uri-host"),
        (f"https://{'a' * 57}.{'a' * 58}:443", "cups-uri-long"),
    ],
)
def test_an_address_that_a_station_misreads_is_refused(text: str, code: str) -> None:
    with pytest.raises(PkiError) as refusal:
        check_cups_uri(text)
    assert code_of(refusal) == code


# The trust file


@pytest.mark.parametrize(
    "made",
    [
        make_root("P-256 root"),
        make_root("RSA root", key=rsa_key()),
        make_root("Old root", key=rsa_key(label="old"), digest=hashes.SHA1()),  # real roots have it
        make_root("P-521 root", key=curve_key(ec.SECP521R1)),
    ],
    ids=lambda made: made.certificate.subject.rfc4514_string(),
)
def test_the_authority_of_a_server_is_accepted(made: Made) -> None:
    check_trust_pem(made.pem, now=NOW)


def test_several_certificates_and_text_between_them_are_accepted() -> None:
    check_trust_pem(make_root("One").pem + b"# the next one\r\n" + make_root("Two").pem.replace(b"\n", b"\r\n"))


def test_text_between_certificates_does_not_reach_the_kit(world: World, trust: bytes) -> None:
    packed = unpack(pack(world, trust, trust_pem=trust + b"# note\n"))
    assert packed["cups.trust"] == trust


@pytest.mark.parametrize(
    ("before", "code"),
    [(b"\n", "trust-not-pem"), (b"# comment\n", "trust-not-pem"), (b"\xef\xbb\xbf", "trust-not-pem")],
)
def test_nothing_may_stand_before_the_first_certificate(trust: bytes, before: bytes, code: str) -> None:
    with pytest.raises(PkiError) as refusal:
        check_trust_pem(before + trust)
    assert code_of(refusal) == code


def test_der_is_refused_in_words() -> None:
    with pytest.raises(PkiError, match="BEGIN CERTIFICATE") as refusal:
        check_trust_pem(make_root().der)
    assert code_of(refusal) == "trust-not-pem"


def test_a_private_key_in_the_trust_file_is_refused_as_exposed(trust: bytes) -> None:
    with pytest.raises(PkiError, match="exposed") as refusal:
        check_trust_pem(trust + private_pem(rsa_key()))
    assert code_of(refusal) == "trust-not-certificates"


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        make_root().pem + to_pem(make_root().der[:-9]),
        to_pem(make_leaf(make_root(), extensions=[("2.5.29.19", True, b"\x30\x00")] * 2).der),
    ],
    ids=["cut", "not DER", "second truncated", "doubled extension"],
)
def test_one_unreadable_certificate_spoils_the_file(content: bytes) -> None:
    with pytest.raises(PkiError) as refusal:
        check_trust_pem(content)
    assert code_of(refusal) == "trust-unreadable"


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (make_root("Short", key=rsa_key(1024)), "trust-key-short"),
        (make_root("Small", key=curve_key(ec.SECP224R1)), "trust-key-short"),
        (make_root("Ed25519", key=ed25519.Ed25519PrivateKey.generate()), "trust-key-type"),
        (make_issuing(make_root(key=rsa_key()), digest=hashes.SHA1()), "trust-signature"),
        (make_root("MD5", key=rsa_key(), digest=hashes.MD5()), "trust-signature"),
    ],
    ids=["RSA 1024", "P-224", "Ed25519", "SHA-1", "MD5"],
)
def test_what_a_station_does_not_know_is_refused(made: Made, code: str) -> None:
    with pytest.raises(PkiError, match="Basics Station") as refusal:
        check_trust_pem(made.pem)
    assert code_of(refusal) == code


def test_an_expired_trust_certificate_is_refused_where_the_instant_is_given() -> None:
    root = make_root("Past", not_after=NOW - timedelta(seconds=1))
    check_trust_pem(root.pem)
    with pytest.raises(PkiError) as refusal:
        check_trust_pem(root.pem, now=NOW)
    assert code_of(refusal) == "trust-expired"
