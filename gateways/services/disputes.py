"""Disputes: a second claim on an EUI that has an owner."""

from django.db import transaction

from accounts.models import User, Vendor
from audit.services import record
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Dispute, Gateway


def close_dispute(dispute: Dispute, *, actor: User, outcome: str, reason: str) -> Dispute:
    """Decide who owns a disputed gateway: `certificates.services.decide_dispute` calls this, and in the same
    transaction settles what was certified for the former owner."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator decides a dispute.")
    with transaction.atomic():
        closed = Dispute.objects.open().filter(pk=dispute.pk)
        if not closed.update(closed_at=clock.now(), closed_by=actor, outcome=outcome, reason=reason):
            raise Refused("dispute-closed", "This dispute was decided already. Reload the page to see how.")
        dispute.refresh_from_db()
        record(actor, "dispute.closed", subject=dispute, vendor_id=dispute.claimant_id, outcome=outcome, reason=reason)
        if outcome == Dispute.Outcome.TRANSFERRED:
            _move(dispute.gateway, to=dispute.claimant, actor=actor)
    return dispute


def refuse_unfit(gateway: Gateway) -> None:
    """Raise where nothing is certified for the gateway: it is out of use, or somebody else claims it. A second claim is
    never answered by a certificate (G12)."""
    if gateway.retired_at:
        raise Refused("gateway-retired", "This gateway is out of use. Take it back first: its page says how.")
    if Dispute.objects.open().filter(gateway=gateway).exists():
        raise Refused(
            "gateway-disputed",
            "Somebody else claims this EUI too, so no certificate is made for it. An operator decides who owns it.",
        )


def _move(gateway: Gateway, *, to: Vendor, actor: User) -> None:
    before = gateway.vendor
    # what the former owner wrote is none of the new one's business
    Gateway.objects.filter(pk=gateway.pk).update(vendor=to, name="", notes="")
    gateway.tags.clear()
    for vendor in (before, to):
        record(actor, "gateway.moved", subject=gateway, vendor_id=vendor.pk)
