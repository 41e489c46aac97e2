"""What a certificate has in common with the others of its upload and with those on record (guarantee rows 7, 8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pki.facts import CertificateFacts
from pki.findings import Finding, Severity
from pki.weak_keys import LONGEST_RSA, shared_prime_finding, shares_prime


@dataclass(frozen=True, slots=True)
class Known:
    """What is on record, as far as the sender may know of it.

    `sha256s` of certificates and the keys of `names_by_key` (SHA-256 of the SubjectPublicKeyInfo) are lower-case
    hex; `keys_by_subject` goes from RFC 4514 subjects to such key hashes. `rsa_moduli` may be everybody's, as a
    shared prime is told without saying whose.
    """

    sha256s: frozenset[str] = frozenset()
    names_by_key: Mapping[str, str] = field(default_factory=dict)
    keys_by_subject: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rsa_moduli: Sequence[int] = ()


NOTHING_KNOWN = Known()


def judge_kinship(facts: CertificateFacts, others: Sequence[CertificateFacts], known: Known) -> tuple[Finding, ...]:
    """Findings about `facts` beside `others` (of the same upload, without `facts` itself) and `known`."""
    found = [
        _already_known(facts, known),
        _same_key(facts, others, known),
        _same_subject(facts, others, known),
        _shared_prime(facts, others, known),
    ]
    return tuple(each for each in found if each)


def _already_known(facts: CertificateFacts, known: Known) -> Finding | None:
    if facts.sha256 not in known.sha256s:
        return None
    return _warning("already-on-record", "This very certificate is on record already, so sending it adds nothing.")


def _same_key(facts: CertificateFacts, others: Sequence[CertificateFacts], known: Known) -> Finding | None:
    """Cross-signed and renewed CAs share a key: a gateway is good under either."""
    names = [each.name for each in others if each.spki_sha256 == facts.spki_sha256]
    if facts.sha256 not in known.sha256s:
        names += [known.names_by_key[facts.spki_sha256]] if facts.spki_sha256 in known.names_by_key else []
    if not names:
        return None
    message = f"Its key is also in another certificate, {names[0]}: gateways signed with it are good under either."
    return _warning("same-key", message)


def _same_subject(facts: CertificateFacts, others: Sequence[CertificateFacts], known: Known) -> Finding | None:
    keys = {each.spki_sha256 for each in others if each.subject_der == facts.subject_der}
    keys |= known.keys_by_subject.get(facts.subject, frozenset())
    if not keys - {facts.spki_sha256}:
        return None
    message = "Another CA has the same name and another key: gateways of the one are not good under the other."
    return _warning("same-subject-other-key", message, "Send both while gateways of both are in the field.")


def _shared_prime(facts: CertificateFacts, others: Sequence[CertificateFacts], known: Known) -> Finding | None:
    modulus = facts.rsa_modulus
    if modulus is None or modulus.bit_length() > LONGEST_RSA:
        return None
    beside = [each.rsa_modulus for each in others if each.rsa_modulus]
    return shared_prime_finding() if shares_prime(modulus, [*beside, *known.rsa_moduli]) else None


def _warning(code: str, message: str, advice: str = "") -> Finding:
    return Finding(code, Severity.WARNING, message, advice)
