"""Registering gateways, and describing them."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction

from accounts.models import User, Vendor
from audit.services import record
from core.errors import Refused
from gateways.models import Claim, Dispute, Gateway
from gateways.services.blocks import holder_of
from gateways.services.claims import claim, settle_own
from gateways.services.limits import refuse_foreign, refuse_mass
from gateways.services.tagging import set_tags
from pki.eui import is_canonical

OUTSIDE = "eui-outside-blocks"


def register_or_claim(actor: User, vendor: Vendor, eui: str, name: str = "", *, model: str = "") -> Gateway | Claim:
    """The same as `register`, but where a vendor's EUI lies outside of its blocks, the answer is a claim: an operator
    decides, and until then there is no gateway."""
    try:
        return register(actor, vendor, eui, name, model=model)
    except Refused as refusal:
        if refusal.code != OUTSIDE:
            raise
    return claim(actor, vendor, eui, name=name, model=model)


def register(actor: User, vendor: Vendor, eui: str, name: str = "", *, model: str = "") -> Gateway:
    """Register the canonical `eui` for `vendor`: freely inside of its blocks, and where an operator does it.

    A claim on another vendor's gateway is refused as `eui-taken`, and stays on record as a dispute: call this outside
    of transactions, or the record would go with the refusal (G12).
    """
    if not is_canonical(eui):
        raise Refused("eui-not-canonical", "An EUI is registered as 16 upper-case hex digits.", field="eui")
    refuse_foreign(actor, vendor)
    if found := Gateway.objects.filter(eui=eui).first():
        raise _refuse_taken(actor, vendor, found)
    if actor.is_vendor and holder_of(eui) != vendor.pk:
        message = "This EUI lies outside of your blocks. Claim it, and an operator decides."
        raise Refused(OUTSIDE, message, field="eui")
    return _register(actor, vendor, eui, name=name, model=model)


def describe(
    gateway: Gateway, *, actor: User, name: str, notes: str, model: str | None = None, tags: Sequence[str] | None = None
) -> Gateway:
    """Change what people wrote about a gateway; `model` and `tags` stay as they are where None is given."""
    refuse_foreign(actor, gateway.vendor)
    words = {"name": name, "notes": notes, "model": gateway.model if model is None else model}
    with transaction.atomic():
        if not Gateway.objects.filter(pk=gateway.pk, vendor=gateway.vendor_id).update(**words):
            raise Refused("gateway-moved", "This gateway belongs to somebody else since a moment ago. Look again.")
        if tags is not None:
            set_tags(gateway, tags)
        told = {"model": words["model"]} | ({} if tags is None else {"tags": ", ".join(tags)})
        record(actor, "gateway.described", subject=gateway, vendor_id=gateway.vendor_id, name=name, **told)
    gateway.name, gateway.notes, gateway.model = words["name"], words["notes"], words["model"]
    return gateway


def _register(actor: User, vendor: Vendor, eui: str, *, name: str, model: str) -> Gateway:
    try:
        with transaction.atomic():
            about = {"name": name, "model": model, "registered_by": actor}
            gateway = Gateway.objects.create(eui=eui, vendor=vendor, **about)
            record(actor, "gateway.registered", subject=gateway, vendor_id=vendor.pk, name=name)
            settle_own(vendor, [eui], actor=actor)
            return gateway
    except IntegrityError:
        raise _refuse_taken(actor, vendor, Gateway.objects.get(eui=eui)) from None


def _refuse_taken(actor: User, vendor: Vendor, gateway: Gateway) -> Refused:
    if gateway.vendor_id == vendor.pk:
        return Refused("eui-registered", "This gateway is registered already.", field="eui")
    refuse_mass(actor, vendor)
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
