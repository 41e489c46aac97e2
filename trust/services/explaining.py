"""A verdict as people read it: a headline, and the rules in the order in which the server goes through them."""

from dataclasses import dataclass

from pki.preflight import Verdict

_RULES = (
    ("bundle_unreadable", "The bundle can be read when the server starts"),
    ("leaf_unreadable", "The gateway's certificate can be read"),
    ("cn_mismatch", "Its name is the EUI: 16 upper-case digits"),
    ("no_ca_pool", "The bundle holds at least one authority"),
    ("leaf_expired", "The certificate itself is in date"),
    ("unknown_authority", "Its issuing CA itself is in the bundle"),
    ("not_a_ca", "That CA may sign certificates"),
    ("authority_expired", "That CA is in date"),
    ("name_constraint", "No constraint of that CA speaks against it"),
    ("incompatible_key_usage", "Client authentication is allowed along the path"),
)
_SAME = {
    "leaf_not_yet_valid": "leaf_expired",
    "authority_not_yet_valid": "authority_expired",
    "policy_missing": "name_constraint",
}
_HEADLINES = {
    "accepted": "Accepted",
    "bundle_unreadable": "Refused: the bundle cannot be read",
    "leaf_unreadable": "Refused: this is no certificate that the server can read",
    "cn_mismatch": "Refused: its name is not the EUI as the server writes it",
    "no_ca_pool": "Refused: the bundle is empty",
    "leaf_expired": "Refused: the certificate has expired",
    "leaf_not_yet_valid": "Refused: the certificate is not valid yet",
    "unknown_authority": "Refused: its issuing CA is not in the bundle",
    "not_a_ca": "Refused: its issuer may not sign certificates",
    "authority_expired": "Refused: its issuing CA has expired",
    "authority_not_yet_valid": "Refused: its issuing CA is not valid yet",
    "name_constraint": "Refused: a name constraint forbids it",
    "unhandled_critical_extension": "Refused: it carries a critical extension that the server does not know",
    "policy_missing": "Refused: it demands a policy that it does not name",
    "incompatible_key_usage": "Refused: it may not be used by a client",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `state` is good (passed), hit (it decides) or off (never reached)."""

    code: str
    words: str
    state: str


def headline(verdict: Verdict) -> str:
    return _HEADLINES.get(verdict.rule, "Refused") + (", with a warning" if tone(verdict) == "warn" else "")


def tone(verdict: Verdict) -> str:
    """Good, warn or bad. That a release is not live yet is no fault of the gateway."""
    if not verdict.accepted:
        return "bad"
    return "warn" if any(each.code != "not_live" for each in verdict.warnings) else "good"


def go_through(verdict: Verdict) -> list[Rule]:
    """Every rule, and how far the server got."""
    codes = [code for code, _ in _RULES]
    decisive = len(codes) if verdict.accepted else codes.index(_row_of(verdict))
    states = ["good"] * decisive + ["hit"] + ["off"] * len(codes)
    return [Rule(code, words, state) for (code, words), state in zip(_RULES, states, strict=False)]


def _row_of(verdict: Verdict) -> str:
    if verdict.rule == "unhandled_critical_extension":  # of the certificate itself, or of its authority
        return "name_constraint" if verdict.issuer_sha256 else "leaf_expired"
    return _SAME.get(verdict.rule, verdict.rule)
