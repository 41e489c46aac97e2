"""Go's `Certificate.Verify` with roots only and KeyUsages = clientAuth (crypto/x509/verify.go).

The Things Stack passes no intermediates, so a chain is the certificate alone (where it stands in the pool itself) or
the certificate and one authority. Not followed: eight public keys that Go 1.27 distrusts by their hash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from pki.der import Oid
from pki.go.certificate import GoCertificate
from pki.go.constraints import allows
from pki.go.keys import BadSignature, PublicKey, check_signature
from pki.go.release import Go

_ANY_USAGE: Oid = (2, 5, 29, 37, 0)
_CLIENT_AUTH: Oid = (1, 3, 6, 1, 5, 5, 7, 3, 2)
_SIGNATURE_CHECKS = 100


class Outcome(Enum):
    """What Verify returns, told apart as far as its errors are."""

    ACCEPTED = "accepted"
    UNHANDLED_CRITICAL_EXTENSION = "unhandled_critical_extension"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    NOT_A_CA = "not_a_ca"
    UNKNOWN_AUTHORITY = "unknown_authority"
    SIGNATURE_LIMIT = "signature_limit"
    INVALID_POLICY = "invalid_policy"
    INCOMPATIBLE_KEY_USAGE = "incompatible_key_usage"
    NAME_CONSTRAINT = "name_constraint"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome, the certificate that decides it, and, where no authority signs, Go's hint in words.

    `decisive` is the authority of the chain or the one that fails; the leaf itself where the fault is its own.
    """

    outcome: Outcome
    decisive: GoCertificate | None = None
    hint: str = ""


def verify(leaf: GoCertificate, pool: Sequence[GoCertificate], *, at: datetime, go: Go) -> Result:
    """Verify `leaf` against the anchors in `pool` (no twins, in the order of the bundle) at the instant `at`."""
    fault = _fault(leaf, at)
    if fault:
        return Result(fault, leaf)
    if any(each.raw == leaf.raw for each in pool):
        return _check_usage(leaf, [])
    chosen = _find_authorities(leaf, pool, at, go)
    return chosen if isinstance(chosen, Result) else _check_chains(leaf, chosen, go)


def _fault(certificate: GoCertificate, at: datetime) -> Outcome | None:
    """`isValid`, as far as it can fail in chains this short."""
    if certificate.extensions.unhandled_critical:
        return Outcome.UNHANDLED_CRITICAL_EXTENSION
    if at < certificate.not_before:
        return Outcome.NOT_YET_VALID
    return Outcome.EXPIRED if at > certificate.not_after else None


def _find_authorities(
    leaf: GoCertificate, pool: Sequence[GoCertificate], at: datetime, go: Go
) -> list[GoCertificate] | Result:
    """`buildChains`: all authorities that sign `leaf` and are valid, else why there is none.

    The last authority that signs but is not valid decides; where none signs, the first that was tried is the hint.
    """
    found, hint, fault = list[GoCertificate](), Result(Outcome.UNKNOWN_AUTHORITY), None
    for tried, candidate in enumerate(_candidates(leaf, pool), 1):
        if tried > _SIGNATURE_CHECKS:
            fault = Result(Outcome.SIGNATURE_LIMIT)
            break
        key = candidate.public_key
        if key is None or _is_same_entity(candidate, leaf):
            continue
        complaint = _complaint(leaf, candidate, key, go)
        if complaint:
            hint = hint if hint.decisive else complaint
            continue
        outcome = _fault(candidate, at) or _constraint_fault(leaf, candidate, go)
        if outcome:
            fault = Result(outcome, candidate)
        else:
            found.append(candidate)
    return found or fault or hint


def _candidates(leaf: GoCertificate, pool: Sequence[GoCertificate]) -> list[GoCertificate]:
    """`findPotentialParents`: same name in the same bytes, the likeliest by key identifier first."""
    wanted = leaf.extensions.authority_key_id

    def rank(candidate: GoCertificate) -> int:
        own = candidate.extensions.subject_key_id
        return 0 if own == wanted else 1 if not own or not wanted else 2

    return sorted((each for each in pool if each.subject.der == leaf.issuer.der), key=rank)


def _is_same_entity(candidate: GoCertificate, leaf: GoCertificate) -> bool:
    """`alreadyInChain`: name, key and alternative names are equal."""
    return (candidate.subject.der, candidate.spki, candidate.extensions.alternative_names_der) == (
        leaf.subject.der,
        leaf.spki,
        leaf.extensions.alternative_names_der,
    )


def _complaint(leaf: GoCertificate, parent: GoCertificate, key: PublicKey, go: Go) -> Result | None:
    """`CheckSignatureFrom`: why `parent` does not sign `leaf`."""
    extensions = parent.extensions
    if not extensions.is_ca and (parent.version == 3 or extensions.has_basic_constraints):
        return Result(Outcome.NOT_A_CA, parent, "its basic constraints do not make it a CA")
    if extensions.restricts_key_usage and not extensions.may_sign_certificates:
        return Result(Outcome.NOT_A_CA, parent, "its key usage does not allow it to sign certificates")
    if parent.public_key is None:
        return Result(Outcome.UNKNOWN_AUTHORITY, parent, "the server does not know its kind of key")
    try:
        check_signature(leaf.signature_algorithm, parent.public_key, signed=leaf.tbs, signature=leaf.signature, go=go)
    except BadSignature as error:
        return Result(Outcome.UNKNOWN_AUTHORITY, parent, error.reason)
    return None


def _constraint_fault(leaf: GoCertificate, authority: GoCertificate, go: Go) -> Outcome | None:
    """Go 1.22 checks name constraints while it builds chains, Go 1.27 afterwards."""
    if go is Go.NEWEST or _names_allowed(leaf, authority, go):
        return None
    return Outcome.NAME_CONSTRAINT


def _names_allowed(leaf: GoCertificate, authority: GoCertificate, go: Go) -> bool:
    constraints, names = authority.extensions.name_constraints, leaf.extensions.alternative_names
    return constraints is None or names is None or allows(constraints, names, go)


def _check_chains(leaf: GoCertificate, authorities: Sequence[GoCertificate], go: Go) -> Result:
    """The filters at the end of Verify: a name constraint outweighs a key usage, one good chain outweighs all."""
    if go is Go.NEWEST and leaf.extensions.requires_policy_here and not leaf.extensions.has_policies:
        return Result(Outcome.INVALID_POLICY, leaf)
    refused: list[Result] = []
    for authority in authorities:
        result = _check_usage(leaf, [authority])
        if result.outcome is Outcome.ACCEPTED and not _names_allowed(leaf, authority, go):
            result = Result(Outcome.NAME_CONSTRAINT, authority)
        if result.outcome is Outcome.ACCEPTED:
            return result
        refused.append(result)
    constrained = [each for each in refused if each.outcome is Outcome.NAME_CONSTRAINT]
    return (constrained or refused)[0]


def _check_usage(leaf: GoCertificate, above: Sequence[GoCertificate]) -> Result:
    """`checkChainForKeyUsage`: clientAuth must survive from the authority down."""
    for certificate in (*above, leaf):
        usages = certificate.extensions.extended_key_usages
        if usages and not {_ANY_USAGE, _CLIENT_AUTH} & set(usages):
            return Result(Outcome.INCOMPATIBLE_KEY_USAGE, certificate)
    return Result(Outcome.ACCEPTED, above[0] if above else leaf)
