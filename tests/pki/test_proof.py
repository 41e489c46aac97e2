"""Proof of possession: the code, the certificate that shows it, and the commands that make that certificate."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import PkiError
from pki.facts import CertificateFacts, read_certificate
from pki.proof import check_proof, code_of, new_code, read_code, signing_commands
from pki.single import read_single
from pki.trial import try_alone
from tests.pki.makers import (
    EUI,
    NOW,
    Made,
    at,
    basic_constraints,
    key_usage,
    make_certificate,
    make_csr,
    make_issuing,
    make_leaf,
    make_root,
    p256_key,
    private_pem,
    rsa_key,
    to_name,
    to_pem,
)

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE = "PROOF-0A1B-2C3D-4E5F-6G7H-8J9K-MNPQ-RSTV"
codes = st.text(DIGITS, min_size=28, max_size=28).map(
    lambda digits: "-".join(["PROOF", *(digits[start : start + 4] for start in range(0, 28, 4))])
)


def facts(made: Made) -> CertificateFacts:
    return read_certificate(made.der)


def refusal(leaf: Made, authority: Made) -> PkiError:
    with pytest.raises(PkiError) as refused:
        check_proof(facts(leaf), facts(authority), at=NOW)
    return refused.value


# The code


def test_a_code_has_more_than_128_bits_and_is_never_the_same() -> None:
    made = {new_code() for _ in range(500)}
    assert len(made) == 500
    assert {len(each) for each in made} == {len(CODE)}
    assert 5 * 28 >= 128
    assert all(read_code(each) == each for each in made)


def test_a_code_fits_into_a_common_name() -> None:
    """RFC 5280 appendix A: ub-common-name is 64."""
    assert len(new_code()) <= 64


@given(codes, st.sampled_from([str, str.lower, str.title]), st.sampled_from(["-", "", " "]), st.booleans())
def test_a_code_is_understood_however_it_was_typed(code: str, case: object, separator: str, is_whole: bool) -> None:
    text = code if is_whole else code.removeprefix("PROOF-")
    typed = f" {case(text).replace('-', separator)} "  # type: ignore[operator]  # a method of str
    assert read_code(typed) == code


@given(codes)
def test_what_looks_alike_is_read_alike(code: str) -> None:
    body = code.removeprefix("PROOF-")
    assert read_code(body.replace("0", "O").replace("1", "l")) == code


@given(st.text(max_size=120))
def test_any_text_is_a_code_or_refused_in_words(text: str) -> None:
    try:
        code = read_code(text)
    except PkiError as error:
        said = error
    else:
        assert read_code(code) == code
        return
    assert said.code == "not-a-code"
    assert said.message.isprintable()


@given(codes, st.integers(0, 27), st.sampled_from(DIGITS))
def test_one_other_digit_is_another_code(code: str, place: int, digit: str) -> None:
    body = code.removeprefix("PROOF-").replace("-", "")
    changed = body[:place] + digit + body[place + 1 :]
    assert (read_code(changed) == code) == (changed == body)


@pytest.mark.parametrize(
    "text", ["", "PROOF", EUI, CODE[:-1], CODE + "0", CODE.replace("A", "\N{CYRILLIC CAPITAL LETTER A}"), "0" * 10_000]
)
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(PkiError, match="none of our codes"):
        read_code(text)


def test_the_code_is_the_only_common_name() -> None:
    root = make_root()
    assert code_of(facts(make_leaf(root, CODE.lower()))) == CODE
    two = to_name(CODE, x509.NameAttribute(NameOID.COMMON_NAME, "Somebody"))
    with pytest.raises(PkiError) as refused:
        code_of(facts(make_leaf(root, two)))
    assert refused.value.code == "cn-several"


# The certificate that shows it


@pytest.mark.parametrize("key", [p256_key("ca"), rsa_key(label="ca")], ids=["ec", "rsa"])
def test_a_leaf_signed_by_the_authority_is_a_proof(key: object) -> None:
    root = make_root(key=key)
    assert check_proof(facts(make_leaf(root, CODE)), facts(root), at=NOW) == ()


def test_a_version_1_certificate_will_do_and_is_named() -> None:
    root = make_root()
    leaf = make_certificate(CODE, issuer=root, version=1)
    assert [each.code for each in check_proof(facts(leaf), facts(root), at=NOW)] == ["version-1"]


def test_a_proof_may_come_of_an_intermediate_as_well() -> None:
    issuing = make_issuing(make_root())
    assert check_proof(facts(make_leaf(issuing, CODE)), facts(issuing), at=NOW) == ()


@pytest.mark.parametrize(
    "extensions", [[basic_constraints()], [basic_constraints(ca=False), key_usage("key_cert_sign")]]
)
def test_what_may_sign_others_is_refused(extensions: list[object]) -> None:
    """Fails without `_check_kind`: then a vendor could hand in a working CA as evidence."""
    root = make_root()
    assert refusal(make_leaf(root, CODE, extensions=extensions), root).code == "is-a-ca"


def test_another_authoritys_signature_is_refused_and_named() -> None:
    root, other = make_root(), make_root("Mallory Root")
    refused = refusal(make_leaf(other, CODE), root)
    assert refused.code == "other-issuer"
    assert "Mallory Root" in refused.message
    assert "Acme Root CA" in refused.message


def test_the_same_name_with_another_key_is_refused() -> None:
    """Fails when names alone are compared."""
    root, namesake = make_root(), make_root(key=p256_key("another"))
    assert refusal(make_leaf(namesake, CODE), root).code == "bad-signature"


def test_the_right_key_under_another_name_is_refused() -> None:
    root = make_root()
    twin = make_root("Acme Old Name", key=root.key)
    assert refusal(make_leaf(twin, CODE), root).code == "issuer-name"


def test_a_changed_byte_voids_the_signature() -> None:
    root = make_root()
    leaf = make_leaf(root, CODE)
    other = make_leaf(root, CODE.replace("V", "W"))
    forged = make_leaf(root, CODE, signature=other.certificate.signature)
    assert check_proof(facts(leaf), facts(root), at=NOW) == ()
    assert refusal(forged, root).code == "bad-signature"


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.MD5()], ids=["sha1", "md5"])
def test_a_signature_that_can_be_forged_is_refused(digest: hashes.HashAlgorithm) -> None:
    root = make_root(key=rsa_key(label="ca"))
    assert refusal(make_leaf(root, CODE, digest=digest), root).code == "weak-signature"


def test_a_self_signed_certificate_is_no_proof() -> None:
    root = make_root()
    assert refusal(make_certificate(CODE), root).code == "other-issuer"


def test_it_must_be_valid_now() -> None:
    root = make_root()
    assert refusal(make_leaf(root, CODE, not_before=at(2025), not_after=NOW), root).code == "expired"
    assert refusal(make_leaf(root, CODE, not_before=NOW + timedelta(minutes=6)), root).code == "not-yet-valid"


def test_a_clock_that_is_a_little_ahead_is_forgiven() -> None:
    root = make_root()
    check_proof(facts(make_leaf(root, CODE, not_before=NOW + timedelta(minutes=4))), facts(root), at=NOW)


# What is sent


def test_one_certificate_is_found_beside_its_authorities() -> None:
    root = make_root()
    issuing = make_issuing(root)
    leaf = make_leaf(issuing, CODE)
    assert read_single(leaf.pem + issuing.pem + root.pem, beside=issuing.sha256).der == leaf.der
    assert read_single(leaf.der, beside=issuing.sha256).der == leaf.der


def _sent(root: Made) -> dict[str, bytes]:
    return {
        "authority-itself": root.pem,
        "not-one-certificate": make_leaf(root, CODE).pem + make_leaf(root).pem,
        "certificate-request": to_pem(make_csr(CODE), "CERTIFICATE REQUEST"),
        "private-key": make_leaf(root, CODE).pem + private_pem(p256_key("x")),
        "empty-file": b"",
        "not-a-certificate": b"hello",
        "too-large": b"x" * 3_000_000,
        "malformed-certificate": to_pem(b"\x30\x03\x02\x01\x01"),
    }


@pytest.mark.parametrize("code", list(_sent(make_root())))
def test_what_is_no_certificate_is_refused_in_words(code: str) -> None:
    root = make_root()
    with pytest.raises(PkiError) as refused:
        read_single(_sent(root)[code], beside=root.sha256)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")


def test_the_request_instead_of_the_certificate_says_what_is_next() -> None:
    root = make_root()
    with pytest.raises(PkiError, match="Sign it with your CA first"):
        read_single(_sent(root)["certificate-request"], beside=root.sha256)


# The commands, as they are shown


@pytest.mark.parametrize("kind", [["rsa:2048"], ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]], ids=["rsa", "ec"])
def test_the_commands_as_shown_make_a_proof(tmp_path: Path, kind: list[str]) -> None:
    subject = ["-subj", "/O=Acme/CN=Acme Root CA"]
    make_ca = ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", "ca.key", "-out", "ca.pem", *subject]
    subprocess.run([*make_ca, "-days", "90"], cwd=tmp_path, check=True, capture_output=True)
    code = new_code()
    for command in signing_commands(code):
        subprocess.run(["sh", "-c", command.line], cwd=tmp_path, check=True, capture_output=True)
    authority = read_single((tmp_path / "ca.pem").read_bytes(), beside="")
    leaf = read_single((tmp_path / "proof.pem").read_bytes(), beside=authority.sha256)
    assert code_of(leaf) == code
    noted = check_proof(leaf, authority, at=leaf.not_before)
    assert [each.code for each in noted] == (["version-1"] if leaf.version == 1 else [])


# One gateway against one authority


def test_a_root_in_place_of_the_issuing_ca_is_said_in_words() -> None:
    root = make_root()
    issuing = make_issuing(root, "Acme Gateway CA")
    leaf = facts(make_leaf(issuing))
    verdict = try_alone(leaf, facts(root), at=NOW)
    assert (verdict.accepted, verdict.rule) == (False, "unknown_authority")
    assert (
        "You sent us the root “Acme Root CA”, your gateways are signed by an intermediate: “Acme Gateway CA”."
        in verdict.message
    )
    assert try_alone(leaf, facts(issuing), at=NOW).accepted


def test_another_issuing_ca_is_named() -> None:
    root = make_root()
    first, second = make_issuing(root, "Gateway CA 1"), make_issuing(root, "Gateway CA 2")
    message = try_alone(facts(make_leaf(second)), facts(first), at=NOW).message
    assert "signed by “Gateway CA 2”, not by “Gateway CA 1”" in message


def test_two_faults_are_said_together() -> None:
    root = make_root()
    leaf = facts(make_leaf(make_issuing(root), EUI.lower()))
    verdict = try_alone(leaf, facts(root), at=NOW)
    assert verdict.rule == "cn_mismatch"
    assert "upper case" in verdict.message
    assert "Acme Gateway CA" in verdict.message


def test_the_same_name_with_another_key_keeps_the_verdicts_own_words() -> None:
    leaf = facts(make_leaf(make_root(key=p256_key("another"))))
    assert "did not issue this certificate" in try_alone(leaf, facts(make_root()), at=NOW).message
