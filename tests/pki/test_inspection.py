"""Rows 6 to 8: what the upload page says of every kind of CA certificate, and of what comes beside it."""

import json
from datetime import timedelta

import gmpy2  # type: ignore[import-untyped]  # it publishes no types
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from pki.chains import MOST_CHECKS, Issuers
from pki.facts import read_certificate
from pki.findings import Severity
from pki.inspection import Inspection, inspect, to_json
from pki.intake import UploadedFile
from pki.kinship import NOTHING_KNOWN, Known
from pki.quiet import quietly
from pki.roles import Role
from tests.pki.makers import (
    EUI,
    NOW,
    Made,
    RawExtension,
    at,
    basic_constraints,
    curve_key,
    extended_key_usage,
    extension,
    key_usage,
    leaf_extensions,
    make_certificate,
    make_issuing,
    make_leaf,
    make_root,
    p256_key,
    private_pem,
    rsa_key,
    rsa_spki,
    to_name,
)

CA, SIGNS = basic_constraints(), key_usage("key_cert_sign", "crl_sign")
UNKNOWN_CRITICAL: RawExtension = ("1.2.3.4", True, b"\x05\x00")
ROOT = make_root()
ISSUING = make_issuing(ROOT)
LEAF = make_leaf(ISSUING)


def look(*made: Made, known: Known = NOTHING_KNOWN) -> Inspection:
    return inspect([UploadedFile("ca.pem", b"".join(each.pem for each in made))], now=NOW, known=known)


def codes_of(inspection: Inspection, made: Made, severity: Severity | None = None) -> list[str]:
    [found] = [each.findings for each in inspection.certificates if each.facts.sha256 == made.sha256]
    return [each.code for each in found if severity in (None, each.severity)]


def refusals(made: Made, *beside: Made) -> list[str]:
    """The codes that refuse `made`, and with it the whole upload."""
    inspection = look(made, *beside)
    found = codes_of(inspection, made, Severity.REFUSED)
    assert inspection.accepted is not bool(found)
    return found


def warnings(made: Made, *beside: Made) -> list[str]:
    inspection = look(made, *beside)
    assert inspection.accepted
    return codes_of(inspection, made, Severity.WARNING)


def test_a_root_with_its_issuing_ca_and_a_gateway_is_good() -> None:
    inspection = look(LEAF, ISSUING, ROOT)
    assert inspection.accepted
    assert [each.role for each in inspection.certificates] == [Role.TEST_LEAF, Role.ISSUING, Role.ROOT]
    assert [[link.name for link in chain] for chain in inspection.chains] == [["Acme Root CA", "Acme Gateway CA", EUI]]
    assert [trial.verdict.rule for trial in inspection.trials] == ["accepted"]
    assert [each.code for each in inspection.findings] == ["issuing-ca"]
    assert "gateway-accepted" in codes_of(inspection, LEAF)


def test_a_good_root_has_no_warning() -> None:
    assert warnings(ROOT, ISSUING) == []


