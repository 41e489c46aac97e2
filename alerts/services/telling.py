"""Who is told of what a look found: deliveries, made by statement, that wait for the next mail."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Lower

from accounts.models import Contact, Role, User
from alerts.bulk import NOTHING, insert_from
from alerts.delivery_models import DIGEST_HOUR
from alerts.kinds import FAILURES
from alerts.models import CLOSED, Alert, Delivery, Notice, Recipient
from alerts.notice_models import WOKEN
from core import clock

AT_ONCE = ("1d", "expired")  # these do not wait for the digest
NOTICE_COLUMNS = (
    "alert_id", "subject_kind", "subject_id", "threshold", "round", "subject_name", "vendor_id", "not_after",
    "crossed_at", "noticed_at", "run",
)  # fmt: skip
DELIVERY_COLUMNS = ("notice_id", "recipient", "why", "is_pressing", "state", "message_key", "dropped_for")
State, Why, Drop = Delivery.State, Delivery.Why, Delivery.Drop


def know_recipients() -> None:
    """A row for each address that may be told of anything."""
    people = User.objects.filter(is_active=True, role__in=[Role.OPERATOR, Role.VENDOR])
    values = {"email": Lower("email"), "hour": Value(DIGEST_HOUR), "wants": Value(Recipient.Wants.ALL.value)}
    values |= {name: Value("") for name in ("zone", "last_key", "bounced_words")} | {"created_at": Value(clock.now())}
    for addresses in (people, Contact.objects.exclude(email="")):
        rows = addresses.order_by().annotate(**{f"r_{name}": value for name, value in values.items()})
        insert_from(Recipient, tuple(values), rows.values_list(*(f"r_{name}" for name in values)), NOTHING)


def write_notices(run: uuid.UUID, now: datetime, *, threshold: Any = None) -> int:
    """A notice for each alert that this run changed: of its threshold, or of the one given."""
    rows = Alert.objects.filter(run=run).annotate(
        n_threshold=threshold or F("threshold"), n_now=Value(now), n_run=F("run")
    )
    named = (
        "pk", "kind", "subject_id", "n_threshold", "round", "name", "vendor_id", "not_after", "crossed_at", "n_now",
        "n_run",
    )  # fmt: skip
    return insert_from(Notice, NOTICE_COLUMNS, rows.order_by("not_after", "pk").values_list(*named), NOTHING)


def tell(run: uuid.UUID) -> None:
    """The notices of a run, for operators and for the people and first contacts of the vendors."""
    notices = Notice.objects.filter(run=run)
    for email in operators():
        _deliver(notices, Value(email))
    theirs = notices.filter(vendor__people__is_active=True)
    _deliver(theirs, Lower("vendor__people__email"))
    first = notices.filter(vendor__contacts__rank=Contact.Rank.FIRST)
    _deliver(first, Lower("vendor__contacts__email"))
    older = Delivery.objects.pending().filter(notice__alert__run=run).exclude(notice__run=run)
    drop(older, Drop.NEWER)


def tell_closed(run: uuid.UUID) -> None:
    """That all is well again, for those who had been told of it; whoever had not need not know."""
    drop(Delivery.objects.pending().filter(notice__alert__run=run).exclude(notice__run=run), Drop.CLOSED)
    notices = Notice.objects.filter(run=run, threshold=CLOSED)
    told = notices.filter(alert__notices__round=F("round"), alert__notices__deliveries__state=State.TOLD)
    _deliver(told, F("alert__notices__deliveries__recipient"), distinct=True)


def wake(now: datetime, run: uuid.UUID) -> None:
    """Snoozes that are over: what waited is free to be told, and of the rest a notice says that it is back."""
    awake = Alert.objects.awake_at(now)
    answer = {"state": Alert.State.OPEN, "snoozed_until": None, "answered_by": None, "answered_at": None, "note": ""}
    if not awake.update(**answer, run=run):
        return
    waiting = Delivery.objects.pending().filter(notice__alert=OuterRef("pk"))
    Alert.objects.filter(Exists(waiting), run=run).update(run=uuid.uuid4())
    write_notices(run, now, threshold=Value(f"{WOKEN}{now.date().isoformat()}"))
    tell(run)


def escalate(now: datetime) -> int:
    """What nobody answered in time: to the vendor's second contacts, and from there, or without any, to operators."""
    late = Alert.objects.unanswered_too_long(now)
    second = Contact.objects.filter(vendor=OuterRef("vendor"), rank=Contact.Rank.SECOND)
    to_contacts, to_operators = uuid.uuid4(), uuid.uuid4()
    last = late.filter(~Q(escalation_level=0) | ~Exists(second))
    count = last.update(escalation_level=2, escalates_at=None, run=to_operators)
    for days in list(late.order_by().values_list("escalation_days", flat=True).distinct()):
        again = now + timedelta(days=days or 0)
        count += late.filter(escalation_days=days).update(escalation_level=1, escalates_at=again, run=to_contacts)
    for email in operators() if count else []:
        _deliver(_newest(to_operators), Value(email), why=Why.ESCALATION)
    theirs = _newest(to_contacts).filter(vendor__contacts__rank=Contact.Rank.SECOND)
    _deliver(theirs, Lower("vendor__contacts__email"), why=Why.ESCALATION)
    return count


def drop(deliveries: "QuerySet[Delivery]", why: str) -> int:
    chosen = deliveries.order_by().values("pk")
    return Delivery.objects.filter(pk__in=chosen).update(state=State.DROPPED, dropped_for=why)


def operators() -> list[str]:
    return sorted({email.lower() for email in User.objects.active_operators().values_list("email", flat=True)})


def _newest(run: uuid.UUID) -> "QuerySet[Notice]":
    """Of each alert that this run changed, the notice of its threshold."""
    return Notice.objects.filter(alert__run=run, threshold=F("alert__threshold"), round=F("alert__round"))


def _deliver(notices: "QuerySet[Notice]", recipient: Any, *, why: str = Why.CROSSING, distinct: bool = False) -> None:
    presses = Q(threshold__in=AT_ONCE) | (Q(subject_kind__in=FAILURES) & ~Q(threshold=CLOSED))
    rows = notices.order_by("pk").annotate(
        d_recipient=recipient,
        d_why=Value(str(why)),
        d_presses=Case(When(presses, then=Value(True)), default=Value(False), output_field=BooleanField()),  # noqa: FBT003
        d_state=Value(State.PENDING.value),
        d_key=Value(""),
        d_drop=Value(""),
    )
    if distinct:
        rows = rows.distinct()
    named = ("pk", "d_recipient", "d_why", "d_presses", "d_state", "d_key", "d_drop")
    insert_from(Delivery, DELIVERY_COLUMNS, rows.values_list(*named), NOTHING)
