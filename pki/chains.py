"""Who signed whom among a few certificates, proved by the signature, and the chains that follow."""

from collections.abc import Sequence

from pki.facts import CertificateFacts, is_signed_by

MOST_CHECKS = 1000  # as in Go, many CAs of one name must not make one upload expensive
MOST_CHAINS = 200

Chain = tuple[CertificateFacts, ...]


class Issuers:
    """For each certificate of `certificates`, those among them that signed it. Nothing is its own issuer."""

    def __init__(self, certificates: Sequence[CertificateFacts]) -> None:
        self._certificates = certificates
        self.checks = 0
        self._found = {each.sha256: self._find(each) for each in certificates}

    def of(self, facts: CertificateFacts) -> tuple[CertificateFacts, ...]:
        return self._found[facts.sha256]

    def issued_by(self, facts: CertificateFacts) -> tuple[CertificateFacts, ...]:
        return tuple(each for each in self._certificates if facts in self.of(each))

    def _find(self, facts: CertificateFacts) -> tuple[CertificateFacts, ...]:
        if facts.is_self_signed:
            return ()
        return tuple(each for each in self._certificates if self._signed(facts, each))

    def _signed(self, facts: CertificateFacts, issuer: CertificateFacts) -> bool:
        if issuer is facts or facts.issuer_der != issuer.subject_der or self.checks >= MOST_CHECKS:
            return False
        self.checks += 1
        return is_signed_by(facts, issuer)


def draw_chains(certificates: Sequence[CertificateFacts], issuers: Issuers) -> tuple[Chain, ...]:
    """Every path from the topmost certificate known down to one that signed nothing here, root first."""
    chains = [chain for each in certificates if not issuers.issued_by(each) for chain in _upwards((each,), issuers)]
    return tuple(chains[:MOST_CHAINS])


def _upwards(chain: Chain, issuers: Issuers) -> list[Chain]:
    above = [each for each in issuers.of(chain[0]) if each not in chain]
    if not above:
        return [chain]
    longer: list[Chain] = []
    for each in above:
        longer += _upwards((each, *chain), issuers)
        if len(longer) >= MOST_CHAINS:
            break
    return longer