def test_every_finding_speaks_in_sentences() -> None:
    inspection = look(make_leaf(ROOT, "gateway"), make_root(extensions=[CA]), make_root(extensions=[SIGNS]), ROOT)
    findings = [*inspection.findings, *(each for one in inspection.certificates for each in one.findings)]
    assert findings
    for each in findings:
        assert each.message.endswith(".")
        assert each.advice.endswith(".") or each.severity is not Severity.REFUSED


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (make_root(extensions=[SIGNS]), "not-a-ca"),
        (make_root(extensions=[basic_constraints(ca=False), SIGNS]), "not-a-ca"),
        (make_root(extensions=()), "not-a-ca"),
        (make_root(extensions=[CA, key_usage("digital_signature")]), "no-key-cert-sign"),
        (
            make_root(extensions=[CA, SIGNS, extended_key_usage(ExtendedKeyUsageOID.SERVER_AUTH)]),
            "eku-without-client-auth",
        ),
        (make_root(not_before=at(2020), not_after=at(2026)), "expired"),
        (make_root(extensions=[CA, SIGNS, UNKNOWN_CRITICAL]), "unknown-critical-extension"),
        (make_root(version=1, extensions=()), "version-1"),
        (make_root(signature=b"\x30\x06\x02\x01\x01\x02\x01\x01"), "broken-self-signature"),
        (make_root(key=rsa_key(1024)), "weak-key-short"),
        (make_root(key=rsa_key(2048, "three", 3)), "weak-key-exponent"),
        (make_root(key=dsa.generate_private_key(2048)), "weak-key-type"),
        (make_root(key=curve_key(ec.SECP192R1)), "weak-key-short"),
        (make_root(key=curve_key(ec.SECP224R1)), "weak-key-short"),
        (make_root(key=curve_key(ec.SECP256K1)), "weak-key-type"),
        (
            make_root(
                extensions=[
                    CA,
                    SIGNS,
                    extension(x509.NameConstraints([x509.DirectoryName(to_name("x"))], None), critical=True),
                ]
            ),
            "name-constraints-unknown",
        ),
    ],
)
def test_a_root_is_refused_by_name(made: Made, code: str) -> None:
    assert refusals(made) == [code]


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (make_issuing(ROOT, extensions=[SIGNS]), "not-a-ca"),
        (make_issuing(ROOT, extensions=[basic_constraints(ca=False)]), "not-a-ca"),
        (make_issuing(ROOT, extensions=[CA, key_usage("crl_sign")]), "no-key-cert-sign"),
        (make_issuing(ROOT, serial=-7), "serial-negative"),
        (make_issuing(make_root(key=rsa_key(2048)), digest=hashes.SHA1()), "old-signature"),
        (make_issuing(make_root(key=rsa_key(2048)), digest=hashes.MD5()), "old-signature"),
    ],
)
def test_an_issuing_ca_is_refused_by_name(made: Made, code: str) -> None:
    assert refusals(made, ROOT) == [code]


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (make_root(extensions=[CA]), "no-key-usage"),
        (make_root(key_identifiers=False), "no-subject-key-identifier"),
        (make_root(key=rsa_key(2048), digest=hashes.SHA1()), "old-self-signature"),
        (make_root(serial=0), "serial-not-positive"),
        (make_root(serial=-1), "serial-not-positive"),
        (make_root(not_after=NOW + timedelta(days=179)), "ends-soon"),
        (make_root(not_before=NOW + timedelta(days=1)), "not-yet-valid"),
        (make_root(key=ed25519.Ed25519PrivateKey.generate()), "key-unknown-to-stations"),
        (
            make_root(extensions=[CA, SIGNS, extension(x509.NameConstraints([x509.DNSName("a.example")], None))]),
            "name-constraints",
        ),
    ],
)
def test_a_root_is_warned_of(made: Made, code: str) -> None:
    assert warnings(made) == [code]


@pytest.mark.parametrize(
    "usages",
    [(ExtendedKeyUsageOID.CLIENT_AUTH,), (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ExtendedKeyUsageOID.SERVER_AUTH)],
)
def test_a_usage_that_allows_clients_is_fine(usages: tuple[x509.ObjectIdentifier, ...]) -> None:
    made = make_issuing(ROOT, extensions=[CA, SIGNS, extended_key_usage(*usages)])
    assert warnings(made, ROOT) == []
    assert [trial.verdict.rule for trial in look(made, ROOT, make_leaf(made)).trials] == ["accepted"]


def test_the_second_of_expiry_is_still_valid() -> None:
    assert warnings(make_root(not_after=NOW)) == ["ends-soon"]
    assert refusals(make_root(not_after=NOW - timedelta(seconds=1))) == ["expired"]


def test_a_path_length_of_zero_is_shown_as_good() -> None:
    made = make_issuing(ROOT, extensions=[basic_constraints(path_length=0), SIGNS])
    assert "path-length" in codes_of(look(made, ROOT), made, Severity.GOOD)


def test_a_ca_below_a_path_length_of_zero_is_warned_of() -> None:
    root = make_root(extensions=[basic_constraints(path_length=0), SIGNS])
    assert warnings(root, make_issuing(root)) == ["path-length-exceeded"]


