"""Registering gateways, and describing them."""

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
