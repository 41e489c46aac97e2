"""An operator decides on what was handed in."""

import hashlib

from django.db import transaction

from accounts.models import User
from accounts.services import four_eyes
from audit.services import record
from cas.models import Authority
from cas.services.evidence import require_evidence
from cas.services.notifying import tell_vendor
from core import clock
from core.errors import Refused


def approve(
    authority: Authority, *, actor: User, expected_sha256: str, password: str = "", reason: str = ""
) -> Authority:
    """Approve exactly the certificate that was looked at, once its evidence is there or waived. Approved is not yet
    trusted."""
    single_handed = four_eyes.decide(actor, authors=[authority.submitted_by], password=password, reason=reason)
    with transaction.atomic():
        require_evidence(authority)
        _decide(
            authority,
            expected_sha256,
            state=Authority.State.APPROVED,
            decided_by=actor,
            decision_reason=reason,
            single_handed=single_handed,
        )
        _record(authority, actor, "authority.approved", reason=reason, single_handed=single_handed)
        tell_vendor(authority, "authority_approved")
    return authority


def refuse(authority: Authority, *, actor: User, expected_sha256: str, reason: str) -> Authority:
    """Refuse with a reason that the vendor reads. Nobody needs a second pair of eyes for a no."""
    four_eyes.decide(actor, authors=[])
    if not reason.strip():
        raise Refused("reason-needed", "Say why: the vendor reads it and mends what is wrong.", field="reason")
    with transaction.atomic():
        _decide(authority, expected_sha256, state=Authority.State.REFUSED, decided_by=actor, decision_reason=reason)
        _record(authority, actor, "authority.refused", reason=reason)
        tell_vendor(authority, "authority_refused")
    return authority


def _decide(authority: Authority, expected_sha256: str, **decision: object) -> None:
    """Change the row only while it can be decided, and only if it still holds what was looked at: nothing is
    swapped under a decision."""
    open_ones = Authority.objects.open_to(decision["state"]).filter(pk=authority.pk, sha256=expected_sha256)
    if not open_ones.update(decided_at=clock.now(), **decision):
        message = "It was decided or changed meanwhile, and nothing was done. Look at it again."
        raise Refused("stale-decision", message)
    authority.refresh_from_db()
    if hashlib.sha256(authority.der).hexdigest() != expected_sha256:
        raise Refused("content-changed", "The certificate is not the one that was looked at. Nothing was done.")


def _record(authority: Authority, actor: User, action: str, **details: object) -> None:
    record(actor, action, subject=authority, vendor_id=authority.vendor_id, sha256=authority.sha256, **details)
