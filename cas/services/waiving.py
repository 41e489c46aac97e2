"""An operator does without a piece of evidence."""

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import four_eyes
from audit.services import record
from cas.models import Authority, Waiver
from cas.services.evidence import What, evidence_of, require_asked
from core import clock
from core.errors import Refused

ACTS = {What.PROOF: "authority.proof-waived", What.TEST_LEAF: "authority.test-leaf-waived"}


def waive(actor: User, authority: Authority, what: What, *, reason: str, password: str = "") -> Waiver:
    """Do without `what` for this authority, for a reason that stays on record. Row 16 holds for the own submission."""
    require_asked(authority)
    single_handed = four_eyes.decide(actor, authors=[authority.submitted_by], password=password, reason=reason)
    if not reason.strip():
        raise Refused("reason-needed", "Say why: the reason stays with the authority.", field="reason")
    _refuse_needless(authority, what)
    try:
        with transaction.atomic():
            return _keep(actor, Waiver(authority=authority, what=what, reason=reason, single_handed=single_handed))
    except IntegrityError:
        raise _needless() from None


def _keep(actor: User, waiver: Waiver) -> Waiver:
    waiver.waived_by, waiver.waived_at = actor, clock.now()
    waiver.save(force_insert=True)
    authority = waiver.authority
    record(
        actor,
        ACTS[What(waiver.what)],
        subject=authority,
        vendor_id=authority.vendor_id,
        sha256=authority.sha256,
        reason=waiver.reason,
        single_handed=waiver.single_handed,
    )
    return waiver


def _refuse_needless(authority: Authority, what: What) -> None:
    evidence = evidence_of(authority)
    piece = evidence.proof if what == What.PROOF else evidence.test_leaf
    if piece.is_settled:
        raise _needless()


def _needless() -> Refused:
    return Refused("nothing-to-waive", "It is there, or waived already: there is nothing to waive.")
