"""pkilint as a gatekeeper."""

import pytest

from pki.findings import Severity
from pki.lint import LintRefused, lint, refuse_lint
from tests.pki.issued import make_world
from tests.pki.makers import (
    basic_constraints,
    extended_key_usage,
    key_usage,
    leaf_extensions,
    make_issuing,
    make_leaf,
    make_root,
)


@pytest.mark.parametrize("key_type", ["P-256", "P-384", "RSA 2048"])
def test_nothing_is_wrong_with_what_we_issue(key_type: str) -> None:
    world = make_world(key_type, leaf_key_type=key_type)
    assert [lint(each.der) for each in (world.root, world.issuing, world.leaf)] == [(), (), ()]


def test_a_serial_of_zero_is_refused() -> None:
    leaf = make_leaf(make_root(), serial=0)
    with pytest.raises(LintRefused, match="serial") as refusal:
        refuse_lint(leaf.der)
    assert refusal.value.code == "lint-refused"
    assert {finding.severity for finding in refusal.value.findings} == {Severity.REFUSED}


def test_a_serial_of_21_octets_is_refused() -> None:
    with pytest.raises(LintRefused):
        refuse_lint(make_leaf(make_root(), serial=1 << 160).der)


def test_a_doubled_extension_is_refused() -> None:
    leaf = make_leaf(make_root(), extensions=[*leaf_extensions(), extended_key_usage()])
    with pytest.raises(LintRefused):
        refuse_lint(leaf.der)


def test_a_gateway_that_could_sign_certificates_is_refused() -> None:
    wrong = [basic_constraints(ca=False), key_usage("digital_signature", "key_cert_sign"), extended_key_usage()]
    with pytest.raises(LintRefused):
        refuse_lint(make_leaf(make_root(), extensions=wrong).der)


def test_a_missing_authority_key_identifier_is_refused() -> None:
    with pytest.raises(LintRefused, match="authority_key_identifier"):
        refuse_lint(make_leaf(make_root(), key_identifiers=False).der)


def test_a_version_1_certificate_is_refused() -> None:
    with pytest.raises(LintRefused):
        refuse_lint(make_leaf(make_root(), version=1, extensions=leaf_extensions()).der)


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(LintRefused):
        refuse_lint(b"\x30\x03\x02\x01\x01")
    with pytest.raises(LintRefused):
        refuse_lint(b"")


def test_a_warning_is_told_and_does_not_refuse() -> None:
    oid, _, value = key_usage("digital_signature")
    leaf = make_leaf(make_issuing(make_root()), extensions=[basic_constraints(ca=False), (oid, False, value)])
    refuse_lint(leaf.der)
    assert [(finding.code, finding.severity) for finding in lint(leaf.der)] == [
        ("pkix.key_usage_extension_not_critical", Severity.WARNING)
    ]
