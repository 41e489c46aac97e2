"""What lists say of a gateway without looking at its certificates."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import F, Q
from django.db.models.functions import Least

from cas.models import Authority
from certificates.models import Certificate
from core import clock
from gateways.models import Gateway


def refresh_current(gateway_id: int) -> None:
    """Write down which of its owner's certificates in force lasts longest, and until when: a gateway is off the air
    when its certificate ends, and also when the authority does."""
    best = (
        Certificate.objects.filter(gateway_id=gateway_id, vendor_id=F("gateway__vendor_id"))
        .filter(gateway__retired_at__isnull=True)
        .in_force(clock.now())
        .annotate(accepted_until=Least("not_after", "authority__not_after"))
        .order_by("-accepted_until", "-pk")
        .values_list("authority_id", "accepted_until", "request__profile")
        .first()
    )
    authority_id, end, profile = best or (None, None, None)
    current = {"current_authority_id": authority_id, "current_not_after": end, "current_profile": profile or ""}
    Gateway.objects.filter(pk=gateway_id).update(**current)


def refresh_owned(gateways: Sequence[int]) -> None:
    """The same for many that changed hands or went out of use: few have a certificate of their owner's in force, and
    those are looked at one by one."""
    owned = Certificate.objects.in_force(clock.now()).filter(gateway__any_of=gateways, vendor=F("gateway__vendor_id"))
    certified = set(owned.values_list("gateway", flat=True))
    bare = [pk for pk in gateways if pk not in certified]
    Gateway.objects.filter(pk__any_of=bare).update(current_authority=None, current_not_after=None, current_profile="")
    for pk in certified:
        refresh_current(pk)


def refresh_after_issue(
    gateways: Iterable[int], vendor_id: int, authority: Authority, not_after: datetime, profile: str
) -> None:
    """The same after certificates of `authority` were made for many: each counts where none in force lasts longer."""
    accepted_until = min(not_after, authority.not_after)
    shorter = Q(current_not_after__isnull=True) | Q(current_not_after__lte=accepted_until)
    owned = Gateway.objects.filter(pk__any_of=gateways, vendor=vendor_id).filter(shorter)
    owned.update(current_authority=authority.pk, current_not_after=accepted_until, current_profile=profile)


def refresh_after_revocation(gateways: Sequence[int]) -> None:
    """The same for many that lost a certificate: those that have another are looked at one by one."""
    others = Certificate.objects.in_force(clock.now()).filter(gateway__any_of=gateways)
    with_another = set(others.values_list("gateway", flat=True))
    bare = [pk for pk in gateways if pk not in with_another]
    Gateway.objects.filter(pk__any_of=bare).update(current_authority=None, current_not_after=None, current_profile="")
    for pk in with_another:
        refresh_current(pk)
