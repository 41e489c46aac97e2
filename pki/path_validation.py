"""Path validation by RFC 5280 section 6, with our policy on top. Not what The Things Stack does: that is `preflight`.

OpenSSL builds and validates the path (signatures, dates, names, name constraints, path lengths, certificate policies,
critical extensions); trust anchors may be any certificate, also an intermediate. What the RFC leaves to the
application is checked here: extended key usage along the path, algorithm and key floors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from OpenSSL import crypto

from pki.errors import PkiError
from pki.facts import CertificateFacts, read_certificate

Purpose = Literal["client", "server", "any"]
MOST_CERTIFICATES = 200  # of each kind: more is an attack on our time
_USAGES = {"client": "clientAuth", "server": "serverAuth"}
_ANY_USAGE = {"anyExtendedKeyUsage", "2.5.29.37.0"}
_CURVES = ("P-256", "P-384", "P-521")
_WEAK_HASHES = ("md2", "md4", "md5", "sha1", "sha-1")
_CODES = {  # x509_vfy.h
    2: "unknown-authority",
    7: "bad-signature",
    9: "not-yet-valid",
    10: "expired",
    18: "unknown-authority",
    19: "unknown-authority",
    20: "unknown-authority",
    21: "unknown-authority",
    22: "path-too-long",
    24: "not-a-ca",
    25: "path-length-exceeded",
    32: "no-cert-sign",
    34: "unhandled-critical-extension",
    38: "path-length-exceeded",
    42: "policy",
    43: "policy",
    47: "name-constraint",
    48: "name-constraint",
    49: "name-constraint",
    51: "name-constraint",
    52: "name-constraint",
    53: "name-constraint",
    66: "weak-key",
    67: "weak-key",
    68: "weak-signature",
}


class ChainRefused(PkiError):
    """No valid path; `code` and `message` say why."""


@dataclass(frozen=True, slots=True)
class ValidatedPath:
    """The certificates of the path, leaf first, trust anchor last, as DER."""

    certificates: tuple[bytes, ...]


def verify_chain(
    leaf: bytes,
    *,
    trust: Sequence[bytes],
    untrusted: Sequence[bytes] = (),
    at: datetime,
    purpose: Purpose = "any",
) -> ValidatedPath:
    """Validate `leaf` at `at` (aware) up to one of `trust`, by way of `untrusted`; all certificates as DER.

    `purpose` asks for an extended key usage that is allowed along the whole path; a certificate without the
    extension allows all (RFC 5280 section 4.2.1.12). Raises `ChainRefused`, and nothing else, for whatever comes.
    """
    if max(len(trust), len(untrusted)) > MOST_CERTIFICATES:
        raise ChainRefused("too-many", f"More than {MOST_CERTIFICATES} certificates are not tried.")
    path = _validate(_load(leaf), _load_usable(trust), _load_usable(untrusted), at)
    _check_policy([_facts(der) for der in path], purpose)
    return ValidatedPath(path)


def _validate(
    leaf: crypto.X509, trust: list[crypto.X509], untrusted: list[crypto.X509], at: datetime
) -> tuple[bytes, ...]:
    store = crypto.X509Store()
    for anchor in trust:
        store.add_cert(anchor)
    flags = crypto.X509StoreFlags
    store.set_flags(flags.PARTIAL_CHAIN | flags.X509_STRICT | flags.POLICY_CHECK)
    store.set_time(at.astimezone(UTC))
    context = crypto.X509StoreContext(store, leaf, chain=untrusted)
    try:
        found = context.get_verified_chain()
    except crypto.X509StoreContextError as error:
        raise _refusal(error) from None
    except (crypto.Error, ValueError, OverflowError):
        raise ChainRefused("unverifiable", "The path cannot be checked: a certificate in it is malformed.") from None
    return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, each) for each in found)


def _refusal(error: crypto.X509StoreContextError) -> ChainRefused:
    number, depth, words = (*error.errors, 0, 0, "")[:3]
    who = "the certificate itself" if depth == 0 else f"certificate {depth + 1} of the path"
    return ChainRefused(_CODES.get(int(number), "invalid-path"), f"No valid path: {words} ({who}).")


def _check_policy(path: Sequence[CertificateFacts], purpose: Purpose) -> None:
    for depth, facts in enumerate(path):
        is_anchor = depth == len(path) - 1 and depth > 0
        _check_usage(facts, purpose)
        _check_key(facts)
        if not is_anchor:  # an anchor is trusted for its key; nobody checks its signature
            _check_signature(facts)
        if depth and not facts.is_ca:
            raise ChainRefused("not-a-ca", f"{facts.name} signs others but is no CA.")


def _check_usage(facts: CertificateFacts, purpose: Purpose) -> None:
    allowed = facts.extended_key_usage
    wanted = _USAGES.get(purpose)
    if wanted and allowed is not None and wanted not in allowed and not allowed & _ANY_USAGE:
        raise ChainRefused("key-usage", f"{facts.name} does not allow {wanted}.")


def _check_key(facts: CertificateFacts) -> None:
    kind, _, size = facts.key_type.partition(" ")
    strong = facts.key_type in (*_CURVES, "Ed25519") or (kind == "RSA" and size.isdigit() and int(size) >= 2048)
    if not strong:
        raise ChainRefused("weak-key", f"{facts.name} has a key of type {facts.key_type}, which is too weak.")


def _check_signature(facts: CertificateFacts) -> None:
    if any(weak in facts.signature_algorithm.lower() for weak in _WEAK_HASHES):
        raise ChainRefused("weak-signature", f"{facts.name} is signed with {facts.signature_algorithm}.")


def _load(der: bytes) -> crypto.X509:
    try:
        return crypto.load_certificate(crypto.FILETYPE_ASN1, der)
    except (crypto.Error, ValueError, TypeError):
        raise ChainRefused("malformed-certificate", "It is no certificate, or a damaged one.") from None


def _load_usable(ders: Sequence[bytes]) -> list[crypto.X509]:
    """Certificates beside the leaf that cannot be read are of no use, and do no harm."""
    found = []
    for der in dict.fromkeys(ders):
        try:
            found.append(_load(der))
        except ChainRefused:
            continue
    return found


def _facts(der: bytes) -> CertificateFacts:
    try:
        return read_certificate(der)
    except PkiError as error:
        raise ChainRefused(error.code, error.message) from None
