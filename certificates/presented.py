"""What a gateway showed when it was last seen, beside what it should show."""

from dataclasses import dataclass

from certificates.models import Certificate, CertificateQuerySet, Standing
from core import clock
from gateways.models import Gateway


@dataclass(frozen=True, slots=True)
class Presented:
    """`certificate` where it is one that we know; `words` go on after it, and `warns` where somebody should look."""

    certificate: Certificate | None
    words: str
    warns: bool = False


WORDS = {
    Standing.VALID: ".",
    Standing.SOON: ".",
    Standing.SUPERSEDED: ", which a newer one superseded: the gateway has not picked that up yet.",
    Standing.EXPIRED: ", which is over by now.",
    Standing.REVOKED: ", which is revoked.",
}


def presented(gateway: Gateway, certificates: CertificateQuerySet) -> Presented:
    """By the SHA-256 that came with the last sighting, looked up in the certificates that may be seen."""
    if not gateway.last_seen_sha256:
        return Presented(None, ". Which certificate it showed is not known.")
    found = certificates.with_successor(clock.now()).filter(sha256=gateway.last_seen_sha256).defer("der").first()
    if found is None:
        return Presented(None, " with a certificate that is not on record here.", warns=True)
    standing = Standing(found.standing)
    return Presented(found, WORDS[standing], warns=standing not in (Standing.VALID, Standing.SOON))
