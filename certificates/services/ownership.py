"""Who owns a disputed gateway, and what follows from it for certificates, keys and requests."""

from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from audit.services import record
from certificates.models import Request
from certificates.services import mails
from certificates.services.current import refresh_current
from certificates.services.custody import destroy_keys_left_behind
from gateways.models import Dispute
from gateways.services import close_dispute

MOVED = "The gateway belongs to another vendor by now."
RETIRED = "The gateway is out of use."


def decide_dispute(dispute: Dispute, *, actor: User, outcome: str, reason: str) -> Dispute:
    """Close the dispute. Where the gateway moves, nobody gets a key that was sealed for its former owner, what that
    one asked for and nobody decided comes to nothing, and lists show what the new owner has for it."""
    with transaction.atomic():
        closed = close_dispute(dispute, actor=actor, outcome=outcome, reason=reason)
        if outcome == Dispute.Outcome.TRANSFERRED:
            end_waiting([closed.gateway_id], actor)
            destroy_keys_left_behind([closed.gateway_id], actor=actor)
            refresh_current(closed.gateway_id)
    return closed


def end_waiting(gateways: Sequence[int], actor: User, *, why: str = MOVED) -> None:
    """End what was asked for gateways that moved, or went out of use, and nobody decided. Requests that were approved
    are stopped by whoever takes them up."""
    waiting = Request.objects.waiting().filter(gateway__any_of=gateways)
    waiting = waiting.left_behind() if why == MOVED else waiting
    for request in waiting.select_related("gateway", "vendor", "authority", "decided_by"):
        ended = {"state": Request.State.FAILED, "failure": why}
        if Request.objects.waiting().filter(pk=request.pk).update(**ended):
            request.state, request.failure = Request.State.FAILED, why
            record(actor, "request.failed", subject=request, vendor_id=request.vendor_id, why=why)
            mails.tell_vendor(request, template="request_failed")
