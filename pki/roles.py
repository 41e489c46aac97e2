"""What a certificate of an upload is there for."""

from enum import StrEnum

from pki.eui import InvalidEui, read_eui
from pki.facts import CertificateFacts


class Role(StrEnum):
    """`TEST_LEAF` is a gateway's certificate, sent to be tried and never trusted."""

    ROOT = "root"
    ISSUING = "issuing"
    TEST_LEAF = "test leaf"


def find_role(facts: CertificateFacts, *, has_signed: bool) -> Role:
    """Decide what `facts` is meant to be; `has_signed` tells that it signed another certificate of the upload.

    What was meant as a CA and fails to say so is still a CA here, so that the right rule refuses it.
    """
    if not facts.is_ca and not has_signed and _looks_like_leaf(facts):
        return Role.TEST_LEAF
    return Role.ROOT if facts.is_self_signed else Role.ISSUING


def _looks_like_leaf(facts: CertificateFacts) -> bool:
    if facts.key_usage is not None and "keyCertSign" in facts.key_usage:
        return False
    return suggest_eui(facts) is not None or (facts.extended_key_usage is not None and not facts.is_self_signed)


def suggest_eui(facts: CertificateFacts) -> str | None:
    """The EUI that the certificate's last readable common name means, in canonical form."""
    for name in reversed(facts.common_names):
        try:
            return read_eui(name).eui
        except InvalidEui:
            continue
    return None
