"""A certificate is parsed once, whole, or refused with a reason; nothing crashes."""

import contextlib
import hashlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import PkiError
from pki.facts import is_signed_by, read_certificate
from tests.pki.makers import (
    EUI,
    RawExtension,
    basic_constraints,
    extended_key_usage,
    extension,
    key_usage,
    make_issuing,
    make_leaf,
    make_root,
    object_identifier,
    p256_key,
    public_der,
    rsa_key,
    rsa_spki,
    sequence,
    tlv,
    to_name,
)


def test_it_reads_a_root() -> None:
    made = make_root(key=rsa_key(2048))
    facts = read_certificate(made.der)
    assert facts.sha256 == hashlib.sha256(made.der).hexdigest()
    assert facts.spki_sha256 == hashlib.sha256(public_der(made.key)).hexdigest()
    assert (facts.name, facts.key_type, facts.serial) == ("Acme Root CA", "RSA 2048", "5eed")
    assert (facts.is_ca, facts.path_length, facts.version) == (True, None, 3)
    assert facts.key_usage == frozenset({"keyCertSign", "cRLSign"})
    assert facts.signature_algorithm == "sha256WithRSAEncryption"
    assert facts.is_self_signed
    assert facts.not_after == datetime(2044, 1, 1, tzinfo=UTC)


def test_it_reads_a_gateway_leaf() -> None:
    root = make_root()
    facts = read_certificate(make_leaf(root).der)
    assert facts.common_names == (EUI,)
    assert facts.extended_key_usage == frozenset({"clientAuth"})
    assert (facts.is_ca, facts.has_basic_constraints, facts.is_self_issued) == (False, True, False)
    assert facts.authority_key_identifier == read_certificate(root.der).subject_key_identifier
    assert facts.issuer_der == root.subject_der


def test_an_absent_extension_is_none() -> None:
    facts = read_certificate(make_root(extensions=[basic_constraints()], key_identifiers=False).der)
    assert facts.key_usage is None
    assert facts.extended_key_usage is None
    assert facts.subject_key_identifier is None


def test_all_common_names_are_kept_and_the_last_is_the_name() -> None:
    first = x509.NameAttribute(NameOID.COMMON_NAME, "first")
    facts = read_certificate(make_root(name=to_name("last", first)).der)
    assert facts.common_names == ("first", "last")
    assert facts.name == "last"


def test_name_constraints_are_told_in_words() -> None:
    names = x509.NameConstraints([x509.DNSName("acme.example")], [x509.DirectoryName(to_name("Evil"))])
    facts = read_certificate(make_root(extensions=[basic_constraints(), extension(names)]).der)
    assert facts.name_constraints == ("permitted DNSName acme.example", "excluded DirectoryName CN=Evil,O=Acme")


def test_any_extended_key_usage_is_named() -> None:
    usage = extended_key_usage(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, x509.ObjectIdentifier("1.2.3.4"))
    facts = read_certificate(make_root(extensions=[basic_constraints(), usage]).der)
    assert facts.extended_key_usage == frozenset({"anyExtendedKeyUsage", "1.2.3.4"})


@pytest.mark.parametrize(("serial", "text"), [(0, "0"), (-5, "-5"), (2**160, "1" + "0" * 40)])
def test_an_odd_serial_is_read_and_judged_elsewhere(serial: int, text: str) -> None:
    assert read_certificate(make_root(serial=serial).der).serial == text


def test_a_version_1_certificate_has_no_extensions() -> None:
    facts = read_certificate(make_root(version=1, extensions=()).der)
    assert (facts.version, facts.extensions) == (1, frozenset())


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.MD5(), hashes.SHA512()])
def test_an_old_self_signature_is_recognised(digest: hashes.HashAlgorithm) -> None:
    assert read_certificate(make_root(key=rsa_key(2048), digest=digest).der).is_self_signed


def test_a_broken_self_signature_is_not_self_signed() -> None:
    facts = read_certificate(make_root(signature=b"\x00" * 64).der)
    assert facts.is_self_issued
    assert not facts.is_self_signed


def test_an_issuer_is_recognised_by_its_signature() -> None:
    root = make_root()
    issuing = read_certificate(make_issuing(root).der)
    assert is_signed_by(issuing, read_certificate(root.der))
    assert not is_signed_by(issuing, read_certificate(make_root(key=p256_key("another")).der))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (p256_key(), "P-256"),
        (ec.generate_private_key(ec.SECP192R1()), "P-192"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
    ],
)
def test_key_types_are_named_as_people_do(key: ec.EllipticCurvePrivateKey, name: str) -> None:
    assert read_certificate(make_root(key=key).der).key_type == name


TWICE = [basic_constraints(), basic_constraints()]
X400_NAME: list[RawExtension] = [("2.5.29.17", False, sequence(tlv(0xA3, b"\x30\x00")))]
CUT_OFF: list[RawExtension] = [("2.5.29.19", True, b"\x30\x05")]


@pytest.mark.parametrize(
    ("der", "code"),
    [
        (make_root(extensions=TWICE).der, "malformed-extension"),
        (make_root(extensions=X400_NAME).der, "malformed-extension"),
        (make_root(extensions=CUT_OFF).der, "malformed-extension"),
        (make_root(version=4).der, "unsupported-version"),
        (make_root(spki=rsa_spki(-4)).der, "unsupported-key"),
        (make_root(spki=sequence(sequence(object_identifier("1.2.3")), b"\x03\x02\x00\x00")).der, "unsupported-key"),
        (make_root(not_after=tlv(0x17, b"never")).der, "malformed-certificate"),
    ],
)
def test_what_the_library_cannot_read_is_refused_by_name(der: bytes, code: str) -> None:
    with pytest.raises(PkiError) as refused:
        read_certificate(der)
    assert refused.value.code == code


@given(st.binary(max_size=500))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(PkiError):
        read_certificate(data)


RICH = make_root(
    extensions=[
        basic_constraints(path_length=1),
        key_usage("key_cert_sign"),
        extended_key_usage(),
        extension(x509.NameConstraints([x509.DNSName("acme.example")], None), critical=True),
        extension(x509.SubjectAlternativeName([x509.DirectoryName(to_name("x")), x509.DNSName("a.example")])),
    ]
).der


@given(st.integers(0, len(RICH) - 1), st.binary(min_size=1, max_size=4))
def test_a_mutated_certificate_is_read_or_refused(position: int, patch: bytes) -> None:
    mutated = RICH[:position] + patch + RICH[position + len(patch) :]
    with contextlib.suppress(PkiError):
        assert read_certificate(mutated).der == mutated


@given(st.integers(0, len(RICH) - 1))
def test_a_certificate_cut_short_is_refused(length: int) -> None:
    with pytest.raises(PkiError):
        read_certificate(RICH[:length])
