"""Changing a vendor over to a new authority: both trusted, the gateways move, the old one retires at a date."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import IntegrityError, transaction
from django.db.models import Count

from accounts.models import User
from audit.services import record
from cas.models import Authority
from core import clock
from core.errors import Refused
from gateways.models import Gateway
from trust.models import Group, Membership, Release, Rollover
from trust.services.groups import add_to_group, refuse_unless_operator
from trust.services.releases import published_release


class Step(StrEnum):
    """What comes next."""

    APPROVE = "Approve the new authority"
    TRUST = "Put the new authority into the group"
    PUBLISH = "Publish both"
    MOVE = "Let the gateways move, and set an end for the old one"
    RETIRE = "Wait for the end of the old one"
    WITHDRAW = "Publish without the old one"
    DONE = "Done"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a change-over stands: the next step, and how many gateways work by each of the two."""

    rollover: Rollover
    step: Step
    on_old: int
    on_new: int
    ends_at: datetime | None

    @property
    def share(self) -> int:
        """Of the gateways that work by either, per cent."""
        both = self.on_old + self.on_new
        return self.on_new * 100 // both if both else 0


def start(actor: User, group: Group, old: Authority, new: Authority) -> Rollover:
    """Begin to replace `old`, which is in the group, by `new` of the same vendor."""
    refuse_unless_operator(actor)
    if old.pk == new.pk or old.vendor_id != new.vendor_id:
        raise Refused("other-vendor", "Choose another authority of the same vendor.", field="new")
    if not Membership.objects.present().of(group).filter(authority=old).exists():
        raise Refused("not-in-group", f"{old.name} is not in {group.name}: there is nothing to replace.", field="old")
    if new.not_after <= clock.now():
        raise Refused("authority-expired", f"{new.name} has ended.", field="new")
    try:
        with transaction.atomic():
            rollover = Rollover.objects.create(group=group, old=old, new=new, started_by=actor)
            if new.state == Authority.State.APPROVED:
                add_to_group(actor, group, new, reason=f"Replaces {old.name}")
            details = {"group": group.name, "new": new.name}
            record(actor, "rollover.started", subject=old, vendor_id=old.vendor_id, **details)
    except IntegrityError as error:
        raise Refused("rollover-open", f"{old.name} is being replaced already.", field="old") from error
    return rollover


def stop(actor: User, rollover: Rollover) -> None:
    """No longer follow it. What is trusted stays as it is."""
    refuse_unless_operator(actor)
    with transaction.atomic():
        if Rollover.objects.open().filter(pk=rollover.pk).update(stopped_at=clock.now()):
            record(actor, "rollover.stopped", subject=rollover.old, vendor_id=rollover.old.vendor_id)


def standings(rollovers: Sequence[Rollover]) -> list[Standing]:
    """Where each stands, in a constant number of queries for each group."""
    authorities = {pk for each in rollovers for pk in (each.old_id, each.new_id)}
    counts = _works_by(authorities)
    groups = {each.group_id: each.group for each in rollovers}
    published = {pk: _published(published_release(group)) for pk, group in groups.items()}
    present = Membership.objects.present().filter(group__in=groups, authority__in=authorities)
    ends = {(group, authority): end for group, authority, end in present.values_list("group", "authority", "ends_at")}
    return [_standing(each, counts, published[each.group_id], ends) for each in rollovers]


def _works_by(authorities: set[int]) -> Counter[int]:
    works = Gateway.objects.filter(current_authority__in=authorities, current_not_after__gt=clock.now())
    rows = works.order_by().values_list("current_authority").annotate(gateways=Count("pk"))
    return Counter({authority: count for authority, count in rows if authority})


def _published(release: Release | None) -> set[int]:
    return set(release.authorities.values_list("pk", flat=True)) if release else set()


def _standing(
    rollover: Rollover, counts: Counter[int], published: set[int], ends: dict[tuple[int, int], datetime | None]
) -> Standing:
    old, new = (rollover.group_id, rollover.old_id), (rollover.group_id, rollover.new_id)
    ends_at = ends.get(old)
    step = _step(rollover, published, is_in=(old in ends, new in ends), ends_at=ends_at)
    return Standing(rollover, step, counts[rollover.old_id], counts[rollover.new_id], ends_at)


def _step(rollover: Rollover, published: set[int], *, is_in: tuple[bool, bool], ends_at: datetime | None) -> Step:
    old_is_in, new_is_in = is_in
    if rollover.new.state != Authority.State.APPROVED:
        return Step.APPROVE
    if not new_is_in:
        return Step.TRUST
    if rollover.new_id not in published:
        return Step.PUBLISH
    if rollover.old_id not in published:
        return Step.DONE
    if not old_is_in or (ends_at is not None and ends_at <= clock.now()):
        return Step.WITHDRAW
    return Step.RETIRE if ends_at is not None else Step.MOVE
