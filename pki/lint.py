"""Lints a certificate against RFC 5280 with pkilint, in this process: about a millisecond each."""

from pkilint import loader
from pkilint.pkix import certificate, extension, name
from pkilint.validation import ValidationFindingDescription, ValidationFindingSeverity, ValidatorContainer

from pki.errors import PkiError
from pki.findings import Finding, Severity, refuses

_SEVERITIES = {
    ValidationFindingSeverity.FATAL: Severity.REFUSED,
    ValidationFindingSeverity.ERROR: Severity.REFUSED,
    ValidationFindingSeverity.WARNING: Severity.WARNING,
}


class LintRefused(PkiError):
    """A certificate about to be signed breaks RFC 5280; `findings` says where."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        words = "; ".join(f"{finding.code}: {finding.message}" for finding in findings)
        super().__init__("lint-refused", f"The certificate would break RFC 5280, so it was not signed ({words}).")
        self.findings = findings


def lint(der: bytes) -> tuple[Finding, ...]:
    """Return what pkilint finds wrong with a certificate: its errors as refused, its warnings as warnings."""
    try:
        document = loader.load_der_certificate(der, "certificate")
    except ValueError as error:
        return (Finding("pkix.undecodable", Severity.REFUSED, str(error)),)
    return tuple(
        _finding(description)
        for result in _LINTER.validate(document.root)
        for description in result.finding_descriptions
        if description.finding.severity in _SEVERITIES
    )


def refuse_lint(der: bytes, *, waived: frozenset[str] = frozenset()) -> None:
    """Raise `LintRefused` where a finding is an error or worse, but for the codes in `waived`."""
    findings = tuple(finding for finding in lint(der) if finding.code not in waived)
    if refuses(findings):
        raise LintRefused(tuple(finding for finding in findings if finding.severity is Severity.REFUSED))


def _finding(description: ValidationFindingDescription) -> Finding:
    message = description.message or "RFC 5280 is not met here"
    return Finding(description.finding.code, _SEVERITIES[description.finding.severity], message)


def _linter() -> ValidatorContainer:
    """The validators of pkilint's own `lint_pkix_cert` command."""
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


_LINTER = _linter()
