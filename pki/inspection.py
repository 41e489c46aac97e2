"""What the upload page says: every certificate with its findings, the chains, and what the server would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pki.acceptance import judge_authority
from pki.chains import Chain, Issuers, draw_chains
from pki.facts import CertificateFacts
from pki.findings import Finding, Severity, refuses
from pki.intake import FoundCertificate, UploadedFile, read_files
from pki.kinship import NOTHING_KNOWN, Known, judge_kinship
from pki.roles import Role, find_role
from pki.trial import Trial, judge_lifetimes, judge_trial, try_leaf


@dataclass(frozen=True, slots=True)
class InspectedCertificate:
    """One certificate, where it stood (`file`, and `position` in it from 1), what it is for, and its findings."""

    facts: CertificateFacts
    role: Role
    file: str
    position: int
    findings: tuple[Finding, ...]

    @property
    def is_authority(self) -> bool:
        return self.role is not Role.TEST_LEAF


@dataclass(frozen=True, slots=True)
class Inspection:
    """The answer to an upload. `accepted` is false where any finding refuses: all or nothing.

    `chains` run from the topmost certificate known down to the last. `trials` has the verdict on each test leaf, with
    the upload's own acceptable CA certificates as the trust bundle.
    """

    accepted: bool
    certificates: tuple[InspectedCertificate, ...]
    findings: tuple[Finding, ...]
    chains: tuple[Chain, ...] = ()
    trials: tuple[Trial, ...] = ()

    @property
    def authorities(self) -> tuple[InspectedCertificate, ...]:
        return tuple(each for each in self.certificates if each.is_authority)


def inspect(files: Sequence[UploadedFile], *, now: datetime, known: Known = NOTHING_KNOWN) -> Inspection:
    """Judge an upload of CA certificates at the aware instant `now`, beside what is `known`. Never raises."""
    intake = read_files(files)
    if not intake.certificates:
        return Inspection(accepted=False, certificates=(), findings=intake.findings)
    return _Upload(intake.certificates, now, known).inspect()


def to_json(inspection: Inspection) -> dict[str, object]:
    """The inspection as `manage.py inspect --json` prints it."""
    return {
        "accepted": inspection.accepted,
        "certificates": [
            {
                "sha256": each.facts.sha256,
                "subject": each.facts.subject,
                "role": each.role.value,
                "findings": [_finding_to_json(finding) for finding in each.findings],
            }
            for each in inspection.certificates
        ],
        "findings": [_finding_to_json(finding) for finding in inspection.findings],
    }


def _finding_to_json(finding: Finding) -> dict[str, str]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "advice": finding.advice,
    }


class _Upload:
    """The certificates of one upload, each once, with what is asked of all of them together."""

    def __init__(self, found: Sequence[FoundCertificate], now: datetime, known: Known) -> None:
        self.found = tuple({each.facts.sha256: each for each in reversed(found)}.values())[::-1]
        self.repeats = len(found) - len(self.found)
        self.now = now
        self.known = known
        self.facts = tuple(each.facts for each in self.found)
        self.issuers = Issuers(self.facts)
        self.roles = {each.sha256: self._role(each) for each in self.facts}

    def inspect(self) -> Inspection:
        judged = {each.sha256: self._judge_authority(each) for each in self.facts if self._is_authority(each)}
        bundle = [each.der for each in self.facts if each.sha256 in judged and not refuses(judged[each.sha256])]
        trials = [try_leaf(each, bundle=bundle, at=self.now) for each in self.facts if each.sha256 not in judged]
        judged |= {each.leaf.sha256: self._judge_trial(each) for each in trials}
        certificates = tuple(self._inspected(each, judged[each.facts.sha256]) for each in self.found)
        findings = self._judge_whole()
        return Inspection(
            accepted=not refuses([*findings, *(each for found in judged.values() for each in found)]),
            certificates=certificates,
            findings=findings,
            chains=draw_chains(self.facts, self.issuers),
            trials=tuple(trials),
        )

    def _inspected(self, found: FoundCertificate, findings: tuple[Finding, ...]) -> InspectedCertificate:
        role = self.roles[found.facts.sha256]
        return InspectedCertificate(found.facts, role, found.file, found.position, findings)

    def _role(self, facts: CertificateFacts) -> Role:
        return find_role(facts, has_signed=bool(self.issuers.issued_by(facts)))

    def _is_authority(self, facts: CertificateFacts) -> bool:
        return self.roles[facts.sha256] is not Role.TEST_LEAF

    def _judge_authority(self, facts: CertificateFacts) -> tuple[Finding, ...]:
        others = [each for each in self.facts if each is not facts]
        below = self.issuers.issued_by(facts)
        leaves = [each for each in below if not self._is_authority(each)]
        found = (
            *judge_authority(facts, now=self.now),
            *judge_kinship(facts, others, self.known),
            *judge_lifetimes(facts, leaves),
            *_judge_path_length(facts, len(below) - len(leaves)),
        )
        return tuple(sorted(found, key=lambda each: list(Severity).index(each.severity)))

    def _judge_trial(self, trial: Trial) -> tuple[Finding, ...]:
        return judge_trial(trial, issuers=self.issuers.of(trial.leaf), known=self.known, now=self.now)

    def _judge_whole(self) -> tuple[Finding, ...]:
        found = []
        if self.repeats:
            message = f"{self.repeats} certificate(s) came more than once; the repetition adds nothing."
            found.append(Finding("duplicate", Severity.WARNING, message))
        if any(role is Role.ISSUING for role in self.roles.values()):
            message = "The issuing CA is here, which is what network servers need: they use no intermediates."
            found.append(Finding("issuing-ca", Severity.GOOD, message))
        elif self._is_root_alone():
            found.append(_ROOT_ALONE)
        return tuple(found)

    def _is_root_alone(self) -> bool:
        """A root that signed a gateway of the upload by itself is the issuing CA."""
        roots = [each for each in self.facts if self.roles[each.sha256] is Role.ROOT]
        return bool(roots) and not any(self.issuers.issued_by(each) for each in roots)


_ROOT_ALONE = Finding(
    "root-alone",
    Severity.WARNING,
    "Only a root was sent, and The Things Stack uses no intermediates: a gateway is accepted only if the very CA that "
    "signed it is published.",
    "If your gateways are signed by an intermediate CA, send that one too.",
)


def _judge_path_length(facts: CertificateFacts, authorities_below: int) -> tuple[Finding, ...]:
    if facts.path_length != 0 or not authorities_below:
        return ()
    message = "Its pathlen:0 forbids further CAs below it, and one of this upload is: strict readers refuse that path."
    return (Finding("path-length-exceeded", Severity.WARNING, message, "Have the root issued again with pathlen:1."),)
