"""What people answer to alerts, one or many at once: seen to, ask me later, leave this one alone."""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet

from accounts.models import User, Vendor
from alerts.models import Alert, AlertQuerySet
from audit.services import record
from core import clock
from core.errors import Forbidden, Refused

LONGEST_SNOOZE = timedelta(days=180)
LONGEST_MUTE = timedelta(days=366)
State = Alert.State


def acknowledge(actor: User, alerts: AlertQuerySet, *, note: str = "") -> int:
    """Say that somebody sees to them. A nearer threshold asks again."""
    now = clock.now()
    chosen = _answerable(actor, alerts).filter(state__in=[State.OPEN, State.SNOOZED])
    answer = {"state": State.ACKNOWLEDGED, "note": note.strip()[:500], "snoozed_until": None, "escalates_at": None}
    return _answer(actor, chosen, "acknowledged", answer | _by(actor, now), note=note.strip()[:500])


def snooze(actor: User, alerts: AlertQuerySet, *, until: datetime, note: str = "") -> int:
    """Say nothing more of them until a date, whatever they cross meanwhile; then they are open again and told."""
    now = clock.now()
    _refuse_unless_between(until, now, LONGEST_SNOOZE, what="snooze")
    chosen = _answerable(actor, alerts).live()
    _refuse_past_the_end(actor, chosen, until)
    answer = {"state": State.SNOOZED, "snoozed_until": until, "note": note.strip()[:500], "escalates_at": None}
    return _answer(actor, chosen, "snoozed", answer | _by(actor, now), until=until, note=note.strip()[:500])


def reopen(actor: User, alerts: AlertQuerySet) -> int:
    """Take an answer back."""
    chosen = _answerable(actor, alerts).filter(state__in=[State.ACKNOWLEDGED, State.SNOOZED])
    answer = {"state": State.OPEN, "snoozed_until": None, "answered_by": None, "answered_at": None, "note": ""}
    return _answer(actor, chosen, "reopened", answer)


def mute(actor: User, alerts: AlertQuerySet, *, until: datetime, reason: str) -> int:
    """No mails about these subjects until a date, and why. What they cross meanwhile is told then."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator can mute an alert. Snooze it, or ask an operator.")
    _refuse_unless_between(until, clock.now(), LONGEST_MUTE, what="mute")
    if not reason.strip():
        raise Refused("reason-missing", "Say why nobody need be told of this.", field="reason")
    answer = {"muted_until": until, "mute_reason": reason.strip()[:500], "muted_by": actor}
    return _answer(actor, alerts, "muted", answer, until=until, reason=reason.strip()[:500])


def unmute(actor: User, alerts: AlertQuerySet) -> int:
    """Tell of these subjects again."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator can do this. Ask one.")
    chosen = alerts.muted_at(clock.now())
    return _answer(actor, chosen, "unmuted", {"muted_until": None, "mute_reason": "", "muted_by": None})


def _answerable(actor: User, alerts: AlertQuerySet) -> AlertQuerySet:
    """An operator answers for everything, a vendor's person for what is the vendor's."""
    if not (actor.is_operator or actor.is_vendor):
        raise Forbidden("not-for-your-role", "Your role can read alerts, not answer them. Ask an operator.")
    return alerts.visible_to(actor)


def _refuse_unless_between(until: datetime, now: datetime, longest: timedelta, *, what: str) -> None:
    if until <= now:
        raise Refused("date-is-past", "Choose a date in the future.", field="until")
    if until > now + longest:
        raise Refused("date-is-too-far", f"You can {what} for at most {longest.days} days.", field="until")


def _refuse_past_the_end(actor: User, chosen: AlertQuerySet, until: datetime) -> None:
    """A vendor's silence is everybody's: it may not last beyond the end itself."""
    if actor.is_vendor and chosen.filter(not_after__gt=clock.now(), not_after__lt=until).exists():
        raise Refused(
            "date-is-after-the-end", "Choose a date before the end of what the alert is about.", field="until"
        )


def _by(actor: User, now: datetime) -> dict[str, Any]:
    return {"answered_by": actor, "answered_at": now}


def _answer(actor: User, chosen: AlertQuerySet, act: str, answer: dict[str, Any], **details: Any) -> int:
    """Change what is chosen and still can be, and record it: one record for each vendor whose alerts these are."""
    run = uuid.uuid4()
    with transaction.atomic():
        count = Alert.objects.filter(pk__in=chosen.order_by().values("pk")).update(**answer, run=run)
        if not count:
            raise Refused("nothing-to-answer", "Nothing of what you chose is open to this any more. Reload the page.")
        _record(actor, act, Alert.objects.filter(run=run), count, details)
    return count


def _record(actor: User, act: str, changed: AlertQuerySet, count: int, details: dict[str, Any]) -> None:
    if count == 1:
        alert = changed.get()
        record(actor, f"alert.{act}", subject=alert, vendor_id=alert.vendor_id, **details)
        return
    counts = list(changed.order_by("vendor").values_list("vendor").annotate(Count("pk")))
    vendors = Vendor.objects.in_bulk([pk for pk, _ in counts if pk])
    for vendor_id, number in counts:
        theirs = changed.filter(vendor=vendor_id)
        subject = vendors[vendor_id] if vendor_id else theirs[0]
        members = _hash(theirs.order_by("pk").values_list("pk", flat=True))
        record(actor, f"alerts.{act}", subject=subject, vendor_id=vendor_id, count=number, members=members, **details)


def _hash(pks: "QuerySet[Any, int] | Iterable[int]") -> str:
    """One hash over the members of a bulk act, in order."""
    hashed = hashlib.sha256()
    for pk in pks:
        hashed.update(f"{pk}\n".encode())
    return hashed.hexdigest()
