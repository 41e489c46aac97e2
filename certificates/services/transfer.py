"""Gateways that go to another vendor. What becomes of their certificates is a decision of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models, transaction
from django.db.models import Count, F, Q

from accounts.models import User, Vendor
from audit.services import Act, record_many
from cas.models import Signing
from certificates.models import Certificate
from certificates.services import mails
from certificates.services.bulk_revocation import Share, revoke_part
from certificates.services.current import refresh_owned
from certificates.services.custody import destroy_keys_left_behind
from certificates.services.many import parts, picked
from certificates.services.ownership import end_waiting
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Gateway, GatewayQuerySet, Tag

MOST = 20_000


class Fate(models.TextChoices):
    """What becomes of the certificates that the former owner has for a gateway."""

    REVOKED = "revoked", "Revoke them"
    HANDED_OVER = "handed-over", "Hand them over: the new owner has them, and the names and tags, from now on"
    LEFT = "left", "Leave them with the former owner until they end"


@dataclass(frozen=True, slots=True)
class Preview:
    """How many gateways would go, of whom; how many have a certificate in force, and how many are disputed."""

    count: int
    by_vendor: tuple[Share, ...]
    certified: int
    disputed: int
    sample: tuple[Gateway, ...]


def preview(chosen: GatewayQuerySet) -> Preview:
    """Count what a transfer of `chosen` touches."""
    now = clock.now()
    counts = chosen.order_by().aggregate(count=Count("pk"), certified=Count("pk", filter=Q(current_not_after__gt=now)))
    vendors = chosen.order_by().values("vendor__name").annotate(n=Count("pk")).order_by("-n")[:20]
    shares = tuple(Share(each["vendor__name"], each["n"]) for each in vendors)
    sample = tuple(chosen.order_by("eui").only("eui", "name")[:5])
    return Preview(counts["count"], shares, counts["certified"], chosen.disputed().count(), sample)


def transfer(chosen: GatewayQuerySet, *, to: Vendor, actor: User, fate: str, reason: str, typed: str) -> int:
    """Give the gateways of `chosen` to another vendor, once their number was `typed`. Who of two owns a disputed one is
    decided elsewhere: such are refused."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator gives gateways to another vendor.")
    if not reason.strip():
        raise Refused("reason-needed", "Say why: both vendors read these words.", field="reason")
    if chosen.disputed().exists():
        message = "Some of these are disputed. Decide those first, or leave them out of the filter."
        raise Refused("gateway-disputed", message)
    pks = picked(chosen, typed=typed, most=MOST)
    for part in parts(pks):
        _move(part, to, actor, Fate(fate), reason)
    return len(pks)


def _move(pks: Sequence[int], to: Vendor, actor: User, fate: Fate, reason: str) -> None:
    with transaction.atomic():
        found = Gateway.objects.filter(pk__any_of=pks).exclude(vendor=to).order_by("pk")
        gateways = list(found.select_for_update(of=("self",)).select_related("vendor"))
        mine = [each.pk for each in gateways]
        # what an owner before them was left until it ends is none of this
        theirs = Certificate.objects.filter(
            gateway__any_of=mine, revoked_at__isnull=True, vendor_id=F("gateway__vendor")
        )
        if fate is Fate.REVOKED:
            in_force = theirs.filter(not_after__gt=clock.now())
            revoke_part(list(in_force.values_list("pk", flat=True)), actor, Signing.Reason.CESSATION)
        if fate is Fate.HANDED_OVER:
            handed = Certificate.objects.filter(pk__any_of=list(theirs.values_list("pk", flat=True)))
            handed.update(vendor=to, handed_over_at=clock.now())
            _hand_over_tags(mine, to)
        else:
            Gateway.tags.through.objects.filter(gateway__any_of=mine).delete()
        # what the former owner wrote is none of the new one's business
        words = {"notes": ""} if fate is Fate.HANDED_OVER else {"name": "", "notes": ""}
        Gateway.objects.filter(pk__any_of=mine).update(vendor=to, **words)
        end_waiting(mine, actor)
        destroy_keys_left_behind(mine, actor=actor)
        refresh_owned(mine)
        _tell(gateways, to, actor, fate, reason)


def _hand_over_tags(pks: Sequence[int], to: Vendor) -> None:
    """The new owner gets tags of the same names."""
    through = Gateway.tags.through.objects
    for name in Tag.objects.filter(gateways__any_of=pks).values_list("name", flat=True).distinct():
        known = Tag.objects.named([name]).filter(vendor=to).first()
        tag = known or Tag.objects.get_or_create(vendor=to, name=name)[0]
        through.filter(gateway__any_of=pks, tag__name=name).exclude(tag=tag).update(tag=tag)


def _tell(gateways: Sequence[Gateway], to: Vendor, actor: User, fate: Fate, reason: str) -> None:
    """Each vendor reads in its record that the gateway came or went, and not from whom or to whom."""
    if not gateways:
        return  # all of them belong there already
    details = {"certificates": fate.value, "reason": reason}
    acts = [
        Act("gateway", each.pk, each.eui, vendor, details) for each in gateways for vendor in (each.vendor_id, to.pk)
    ]
    record_many(actor, "gateway.moved", acts)
    for vendor in {each.vendor for each in gateways}:
        own = [each for each in gateways if each.vendor == vendor]
        mails.tell_moved(vendor, own, actor=actor, fate=fate, reason=reason, is_gone=True)
    mails.tell_moved(to, gateways, actor=actor, fate=fate, reason=reason, is_gone=False)