def test_what_the_server_would_drop_is_refused() -> None:
    identifier = x509.SubjectKeyIdentifier(b"x" * 20)
    made = make_root(extensions=[CA, SIGNS, extension(identifier, critical=True)], key_identifiers=False)
    assert refusals(made) == ["dropped-by-server"]


def test_a_root_alone_is_told_that_the_issuing_ca_is_needed() -> None:
    inspection = look(ROOT)
    assert inspection.accepted
    assert [each.code for each in inspection.findings] == ["root-alone"]


def test_a_root_that_signs_gateways_itself_is_not_alone() -> None:
    inspection = look(ROOT, make_leaf(ROOT))
    assert inspection.accepted
    assert inspection.findings == ()


def test_a_leaf_alone_is_refused() -> None:
    assert refusals(LEAF) == ["leaf-alone"]


def test_a_self_signed_leaf_is_refused() -> None:
    assert refusals(make_certificate(EUI, extensions=leaf_extensions())) == ["leaf-alone"]


def test_a_leaf_beside_the_root_of_its_missing_issuer_is_refused() -> None:
    assert refusals(LEAF, ROOT) == ["leaf-alone"]
    assert [trial.verdict.rule for trial in look(LEAF, ROOT).trials] == ["unknown_authority"]


def test_a_leaf_beside_its_ca_is_never_an_authority() -> None:
    inspection = look(LEAF, ISSUING)
    assert inspection.accepted
    assert [each.facts.sha256 for each in inspection.authorities] == [ISSUING.sha256]


def test_a_leaf_whose_ca_is_on_record_is_warned_of() -> None:
    known = Known(keys_by_subject={read_certificate(ISSUING.der).subject: frozenset({"00"})})
    assert codes_of(look(LEAF, ROOT, known=known), LEAF, Severity.WARNING)[0] == "issuer-on-record"


@pytest.mark.parametrize("name", [EUI.lower(), "58-A0-CB-FF-FE-12-34-56", f"eui-{EUI.lower()}"])
def test_a_malformed_common_name_gets_the_right_form_as_advice(name: str) -> None:
    leaf = make_leaf(ISSUING, name)
    inspection = look(leaf, ISSUING)
    [shown] = [each for each in inspection.certificates if each.role is Role.TEST_LEAF]
    finding = next(each for each in shown.findings if each.code == "cn-not-eui")
    assert f"CN={EUI}" in finding.advice
    assert [trial.verdict.rule for trial in inspection.trials] == ["cn_mismatch"]
    assert inspection.accepted


def test_several_common_names_are_told() -> None:
    leaf = make_leaf(ISSUING, to_name(EUI, x509.NameAttribute(NameOID.COMMON_NAME, "first")))
    assert "cn-several" in codes_of(look(leaf, ISSUING), leaf)


def test_a_test_leaf_with_faults_does_not_refuse_its_ca() -> None:
    leaf = make_leaf(ISSUING, not_before=at(2025), not_after=at(2026), key=rsa_key(1024))
    inspection = look(leaf, ISSUING)
    assert inspection.accepted
    assert {"expired", "weak-key-short", "gateway-refused"} <= set(codes_of(inspection, leaf, Severity.WARNING))


def test_a_refused_ca_is_not_in_the_bundle_of_the_trial() -> None:
    expired = make_issuing(ROOT, not_before=at(2020), not_after=at(2026))
    assert [trial.verdict.accepted for trial in look(make_leaf(expired), expired).trials] == [False]


def test_a_leaf_dated_beyond_its_ca_is_told_at_the_ca() -> None:
    issuing = make_issuing(ROOT, not_after=at(2027, 6))
    assert warnings(issuing, ROOT, make_leaf(issuing, not_after=at(2028))) == ["ends-before-leaf"]


def test_an_exact_duplicate_adds_nothing_and_says_so() -> None:
    inspection = look(ROOT, ISSUING, ROOT)
    assert len(inspection.certificates) == 2
    assert [each.code for each in inspection.findings] == ["duplicate", "issuing-ca"]


