"""Which authorities a group trusts, why and until when: an operator's decision, authority by authority."""

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import User
from audit.services import record
from cas.models import Authority
from core import clock
from core.errors import Forbidden, Refused
from trust.models import COMMON, Group, Membership
from trust.services.impact import Change, affected_by


def common() -> Group:
    """The group whose name The Things Stack reads."""
    return Group.objects.get_or_create(name=COMMON)[0]


def create_group(actor: User, name: str, purpose: str = "") -> Group:
    """Make a group for readers other than The Things Stack, which reads `common` alone."""
    refuse_unless_operator(actor)
    try:
        with transaction.atomic():
            group = Group.objects.create(name=name, purpose=purpose.strip())
            record(actor, "group.created", subject=group)
            return group
    except IntegrityError as error:
        raise Refused("name-taken", f"There is a group {name} already.", field="name") from error


def add_to_group(
    actor: User, group: Group, authority: Authority, *, reason: str = "", ends_at: datetime | None = None
) -> Membership:
    """Trust an approved, unexpired authority from the next release on, until `ends_at` or for good."""
    refuse_unless_operator(actor)
    if authority.state != Authority.State.APPROVED:
        raise Refused("not-approved", "Only an approved authority can be trusted. Review it first.")
    if authority.not_after <= clock.now():
        raise Refused("authority-expired", f"{authority.name} has ended, so no gateway can work by it.")
    if not authority.for_gateways:
        raise Refused("not-for-gateways", f"{authority.name} issues for servers alone, so no gateway can work by it.")
    _refuse_past(ends_at)
    return join(actor, group, authority, reason=reason, ends_at=ends_at)


def join(
    actor: User, group: Group, authority: Authority, *, reason: str = "", ends_at: datetime | None = None
) -> Membership:
    """Add the authority whatever its dates; one that is in the group stays as it is."""
    present = Membership.objects.present().of(group)
    found = present.filter(authority=authority).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            membership = Membership.objects.create(
                group=group, authority=authority, added_by=actor, reason=reason.strip(), ends_at=ends_at
            )
            details = {"group": group.name, "reason": reason.strip(), "ends_at": _iso(ends_at)}
            record(actor, "authority.trusted", subject=authority, vendor_id=authority.vendor_id, **details)
            return membership
    except IntegrityError:  # added by a second click
        return present.get(authority=authority)


def set_end(actor: User, group: Group, authority: Authority, ends_at: datetime | None, reason: str = "") -> Membership:
    """Let the authority leave the group at `ends_at`, or stay for good. Told to stores by the next release."""
    refuse_unless_operator(actor)
    _refuse_past(ends_at)
    with transaction.atomic():
        present = Membership.objects.present().of(group).filter(authority=authority)
        if not present.update(ends_at=ends_at, changed_by=actor, changed_at=clock.now()):
            raise _not_there(group, authority)
        details = {"group": group.name, "ends_at": _iso(ends_at), "reason": reason.strip()}
        record(actor, "authority.trust-end", subject=authority, vendor_id=authority.vendor_id, **details)
    return present.get()


def remove_from_group(actor: User, group: Group, authority: Authority, *, typed: str = "", reason: str = "") -> Change:
    """Trust the authority no longer from the next release on. Above 100 gateways its name must be `typed`."""
    refuse_unless_operator(actor)
    loss = affected_by(authority)
    if loss.wants_name and typed.strip() != authority.name:
        raise Refused("name-needed", f"Type “{authority.name}” to take {loss.gateways} gateways off.", field="typed")
    take_out(actor, group, authority, reason=reason, gateways=loss.gateways)
    return loss


def take_out(actor: User, group: Group, authority: Authority, *, reason: str, gateways: int) -> None:
    """Take the authority out of the group. The row stays: it says who did it and why."""
    with transaction.atomic():
        present = Membership.objects.present().of(group).filter(authority=authority)
        removed = {"removed_by": actor, "removed_at": clock.now(), "removal_reason": reason.strip()}
        if not present.update(**removed):
            raise _not_there(group, authority)
        details = {"group": group.name, "gateways": gateways, "reason": reason.strip()}
        record(actor, "authority.untrusted", subject=authority, vendor_id=authority.vendor_id, **details)


def refuse_unless_operator(actor: User) -> None:
    if not (actor.is_active and actor.is_operator):
        raise Forbidden("not-for-your-role", "Only an operator decides what the network trusts.")


def _not_there(group: Group, authority: Authority) -> Refused:
    return Refused("not-in-group", f"{authority.name} is not in {group.name} any more.")


def _refuse_past(ends_at: datetime | None) -> None:
    if ends_at is not None and ends_at <= clock.now():
        raise Refused("end-in-the-past", "Choose a date to come, or none.", field="ends_at")


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
