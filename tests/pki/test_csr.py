"""Rows 3, 8 and 9 for requests: exactly one CN in the one right form, a good key, nothing changed silently."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pki.csr import CsrInspection, inspect_csr
from pki.findings import Severity
from tests.pki.makers import (
    EUI,
    PrivateKey,
    curve_key,
    make_csr,
    make_root,
    p256_key,
    private_pem,
    public_der,
    rsa_key,
    to_name,
    to_pem,
)

OTHER = "58A0CBFFFE999999"


def refusals(seen: CsrInspection) -> list[str]:
    assert seen.accepted == (not any(each.severity is Severity.REFUSED for each in seen.findings))
    return [each.code for each in seen.findings if each.severity is Severity.REFUSED]


def advice(seen: CsrInspection) -> str:
    return next(each.advice for each in seen.findings if each.severity is Severity.REFUSED)


def test_a_good_request_is_taken_as_it_came() -> None:
    csr = make_csr()
    seen = inspect_csr(csr, eui=EUI)
    assert seen.accepted
    assert (seen.csr_der, seen.common_name, seen.key_type) == (csr, EUI, "P-256")
    assert seen.public_key_der == public_der(p256_key("csr"))


@pytest.mark.parametrize("label", ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"])
def test_pem_is_understood(label: str) -> None:
    csr = make_csr()
    seen = inspect_csr(b"text\r\n" + to_pem(csr, label).replace(b"\n", b"\r\n"), eui=EUI)
    assert (seen.accepted, seen.csr_der) == (True, csr)


@pytest.mark.parametrize(
    "name",
    [EUI.lower(), f"eui-{EUI.lower()}", "58-A0-CB-FF-FE-12-34-56", f"{EUI} ", f" {EUI}", "58a0:cbff:fe12:3456"],
)
def test_nearly_right_is_refused_with_the_right_form_as_advice(name: str) -> None:
    seen = inspect_csr(make_csr(name), eui=EUI)
    assert refusals(seen) == ["cn-not-eui"]
    assert f"CN={EUI}" in advice(seen)
    assert seen.common_name == name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (OTHER, "cn-mismatch"),
        (OTHER.lower(), "cn-mismatch"),
        ("gateway-1", "cn-not-eui"),
        (EUI[:-1], "cn-not-eui"),
        (EUI + "7", "cn-not-eui"),
        ("\N{FULLWIDTH DIGIT FIVE}8A0CBFFFE123456", "cn-not-eui"),
        ("58\N{CYRILLIC CAPITAL LETTER A}0CBFFFE123456", "cn-not-eui"),
    ],
)
def test_a_wrong_name_is_refused(name: str, code: str) -> None:
    assert refusals(inspect_csr(make_csr(name), eui=EUI)) == [code]


def test_any_eui_will_do_where_none_is_expected() -> None:
    assert inspect_csr(make_csr(OTHER)).accepted
    assert refusals(inspect_csr(make_csr("gateway-1"))) == ["cn-not-eui"]


def test_two_common_names_are_refused_even_if_both_are_right() -> None:
    both = to_name(EUI, x509.NameAttribute(NameOID.COMMON_NAME, EUI))
    assert refusals(inspect_csr(make_csr(both), eui=EUI)) == ["cn-several"]


def test_an_eui_in_the_san_alone_is_refused() -> None:
    csr = make_csr(x509.Name([]), extensions=[x509.SubjectAlternativeName([x509.DNSName(EUI)])])
    assert refusals(inspect_csr(csr, eui=EUI)) == ["cn-missing"]


def test_requested_extensions_are_named_and_ignored() -> None:
    seen = inspect_csr(make_csr(extensions=[x509.BasicConstraints(ca=True, path_length=None)]), eui=EUI)
    assert seen.accepted
    [finding] = [each for each in seen.findings if each.severity is Severity.WARNING]
    assert (finding.code, "basicConstraints" in finding.message) == ("extensions-ignored", True)


def test_a_signature_by_another_key_is_refused() -> None:
    csr = bytearray(make_csr())
    csr[-1] ^= 1
    assert refusals(inspect_csr(bytes(csr), eui=EUI)) == ["bad-signature"]


@pytest.mark.parametrize("key", [p256_key(), rsa_key(2048), rsa_key(4096)])
def test_keys_that_every_station_takes_are_good(key: PrivateKey) -> None:
    seen = inspect_csr(make_csr(key=key), eui=EUI)
    assert seen.accepted
    assert all(each.severity is Severity.GOOD for each in seen.findings)


def test_a_key_that_cups_cannot_replace_is_warned_of() -> None:
    seen = inspect_csr(make_csr(key=curve_key(ec.SECP384R1)), eui=EUI)
    assert seen.accepted
    assert "key-not-replaceable" in [each.code for each in seen.findings]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (rsa_key(1024), "weak-key-short"),
        (rsa_key(2048, "three", 3), "weak-key-exponent"),
        (curve_key(ec.SECP224R1), "weak-key-short"),
        (curve_key(ec.SECP521R1), "key-type-unusable"),
        (rsa_key(2560), "key-type-unusable"),
        (ed25519.Ed25519PrivateKey.generate(), "key-type-unusable"),
    ],
)
def test_other_keys_are_refused(key: PrivateKey, code: str) -> None:
    assert refusals(inspect_csr(make_csr(key=key), eui=EUI)) == [code]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not-a-request"),
        (b"hello", "not-a-request"),
        (make_root().pem, "not-a-request"),
        (make_root().der, "malformed-request"),
        (to_pem(make_csr(), "CERTIFICATE REQUEST") * 2, "not-a-request"),
        (to_pem(make_csr(), "CERTIFICATE REQUEST")[:-30], "malformed-block"),
        (make_csr() + b"\x00", "malformed-request"),
        (make_csr()[:-1], "malformed-request"),
        (b"x" * 1_000_000, "too-large"),
        (private_pem(p256_key()) + to_pem(make_csr(), "CERTIFICATE REQUEST"), "private-key"),
        (to_pem(make_csr(), "CERTIFICATE REQUEST") + private_pem(rsa_key(2048), password=b"x"), "private-key"),
    ],
)
def test_what_is_no_request_is_refused(content: bytes, code: str) -> None:
    seen = inspect_csr(content, eui=EUI)
    assert refusals(seen) == [code]
    assert seen.csr_der == b""


CSR = make_csr(extensions=[x509.SubjectAlternativeName([x509.DNSName("a.example")])])


@given(st.integers(0, len(CSR) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position: int, change: int) -> None:
    mutated = bytearray(CSR)
    mutated[position] ^= change
    assert not inspect_csr(bytes(mutated), eui=EUI).accepted


@given(st.binary(max_size=600))
def test_any_bytes_are_judged(content: bytes) -> None:
    assert not inspect_csr(content).accepted
