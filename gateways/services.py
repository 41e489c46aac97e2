"""What people do with gateways: register, describe, and decide who owns a disputed one."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import User, Vendor
from audit.services import record
from core import clock
from core.errors import Forbidden, Refused, TooMany
from gateways.models import Dispute, Gateway
from pki.eui import is_canonical

DAY = timedelta(days=1)


def register(actor: User, vendor: Vendor, eui: str, name: str = "") -> Gateway:
    """Register the canonical `eui` for `vendor`.

    A claim on another vendor's EUI is refused as `eui-taken`, and stays on record as a dispute: call this outside
    of transactions, or the record would go with the refusal (G12).
    """
    if not is_canonical(eui):
        raise Refused("eui-not-canonical", "An EUI is registered as 16 upper-case hex digits.", field="eui")
    _refuse_foreign(actor, vendor)
    _refuse_mass(actor, vendor)
    try:
        with transaction.atomic():
            gateway = Gateway.objects.create(eui=eui, vendor=vendor, name=name, registered_by=actor)
            record(actor, "gateway.registered", subject=gateway, vendor_id=vendor.pk, name=name)
            return gateway
    except IntegrityError:
        raise _refuse_taken(actor, vendor, Gateway.objects.get(eui=eui)) from None


def describe(gateway: Gateway, *, actor: User, name: str, notes: str) -> Gateway:
    """Change what people wrote about a gateway."""
    _refuse_foreign(actor, gateway.vendor)
    with transaction.atomic():
        Gateway.objects.filter(pk=gateway.pk).update(name=name, notes=notes)
        record(actor, "gateway.described", subject=gateway, vendor_id=gateway.vendor_id, name=name)
    gateway.name, gateway.notes = name, notes
    return gateway


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


def refuse_disputed(gateway: Gateway) -> None:
    """Raise while somebody else claims the gateway: a second claim is never answered by a certificate (G12)."""
    if Dispute.objects.open().filter(gateway=gateway).exists():
        raise Refused(
            "gateway-disputed",
            "Somebody else claims this EUI too, so no certificate is made for it. An operator decides who owns it.",
        )


def _move(gateway: Gateway, *, to: Vendor, actor: User) -> None:
    before = gateway.vendor
    # what the former owner wrote is none of the new one's business
    Gateway.objects.filter(pk=gateway.pk).update(vendor=to, name="", notes="")
    for vendor in (before, to):
        record(actor, "gateway.moved", subject=gateway, vendor_id=vendor.pk)


def _refuse_foreign(actor: User, vendor: Vendor) -> None:
    if actor.is_vendor and actor.vendor_id != vendor.pk:
        raise Forbidden("not-your-vendor", "You can do this for your own company only.")


def _refuse_mass(actor: User, vendor: Vendor) -> None:
    """Bound what one vendor can register, or find out about others, in a day. Operators know what they do."""
    if actor.is_operator:
        return
    since = clock.now() - DAY
    begun = vendor.gateways.filter(registered_at__gt=since).count()
    begun += vendor.disputes.filter(claimed_at__gt=since).count()
    if begun >= settings.GATEWAYS_PER_DAY:
        raise TooMany(
            "too-many-gateways",
            f"{settings.GATEWAYS_PER_DAY} gateways a day can be registered. Go on tomorrow, or ask an operator.",
        )


def _refuse_taken(actor: User, vendor: Vendor, gateway: Gateway) -> Refused:
    if gateway.vendor_id == vendor.pk:
        return Refused("eui-registered", "This gateway is registered already.", field="eui")
    with transaction.atomic(durable=True):
        dispute, is_new = Dispute.objects.open().get_or_create(
            gateway=gateway, claimant=vendor, closed_at=None, defaults={"claimed_by": actor}
        )
        if is_new:
            record(actor, "dispute.opened", subject=dispute, vendor_id=vendor.pk)
    return Refused(
        "eui-taken",
        "This EUI is registered by somebody else. Your claim is recorded, and an operator will look into it.",
        field="eui",
    )
