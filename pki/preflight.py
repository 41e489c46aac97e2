"""Would The Things Stack accept this gateway? Its own rules in its own order, and the one that decides.

The order is that of pkg/auth/mtls/mtls.go: common name, pool, then Go's certificate verification (`pki.go.verify`).
The verdict is that of the newest Go; where the oldest one in use decides otherwise, a warning says so.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec

from pki import preflight_messages as messages
from pki.bundle import read_as_go
from pki.der import MalformedDer
from pki.findings import Finding, Severity
from pki.go.certificate import GoCertificate, parse_certificate
from pki.go.keys import DsaKey, RsaKey
from pki.go.pem import decode_all
from pki.go.release import Go
from pki.go.verify import Outcome, Result, verify

_EUI = re.compile(r"[0-9A-F]{16}")
_LEAF_RULES = {Outcome.NOT_YET_VALID: "leaf_not_yet_valid", Outcome.EXPIRED: "leaf_expired"}
_AUTHORITY_RULES = {Outcome.NOT_YET_VALID: "authority_not_yet_valid", Outcome.EXPIRED: "authority_expired"}
_OTHER_RULES = {
    Outcome.SIGNATURE_LIMIT: "unknown_authority",  # Go gives up before it finds one
    Outcome.INVALID_POLICY: "policy_missing",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What The Things Stack would decide.

    `rule` is the one that decides: `bundle_unreadable`, `leaf_unreadable`, `cn_mismatch`, `no_ca_pool`,
    `unknown_authority`, `not_a_ca`, `incompatible_key_usage`, `leaf_expired`, `leaf_not_yet_valid`,
    `authority_expired`, `authority_not_yet_valid`, `name_constraint`, `unhandled_critical_extension`,
    `policy_missing`, or `accepted`. `message` is one or two sentences for a gateway maker. `warnings` are what the
    server does not care about. `issuer_sha256` names the authority that was used or that failed, in lower-case hex.
    """

    accepted: bool
    rule: str
    message: str
    warnings: tuple[Finding, ...] = ()
    issuer_sha256: str | None = None

    def with_warnings(self, more: Iterable[Finding]) -> "Verdict":
        """The same verdict with further warnings behind its own."""
        return replace(self, warnings=(*self.warnings, *more))


def preflight(leaf: bytes, *, eui: str | None, bundle: Sequence[bytes], at: datetime) -> Verdict:
    """Decide about `leaf` (DER, or PEM whose first block counts) with the certificates of `bundle` (DER each).

    `eui` is the gateway's in 16 upper-case hex digits; None takes the certificate's own word, if it has that form.
    `at` is an aware datetime. Never raises for bad input.
    """
    newest = _decide(leaf, eui, bundle, at, Go.NEWEST)
    oldest = _decide(leaf, eui, bundle, at, Go.OLDEST)
    return newest.with_warnings(_version_warnings(newest, oldest) + _key_warnings(leaf))


def preflight_pem(leaf: bytes, *, eui: str | None, bundle_pem: bytes, at: datetime) -> Verdict:
    """As `preflight`, with the bundle as it stands in the store.

    A file without any certificate stops the server from starting (`bundle_unreadable`), an empty one included: an
    empty pool is an index that lists no file, which is `preflight(..., bundle=[])`.
    """
    kept = {go: read_as_go(bundle_pem, go) for go in Go}
    if not kept[Go.NEWEST]:
        return _refuse("bundle_unreadable", messages.explain_unreadable_bundle())
    newest, oldest = (_decide(leaf, eui, kept[go], at, go) for go in (Go.NEWEST, Go.OLDEST))
    return newest.with_warnings(_version_warnings(newest, oldest) + _key_warnings(leaf))


def _decide(leaf: bytes, eui: str | None, bundle: Sequence[bytes], at: datetime, go: Go) -> Verdict:
    pool = [found for der in dict.fromkeys(bundle) if (found := _parse_or_none(der, go))]
    if bundle and not pool:
        return _refuse("bundle_unreadable", messages.explain_unreadable_bundle())
    try:
        certificate = parse_certificate(leaf_der(leaf), go)
    except MalformedDer as error:
        return _refuse("leaf_unreadable", messages.explain_unreadable_leaf(str(error)))
    common_name = certificate.subject.common_name
    if common_name != eui and not (eui is None and _EUI.fullmatch(common_name)):
        return _refuse("cn_mismatch", messages.explain_common_name(common_name, eui or ""))
    if not pool:
        return _refuse("no_ca_pool", messages.explain_empty_pool())
    result = verify(certificate, pool, at=at, go=go)
    return Verdict(
        accepted=result.outcome is Outcome.ACCEPTED,
        rule=_rule(result, certificate),
        message=messages.explain(result, certificate, pool),
        issuer_sha256=_issuer(result, certificate),
    )


def _refuse(rule: str, message: str) -> Verdict:
    return Verdict(accepted=False, rule=rule, message=message)


def _rule(result: Result, leaf: GoCertificate) -> str:
    by_time = _LEAF_RULES if result.decisive is leaf else _AUTHORITY_RULES
    return by_time.get(result.outcome) or _OTHER_RULES.get(result.outcome) or result.outcome.value


def _issuer(result: Result, leaf: GoCertificate) -> str | None:
    if result.decisive is None or (result.decisive is leaf and result.outcome is not Outcome.ACCEPTED):
        return None
    return result.decisive.sha256


def leaf_der(content: bytes) -> bytes:
    """DER as it is; of PEM the first block, whatever its type, as the server's header parser takes it."""
    block = next(decode_all(content), None)
    return content if block is None else block.content


@lru_cache(maxsize=256)  # a fleet is checked against the same few authorities
def _parse_or_none(der: bytes, go: Go) -> GoCertificate | None:
    try:
        return parse_certificate(der, go)
    except MalformedDer:
        return None


def _version_warnings(newest: Verdict, oldest: Verdict) -> tuple[Finding, ...]:
    if newest.accepted == oldest.accepted:
        return ()
    other = "accepts" if oldest.accepted else "refuses"
    message = (
        f"This depends on the server's version: The Things Stack built with Go {Go.OLDEST.value} {other} this gateway, "
        f"built with Go {Go.NEWEST.value} it does not decide so."
    )
    advice = oldest.message if newest.accepted else newest.message
    return (Finding("depends_on_server_version", Severity.WARNING, message, advice),)


def _key_warnings(leaf: bytes) -> tuple[Finding, ...]:
    certificate = _parse_or_none(leaf_der(leaf), Go.NEWEST)
    weakness = _weakness(certificate) if certificate else ""
    if not weakness:
        return ()
    message = f"The gateway's key is {weakness}, which The Things Stack does not mind and an attacker may break."
    return (Finding("weak_key", Severity.WARNING, message, "Make a new P-256 or RSA 2048 key in the gateway."),)


def _weakness(certificate: GoCertificate) -> str:
    """What is weak at a glance. Weaknesses that need arithmetic are found by `pki.weak_keys`."""
    key = certificate.public_key
    if isinstance(key, RsaKey) and key.modulus.bit_length() < 2048:
        return f"RSA of only {key.modulus.bit_length()} bits"
    if isinstance(key, RsaKey) and key.exponent < 65537:
        return f"RSA with the small exponent {key.exponent}"
    if isinstance(key, DsaKey):
        return "DSA"
    return "on the short curve P-224" if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < 256 else ""
