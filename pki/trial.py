"""A gateway's certificate sent beside its CA: what it shows about the CA, and what the server would do with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pki.acceptance import judge_leaf
from pki.eui import is_canonical
from pki.facts import CertificateFacts
from pki.findings import Finding, Severity
from pki.kinship import Known
from pki.preflight import Verdict, preflight
from pki.preflight_messages import quote
from pki.roles import suggest_eui
from pki.single import issuer_label

_UNKNOWN = "unknown_authority"


@dataclass(frozen=True, slots=True)
class Trial:
    """What The Things Stack would say of the gateway `leaf` if it trusted exactly the upload's CA certificates."""

    leaf: CertificateFacts
    verdict: Verdict


def try_leaf(leaf: CertificateFacts, *, bundle: Sequence[bytes], at: datetime) -> Trial:
    """Ask for the verdict on `leaf` with the CA certificates of `bundle` (DER) at the aware instant `at`."""
    return Trial(leaf, preflight(leaf.der, eui=suggest_eui(leaf), bundle=bundle, at=at))


def try_alone(leaf: CertificateFacts, authority: CertificateFacts, *, at: datetime) -> Verdict:
    """The verdict on `leaf` at `at` (aware) if `authority` were the whole bundle.

    Where another CA signed the gateway, the message says so and names the CA that is missing.
    """
    found = preflight(leaf.der, eui=suggest_eui(leaf), bundle=[authority.der], at=at)
    verdict = replace(found, warnings=_with_hyphens(found.warnings))
    if verdict.accepted or leaf.is_self_issued or leaf.issuer_der == authority.subject_der:
        return verdict
    missing = _missing_issuer(leaf, authority)
    return replace(verdict, message=missing if verdict.rule == _UNKNOWN else f"{verdict.message} {missing}")


def judge_trial(
    trial: Trial, *, issuers: Sequence[CertificateFacts], known: Known, now: datetime
) -> tuple[Finding, ...]:
    """Findings about a test leaf; `issuers` are those in the upload that signed it."""
    leaf = trial.leaf
    origin = () if issuers else (_without_issuer(leaf, known),)
    return (*origin, *_common_name(leaf), *judge_leaf(leaf, now=now), *_outcome(trial.verdict))


def judge_lifetimes(authority: CertificateFacts, leaves: Sequence[CertificateFacts]) -> tuple[Finding, ...]:
    """Say of a CA whether gateways that it signed are dated beyond its own end."""
    if all(leaf.not_after <= authority.not_after for leaf in leaves):
        return ()
    message = (
        f"A gateway certificate under it is dated until {max(leaf.not_after for leaf in leaves):%-d %B %Y}, "
        f"and is void after its CA ends on {authority.not_after:%-d %B %Y}."
    )
    return (Finding("ends-before-leaf", Severity.WARNING, message, "Renew the CA before, or date gateways shorter."),)


def _missing_issuer(leaf: CertificateFacts, authority: CertificateFacts) -> str:
    signer, own = quote(issuer_label(leaf)), quote(authority.name)
    if authority.is_self_signed:
        return (
            f"You sent us the root {own}, your gateways are signed by an intermediate: {signer}. The Things Stack uses "
            f"no intermediates, so it refuses them until {signer} itself is trusted. Hand in the CA certificate of "
            f"{signer}."
        )
    return (
        f"This gateway is signed by {signer}, not by {own}. The Things Stack needs exactly the CA that signed: hand in "
        f"{signer}, or try a gateway that {own} signed."
    )


def _without_issuer(leaf: CertificateFacts, known: Known) -> Finding:
    if leaf.issuer in known.keys_by_subject:
        message = "This gateway certificate names a CA that is on record and not in this upload."
        return Finding("issuer-on-record", Severity.WARNING, message, "Try it against the CA on record.")
    message = (
        f"This is a gateway's certificate, and the CA that signed it ({leaf.issuer[:150]}) is not in the upload: "
        "network servers need exactly that CA."
    )
    return Finding("leaf-alone", Severity.REFUSED, message, "Send the CA certificate that signs your gateways.")


def _common_name(leaf: CertificateFacts) -> tuple[Finding, ...]:
    if len(leaf.common_names) > 1:
        message = "Its subject has several common names; network servers take the last, others the first."
        return (Finding("cn-several", Severity.WARNING, message, "Use one CN: the EUI in 16 upper-case digits."),)
    if leaf.common_names and is_canonical(leaf.common_names[0]):
        return (Finding("cn-is-eui", Severity.GOOD, f"Its CN is the EUI {leaf.common_names[0]}, as it must be."),)
    suggestion = suggest_eui(leaf)
    message = "Its CN is not the gateway's EUI in 16 upper-case hex digits, so network servers refuse the gateway."
    advice = f"Use CN={suggestion} when you sign." if suggestion else "Use the EUI as the CN, like 58A0CBFFFE123456."
    return (Finding("cn-not-eui", Severity.WARNING, message, advice),)


def _outcome(verdict: Verdict) -> tuple[Finding, ...]:
    if verdict.accepted:
        message = "The Things Stack accepts this gateway as soon as the CA is published."
        return (Finding("gateway-accepted", Severity.GOOD, message), *_in_our_words(verdict.warnings))
    message = f"The Things Stack would refuse this gateway: {verdict.message}"
    return (Finding("gateway-refused", Severity.WARNING, message, "Correct this before gateways leave the factory."),)


def _in_our_words(warnings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Without the word on the key, which was judged before and more closely."""
    return _with_hyphens([each for each in warnings if each.code != "weak_key"])


def _with_hyphens(warnings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Codes as all findings have them."""
    return tuple(replace(each, code=each.code.replace("_", "-")) for each in warnings)
