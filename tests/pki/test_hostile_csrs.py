"""A hostile request is refused by name, or gives what the profile says and nothing else (rows 3, 5, 8, 9, 10, 17)."""

import socket
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from pki import csr as judging
from pki.csr import LARGEST, CsrInspection, inspect_csr
from pki.findings import Severity
from pki.issuing import BACKDATING, Template, complete, prepare
from pki.profiles import GATEWAY_CLIENT
from pki.shape import Shapes
from pki.weak_keys import LONGEST_RSA
from tests.pki import hostile_csrs
from tests.pki.csr_forge import forge, key
from tests.pki.makers import EUI, Made, make_issuing, make_root, public_der, rsa_spki, sequence, sign, tlv

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
END = NOW + timedelta(days=365)
SERIAL = 0x5EED << 140
LETTERS = set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.fixture(scope="module")
def issuer() -> Made:
    return make_issuing(make_root())


def codes(seen: CsrInspection) -> tuple[str, ...]:
    return tuple(each.code for each in seen.findings if each.severity is Severity.REFUSED)


def test_there_are_more_than_110_and_each_is_another() -> None:
    cases = hostile_csrs.cases()
    assert len(cases) >= 110
    assert [name for name, count in Counter(case.name for case in cases).items() if count > 1] == []
    assert [name for name, count in Counter(case.content for case in cases).items() if count > 1] == []


def test_each_is_refused_or_accepted_as_is_written_beside_it() -> None:
    judged = {case.name: codes(inspect_csr(case.content, eui=EUI)) for case in hostile_csrs.cases()}
    assert judged == {case.name: case.codes for case in hostile_csrs.cases()}


def test_what_refuses_it_says_so_in_a_sentence_and_in_plain_letters() -> None:
    for case in hostile_csrs.refused():
        for finding in inspect_csr(case.content, eui=EUI).findings:
            assert set(finding.code) <= LETTERS, case.name
            assert finding.message.endswith("."), case.name
            assert len(finding.message) + len(finding.advice) < 500, case.name
            assert f"{finding.message}{finding.advice}".isprintable(), case.name


def test_what_is_refused_is_refused_for_any_gateway_but_its_own_too() -> None:
    another = {"cn-mismatch"}  # right for whom it names
    for case in hostile_csrs.refused():
        seen = inspect_csr(case.content)
        is_own_name = set(case.codes) == another and "lower case" not in case.name
        assert seen.accepted == is_own_name, case.name


def test_nothing_in_a_request_is_ever_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 17. Fails when anything looks up a host or opens a connection."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, fail)
    for case in hostile_csrs.accepted():
        assert inspect_csr(case.content, eui=EUI).accepted


# ------------------------------------------------------------------------------------------- what is made of them


def test_what_is_accepted_gives_the_profiles_certificate_and_nothing_else(issuer: Made) -> None:
    """Fails when anything of a request but its key reaches `pki.issuing.prepare`."""
    for case in hostile_csrs.accepted():
        seen = inspect_csr(case.content, eui=EUI)
        twin = prepare(_template(issuer, seen.public_key_der))
        signature = sign(issuer.key, twin.tbs, hashes.SHA256())
        der = complete(
            twin.tbs,
            algorithm=twin.signature_algorithm,
            signature=signature,
            issuer_public_key_der=public_der(issuer.key),
        )
        certificate = x509.load_der_x509_certificate(der)
        hostile_csrs.require_profile(certificate, issuer.certificate, spki=seen.public_key_der)
        validity = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        assert (certificate.serial_number, *validity) == (SERIAL, NOW - BACKDATING, END), case.name


def test_a_batch_makes_the_same_bytes_of_them(issuer: Made) -> None:
    shapes = Shapes(issuer.der, GATEWAY_CLIENT)
    for case in hostile_csrs.accepted():
        spki = inspect_csr(case.content, eui=EUI).public_key_der
        filled = shapes.fill(eui=EUI, serial=SERIAL, not_before=NOW - BACKDATING, not_after=END, spki=spki)
        assert filled.tbs == prepare(_template(issuer, spki)).tbs, case.name


def _template(issuer: Made, spki: bytes) -> Template:
    return Template(
        profile=GATEWAY_CLIENT,
        common_name=EUI,
        public_key_der=spki,
        serial=SERIAL,
        not_before=NOW - BACKDATING,
        not_after=END,
        issuer_der=issuer.der,
    )


# --------------------------------------------------------------------------------- how much is looked at, at most


def test_what_is_too_long_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("require_no_private_key", "_read_blocks", "_only_element", "_load"):
        monkeypatch.setattr(judging, name, None)
    assert codes(inspect_csr(bytes(LARGEST + 1))) == ("too-large",)


def test_a_key_that_is_too_long_is_neither_factored_nor_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prime test of half a million bits takes hours."""
    monkeypatch.setattr("pki.weak_keys.gmpy2", None)
    monkeypatch.setattr("pki.weak_keys.checkrsa", None)
    long = forge(spki=rsa_spki(1 << LONGEST_RSA | 1), signature=bytes(32))
    assert codes(inspect_csr(long)) == ("bad-signature", "key-too-long")


@given(
    st.recursive(st.binary(max_size=40), lambda inner: st.lists(inner, max_size=4).map(lambda each: sequence(*each)))
)
def test_any_structure_is_judged(content: bytes) -> None:
    assert not inspect_csr(content, eui=EUI).accepted


@given(st.sampled_from([0x30, 0x31, 0xA0, 0x02, 0x03, 0x04, 0x06, 0x0C]), st.binary(max_size=60), st.integers(0, 3))
def test_any_element_in_place_of_a_right_one_is_judged(tag: int, content: bytes, place: int) -> None:
    element = tlv(tag, content)
    changed = [
        lambda: forge(version=element), lambda: forge(subject=element), lambda: forge(spki=element),
        lambda: forge(after=element),
    ]  # fmt: skip
    seen = inspect_csr(changed[place](), eui=EUI)
    assert not seen.accepted or seen.public_key_der == public_der(key())
