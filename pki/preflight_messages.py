"""The sentences of a preflight: what decides, for somebody who makes gateways."""

from collections.abc import Callable, Sequence
from datetime import datetime

from pki.go.certificate import GoCertificate
from pki.go.names import GoName
from pki.go.verify import Outcome, Result

_SHOWN = 80


def explain_common_name(found: str, expected: str) -> str:
    """Why the common name does not do. `expected` is canonical, or empty where any EUI would have done."""
    if not expected:
        return (
            f"The common name is {quote(found)}, which is not an EUI: The Things Stack needs exactly 16 upper-case hex "
            "digits, without separators."
        )
    hint = ""
    if found.upper() == expected.upper():
        hint = " Upper and lower case count: write the EUI in upper case."
    elif "".join(each for each in found if each.isalnum()).upper() == expected:
        hint = " Separators and blanks count: write the 16 digits alone."
    return f"The common name must be exactly {expected}, and is {quote(found)}.{hint}"


def explain_empty_pool() -> str:
    return "The bundle is empty: The Things Stack has no CA to check any gateway with, and refuses all of them."


def explain_unreadable_bundle() -> str:
    return (
        "The bundle holds no certificate that The Things Stack can read: it would not start with it. "
        "A bundle is a text file of PEM certificates."
    )


def explain_unreadable_leaf(why: str) -> str:
    return f"This is not a certificate that The Things Stack can read ({why}): the gateway would count as unknown."


def explain(result: Result, leaf: GoCertificate, pool: Sequence[GoCertificate]) -> str:
    """The sentence for what Go's verifier found."""
    return _EXPLAIN[result.outcome](result, leaf, pool)


def quote(text: str) -> str:
    """Text out of a certificate, short and without characters that could act."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:_SHOWN])
    return f"“{shown}”" if text else "empty"


def _accepted(result: Result, leaf: GoCertificate, pool: Sequence[GoCertificate]) -> str:
    if result.decisive is None or result.decisive is leaf:
        return "The Things Stack accepts this gateway: its certificate itself stands in the bundle."
    name = quote(result.decisive.subject.label)
    return f"The Things Stack accepts this gateway: its issuing CA {name} stands in the bundle."


def _unhandled(result: Result, leaf: GoCertificate, pool: Sequence[GoCertificate]) -> str:
    oids = [] if result.decisive is None else result.decisive.extensions.unhandled_critical
    listed = ", ".join(".".join(map(str, oid)) for oid in oids[:3])
    return (
        f"{_whose(result, leaf)} carries a critical extension that The Things Stack does not understand ({listed}), "
        "and must therefore be refused: issue it again without."
    )


def _time(result: Result, leaf: GoCertificate, pool: Sequence[GoCertificate]) -> str:
    if result.decisive is None:
        raise ValueError("an expiry without a certificate")
    if result.outcome is Outcome.EXPIRED:
        when, advice = f"expired on {_instant(result.decisive.not_after)}", "renew it"
    else:
        when, advice = f"is valid only from {_instant(result.decisive.not_before)}", "wait, or correct the clocks"
    scope = "" if result.decisive is leaf else ", and all gateways under it are refused"
    return f"{_whose(result, leaf)} {when}{scope}: {advice}."


def _not_a_ca(result: Result, leaf: GoCertificate, pool: Sequence[GoCertificate]) -> str:
    return (
        f"{_whose(result, leaf)} stands in the bundle, but may not sign certificates: {result.hint}. "
        "Issue the CA certificate again with basic constraints CA:TRUE and key usage keyCertSign."
    )


def _unknown(result: Result, leaf: GoCertificate, pool: Sequence[GoCertificate]) -> str:
    issuer = quote(leaf.issuer.label)
    if result.decisive is not None:
        return f"The bundle has a CA named {issuer}, but it did not issue this certificate: {result.hint}."
    if any(each.subject.der == leaf.issuer.der for each in pool):
        return f"The bundle has a CA named {issuer}, but with a key that The Things Stack cannot use."
    if any(_reads_the_same(each.subject, leaf.issuer) for each in pool):
        return (
            f"The bundle has a CA named {issuer}, but its name is encoded in other bytes than the issuer's name "
            "in this certificate, and The Things Stack compares bytes: issue one of the two again."
        )
    if leaf.subject.der == leaf.issuer.der:
        return "This certificate is self-signed and does not itself stand in the bundle."
    return (
        f"The bundle has no certificate of its issuing CA {issuer}. A root alone is not enough, because The Things "
        "Stack uses no intermediates: the issuing CA itself must be in the bundle."
    )


def _limit(result: Result, leaf: GoCertificate, pool: Sequence[GoCertificate]) -> str:
    return (
        f"The bundle has more than 100 CAs named {quote(leaf.issuer.label)}, and The Things Stack stops after 100 "
        "tries: give these CAs key identifiers or names of their own."
    )


def _policy(result: Result, leaf: GoCertificate, pool: Sequence[GoCertificate]) -> str:
    return (
        "The certificate demands an explicit policy (policy constraints) and names none: issue it again without that "
        "extension."
    )


def _usage(result: Result, leaf: GoCertificate, pool: Sequence[GoCertificate]) -> str:
    return (
        f"{_whose(result, leaf)} lists extended key usages, and client authentication is not among them: add "
        "clientAuth, or leave the extension out."
    )


def _constraint(result: Result, leaf: GoCertificate, pool: Sequence[GoCertificate]) -> str:
    return (
        f"{_whose(result, leaf)} has name constraints that do not permit an alternative name of this certificate: "
        "leave that name out, it is not needed."
    )


def _whose(result: Result, leaf: GoCertificate) -> str:
    if result.decisive is None or result.decisive is leaf:
        return "The gateway's certificate"
    return f"The issuing CA {quote(result.decisive.subject.label)}"


def _reads_the_same(one: GoName, other: GoName) -> bool:
    return bool(one.attributes) and one.attributes == other.attributes


def _instant(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"


_EXPLAIN: dict[Outcome, Callable[[Result, GoCertificate, Sequence[GoCertificate]], str]] = {
    Outcome.ACCEPTED: _accepted,
    Outcome.UNHANDLED_CRITICAL_EXTENSION: _unhandled,
    Outcome.NOT_YET_VALID: _time,
    Outcome.EXPIRED: _time,
    Outcome.NOT_A_CA: _not_a_ca,
    Outcome.UNKNOWN_AUTHORITY: _unknown,
    Outcome.SIGNATURE_LIMIT: _limit,
    Outcome.INVALID_POLICY: _policy,
    Outcome.INCOMPATIBLE_KEY_USAGE: _usage,
    Outcome.NAME_CONSTRAINT: _constraint,
}
