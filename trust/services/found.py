"""What an operator is shown of a store that somebody else wrote, before deciding about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from cas.models import Authority
from core import clock
from pki.acceptance import judge_authority
from pki.errors import PkiError
from pki.facts import CertificateFacts, read_certificate
from pki.findings import Finding, Severity
from trust.services.drafts import newest_release
from trust.services.groups import common
from trust.services.impact import Change, affected_by
from trust.services.layout import Contents
from trust.services.releases import certificates_in


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """One certificate that a network server reads from the store."""

    facts: CertificateFacts
    findings: tuple[Finding, ...]  # without what is good
    authority: Authority | None  # where it is known
    is_lost: bool  # when the store is replaced by the newest release
    has_ended: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A store's contents with everything that the decision needs."""

    contents: Contents
    certificates: tuple[FoundCertificate, ...]
    unreadable: int  # certificates that only a network server can read
    loss: Change

    @property
    def lost(self) -> list[FoundCertificate]:
        return [each for each in self.certificates if each.is_lost]

    @property
    def ended(self) -> list[FoundCertificate]:
        return [each for each in self.certificates if each.has_ended]


def look(contents: Contents) -> Found:
    """Say of each certificate whether it is known, what is found, and whether a replacement would lose it."""
    facts = [each for der in contents.certificates if (each := _facts(der))]
    kept = set(certificates_in(newest_release(common())))
    known = {each.sha256: each for each in Authority.objects.filter(sha256__in=[each.sha256 for each in facts])}
    certificates = tuple(_found(each, known.get(each.sha256), is_lost=each.der not in kept) for each in facts)
    lost = [each.authority for each in certificates if each.is_lost and each.authority]
    return Found(contents, certificates, len(contents.certificates) - len(facts), affected_by(*lost))


def _found(facts: CertificateFacts, authority: Authority | None, *, is_lost: bool) -> FoundCertificate:
    now = clock.now()
    findings = _notable(judge_authority(facts, now=now))
    return FoundCertificate(facts, findings, authority, is_lost=is_lost, has_ended=facts.not_after <= now)


def _notable(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(each for each in findings if each.severity is not Severity.GOOD)


def _facts(der: bytes) -> CertificateFacts | None:
    try:
        return read_certificate(der)
    except PkiError:
        return None
