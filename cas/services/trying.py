"""Test leaves: a real gateway's certificate, tried against one authority alone."""

from django.db import transaction

from accounts.models import User, Vendor
from audit.services import record
from cas.models import Authority, TestLeaf
from cas.services.evidence import require_hands_on
from cas.services.findings import as_rows
from core import clock
from core.errors import Refused
from core.logs import one_line
from pki.errors import PkiError
from pki.facts import CertificateFacts, is_signed_by, read_certificate
from pki.findings import Finding, Severity
from pki.preflight import Verdict
from pki.roles import suggest_eui
from pki.single import read_single
from pki.trial import try_alone

FIELD = "pasted"


def try_leaf(actor: User, authority: Authority, content: bytes) -> TestLeaf:
    """Try the gateway's certificate in `content` against `authority`, and keep it with its verdict, good or bad."""
    require_hands_on(authority, actor)
    try:
        leaf = read_single(content, beside=authority.sha256)
    except PkiError as error:
        raise Refused(error.code, error.message, field=FIELD) from error
    if leaf.is_ca:
        message = "This is a CA certificate. To try how you sign, send the certificate of one gateway."
        raise Refused("not-a-leaf", message, field=FIELD)
    refuse_others_gateway(leaf, authority.vendor)
    with transaction.atomic():
        return keep_leaf(actor, authority, leaf)[0]


def refuse_others_gateway(leaf: CertificateFacts, vendor: Vendor | None) -> None:
    """Refuse a certificate that names a gateway of another vendor. Whose it is, is not said."""
    owner = _owner(leaf)
    if owner is not None and vendor is not None and owner != vendor.pk:
        message = f"{suggest_eui(leaf)} is not a gateway of yours. Use the certificate of one of your own gateways."
        raise Refused("not-your-gateway", message, field=FIELD)


def keep_leaf(actor: User, authority: Authority, leaf: CertificateFacts) -> tuple[TestLeaf, bool]:
    """Keep `leaf` and what it came to; return also whether it is new.

    A second time renews the verdict only, and an accepted one stays: that the leaf has ended since takes nothing away
    from what it showed.
    """
    facts = read_certificate(bytes(authority.der))
    verdict = try_alone(leaf, facts, at=clock.now())
    kept, is_new = _kept(authority, leaf, is_signed=_is_signed(leaf, facts))
    is_same = (kept.accepted, kept.rule, kept.message) == (verdict.accepted, verdict.rule, verdict.message)
    if not is_new and (is_same or kept.accepted):
        return kept, False
    kept.accepted, kept.rule, kept.message = verdict.accepted, verdict.rule, verdict.message
    kept.findings = as_rows((*_about_owner(leaf), *verdict.warnings))
    kept.tried_at, kept.tried_by = clock.now(), actor
    kept.save()
    _record(actor, kept, verdict)
    return kept, is_new


def _kept(authority: Authority, leaf: CertificateFacts, *, is_signed: bool) -> tuple[TestLeaf, bool]:
    facts = {
        "der": leaf.der,
        "name": one_line(leaf.name)[:300],
        "not_before": leaf.not_before,
        "not_after": leaf.not_after,
        "is_signed_by_it": is_signed,
    }
    return TestLeaf.objects.get_or_create(authority=authority, sha256=leaf.sha256, defaults=facts)


def _is_signed(leaf: CertificateFacts, authority: CertificateFacts) -> bool:
    return leaf.issuer_der == authority.subject_der and is_signed_by(leaf, authority)


def _owner(leaf: CertificateFacts) -> int | None:
    eui = suggest_eui(leaf)
    return Vendor.objects.filter(gateways__eui=eui).values_list("pk", flat=True).first() if eui else None


def _about_owner(leaf: CertificateFacts) -> tuple[Finding, ...]:
    eui = suggest_eui(leaf)
    if eui is None or _owner(leaf) is not None:
        return ()
    message = f"No gateway {eui} is registered yet, so nobody can say whose it is."
    return (Finding("gateway-unregistered", Severity.WARNING, message, "Register it, or try one that is registered."),)


def _record(actor: User, leaf: TestLeaf, verdict: Verdict) -> None:
    authority = leaf.authority
    record(
        actor,
        "authority.test-leaf",
        subject=authority,
        vendor_id=authority.vendor_id,
        leaf=leaf.name,
        outcome="accepted" if verdict.accepted else "refused",
        rule=verdict.rule,
        evidence_sha256=leaf.sha256,
    )