def test_what_is_on_record_adds_nothing_and_says_so() -> None:
    known = Known(sha256s=frozenset({ROOT.sha256}))
    assert "already-on-record" in codes_of(look(ROOT, known=known), ROOT, Severity.WARNING)


def test_the_same_key_in_another_certificate_is_shown() -> None:
    renewed = make_root(not_after=at(2050), serial=9)
    assert warnings(ROOT, renewed) == ["same-key"]
    known = Known(names_by_key={read_certificate(ROOT.der).spki_sha256: "Acme Root CA"})
    assert codes_of(look(renewed, known=known), renewed, Severity.WARNING) == ["same-key"]


def test_a_cross_signed_ca_is_accepted_in_both_forms() -> None:
    other = make_root("Other Root CA")
    cross = make_issuing(other, key=ISSUING.key)
    inspection = look(ROOT, ISSUING, other, cross, LEAF)
    assert inspection.accepted
    assert len(inspection.chains) == 2


def test_the_same_name_with_another_key_is_shown() -> None:
    twin = make_root(key=p256_key("another"))
    assert warnings(ROOT, twin) == ["same-subject-other-key"]


def test_a_prime_shared_with_a_key_on_record_is_refused() -> None:
    common, first, second = (int(gmpy2.next_prime(3 << 1022 + shift)) for shift in (0, 1, 2))
    made = make_issuing(make_root(), spki=rsa_spki(common * first))
    inspection = look(made, known=Known(rsa_moduli=[common * second]))
    assert "weak-key-shared-prime" in codes_of(inspection, made, Severity.REFUSED)
    assert not inspection.accepted


def test_primes_shared_within_the_upload_are_refused() -> None:
    common, first, second = (int(gmpy2.next_prime(3 << 1022 + shift)) for shift in (0, 1, 2))
    one = make_issuing(ROOT, "One", spki=rsa_spki(common * first))
    two = make_issuing(ROOT, "Two", spki=rsa_spki(common * second))
    assert "weak-key-shared-prime" in refusals(one, two)


def test_one_refused_certificate_refuses_the_upload() -> None:
    assert not look(ROOT, make_issuing(ROOT, extensions=[SIGNS])).accepted


def test_a_private_key_refuses_everything() -> None:
    files = [UploadedFile("ca.pem", ROOT.pem), UploadedFile("ca.key", private_pem(ROOT.key))]
    inspection = inspect(files, now=NOW)
    assert (inspection.accepted, inspection.certificates) == (False, ())
    assert [each.code for each in inspection.findings] == ["private-key"]


def test_many_cas_of_one_name_cost_a_bounded_number_of_checks() -> None:
    """Fails without `self.checks >= MOST_CHECKS` in `Issuers._signed`."""
    stranger = make_root(key=p256_key("stranger"))
    same_name = [make_issuing(stranger, "Acme Root CA", serial=number, key=ISSUING.key) for number in range(1, 60)]
    assert Issuers([read_certificate(each.der) for each in same_name]).checks == MOST_CHECKS


def test_it_is_told_as_json() -> None:
    told = json.loads(json.dumps(to_json(look(ROOT))))
    assert list(told) == ["accepted", "certificates", "findings"]
    assert list(told["certificates"][0]) == ["sha256", "subject", "role", "findings"]
    assert list(told["findings"][0]) == ["code", "severity", "message", "advice"]
    assert told["findings"][0]["severity"] == "warning"


@given(st.integers(0, len(LEAF.der + ISSUING.der) - 1), st.integers(1, 255))
def test_any_changed_byte_is_judged(position: int, change: int) -> None:
    """Whatever is wrong with a certificate, the page says something instead of failing."""
    content = bytearray(ISSUING.der + LEAF.der)
    content[position] ^= change
    inspection = inspect([UploadedFile("ca.der", bytes(content))], now=NOW)
    assert inspection.findings or all(each.findings for each in inspection.certificates)


def test_an_odd_name_warns_nobody() -> None:
    with quietly():
        made = make_root(to_name("Acme", x509.NameAttribute(NameOID.COUNTRY_NAME, "Norway", _validate=False)))
    assert look(made).accepted
