"""What an operator decides for a vendor: which authority issues for it, and whether its requests wait."""

from django.db import transaction

from accounts.models import User, Vendor
from audit.services import record
from cas.models import Authority
from certificates.models import IssuingPolicy
from core import clock
from core.errors import Forbidden, Refused


def set_policy(
    vendor: Vendor, *, actor: User, authority: Authority | None, automatic: bool, renews: bool = False
) -> IssuingPolicy:
    """Let `authority` issue for `vendor`, or none. With `automatic`, requests are approved as they come; with `renews`,
    what has lived two thirds of its life is asked for anew by itself."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator decides who issues for a vendor.")
    if authority and not Authority.objects.usable_at(clock.now()).filter(pk=authority.pk).exists():
        raise Refused("authority-unusable", "Choose an issuing authority that is operated here.", field="authority")
    with transaction.atomic():
        values = {"authority": authority, "automatic": automatic, "renews": renews}
        policy, _ = IssuingPolicy.objects.update_or_create(vendor=vendor, defaults=values)
        name = authority.name if authority else ""
        details = {"authority": name, "automatic": automatic, "renews": renews}
        record(actor, "vendor.issuing-set", subject=vendor, vendor_id=vendor.pk, **details)
    return policy


def policy_of(vendor: Vendor) -> IssuingPolicy:
    """The vendor's policy; an unsaved one that allows nothing where no operator has decided yet."""
    found = IssuingPolicy.objects.select_related("authority__key").filter(vendor=vendor).first()
    return found or IssuingPolicy(vendor=vendor)


def issuing_authority(vendor: Vendor) -> Authority:
    """The authority that issues for `vendor`, fit for use now; raises Refused where there is none."""
    authority = policy_of(vendor).authority
    if authority is None:
        raise Refused(
            "no-issuing-authority",
            f"No authority issues for {vendor.name} yet. An operator chooses one on the vendor's page.",
        )
    refuse_unusable(authority)
    return authority


def refuse_unusable(authority: Authority) -> None:
    """Raise where `authority` cannot sign a gateway's certificate now."""
    if not Authority.objects.usable_at(clock.now()).filter(pk=authority.pk).exists():
        raise Refused(
            "authority-unusable",
            f"{authority.name} has expired or no longer issues. An operator chooses another for this vendor.",
        )
