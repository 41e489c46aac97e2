"""Which authorities a group trusts: an operator's decision, authority by authority."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Count

from accounts.models import User
from audit.services import record
from cas.models import Authority
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Gateway
from trust.models import Group, Membership

COMMON = "common"
TYPED_ABOVE = 100  # gateways that an act takes off the air before its name must be typed


@dataclass(frozen=True, slots=True)
class VendorImpact:
    """The gateways of one vendor that an act is about."""

    vendor: str
    gateways: int


@dataclass(frozen=True, slots=True)
class Impact:
    """The gateways that work by some authorities at this moment."""

    vendors: tuple[VendorImpact, ...]

    @property
    def gateways(self) -> int:
        return sum(each.gateways for each in self.vendors)

    @property
    def wants_name(self) -> bool:
        return self.gateways > TYPED_ABOVE


def common() -> Group:
    """The group whose name The Things Stack reads."""
    return Group.objects.get_or_create(name=COMMON)[0]


def impact_of(*authorities: Authority) -> Impact:
    """Who loses access when `authorities` are no longer trusted: gateways with an unexpired certificate of theirs."""
    rows = (
        Gateway.objects.filter(current_authority__in=authorities, current_not_after__gt=clock.now())
        .values_list("vendor__name")
        .annotate(gateways=Count("pk"))
        .order_by("-gateways", "vendor__name")
    )
    return Impact(tuple(VendorImpact(name, count) for name, count in rows))


def add_to_group(actor: User, group: Group, authority: Authority) -> Membership:
    """Trust an approved, unexpired authority from the next release on."""
    refuse_unless_operator(actor)
    if authority.state != Authority.State.APPROVED:
        raise Refused("not-approved", "Only an approved authority can be trusted. Review it first.")
    if authority.not_after <= clock.now():
        raise Refused("authority-expired", f"{authority.name} has ended, so no gateway can work by it.")
    return join(actor, group, authority)


def join(actor: User, group: Group, authority: Authority) -> Membership:
    """Add the authority whatever its dates; one that is in the group stays as it is."""
    found = Membership.objects.filter(group=group, authority=authority).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            membership = Membership.objects.create(group=group, authority=authority, added_by=actor)
            record(actor, "authority.trusted", subject=authority, vendor_id=authority.vendor_id, group=group.name)
            return membership
    except IntegrityError:  # added by a second click
        return Membership.objects.get(group=group, authority=authority)


def remove_from_group(actor: User, group: Group, authority: Authority, *, typed: str = "") -> Impact:
    """Trust the authority no longer from the next release on. Above 100 gateways its name must be `typed`."""
    refuse_unless_operator(actor)
    impact = impact_of(authority)
    if impact.wants_name and typed.strip() != authority.name:
        raise Refused("name-needed", f"Type “{authority.name}” to take {impact.gateways} gateways off.", field="typed")
    with transaction.atomic():
        removed, _ = Membership.objects.filter(group=group, authority=authority).delete()
        if not removed:
            raise Refused("not-in-group", f"{authority.name} is not in {group.name} any more.")
        details = {"group": group.name, "gateways": impact.gateways}
        record(actor, "authority.untrusted", subject=authority, vendor_id=authority.vendor_id, **details)
    return impact


def refuse_unless_operator(actor: User) -> None:
    if not (actor.is_active and actor.is_operator):
        raise Forbidden("not-for-your-role", "Only an operator decides what the network trusts.")
