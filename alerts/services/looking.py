"""Which subjects crossed a threshold that was not told yet: alerts opened, and asked for again, by one statement for
each ladder. No row of a subject comes here, whatever the size of the fleet."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from django.db import connection
from django.db.models import (
    Case,
    DateTimeField,
    Exists,
    F,
    OuterRef,
    PositiveSmallIntegerField,
    Q,
    QuerySet,
    UUIDField,
    Value,
    When,
)

from alerts.bulk import insert_from
from alerts.kinds import Kind
from alerts.ladder import USUAL, Ladder
from alerts.models import Alert, Rule
from alerts.rule_models import ESCALATION_DAYS
from alerts.services.crossing import renew_by, steps
from alerts.watched import WATCHED, Watch
from gateways.models import Gateway

ESCALATED_WITHIN = timedelta(days=30)  # of the end: before that nobody is disturbed for another's silence
FAR = timedelta(days=365)  # what lives longer and has shares of its life only is looked at too early
COLUMNS = (
    "kind", "subject_id", "name", "label", "vendor_id", "authority_id", "gateway_id", "not_after", "renew_by",
    "threshold", "crossed_at", "next_at", "escalation_days", "escalates_at", "noticed_at", "opened_at", "run", "state",
    "round", "note", "mute_reason", "escalation_level", "closed_for",
)  # fmt: skip
FACTS = (
    "name", "label", "vendor_id", "authority_id", "gateway_id", "not_after", "renew_by", "threshold", "crossed_at",
    "next_at", "noticed_at", "escalation_days", "run",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Applied:
    """A ladder for those subjects that a rule is about and no more specific one."""

    ladder: Ladder
    only: Q
    escalation_days: int | None
    rule: Rule | None = None  # that it comes from


def look(kind: Kind, now: datetime, run: uuid.UUID) -> int:
    """Open or renew the alerts of what crossed a threshold by `now`, and return how many."""
    watch, rules = WATCHED[kind], list(Rule.objects.filter(kind=kind))
    if not rules and not watch.any_ended_by(now + longest(USUAL[kind])):
        return 0
    return sum(_cross(watch, applied, now, run) for applied in ladders(kind, rules))


def longest(usual: Iterable[Ladder]) -> timedelta:
    """How long before an end anything is told of it."""
    return max(ladder.longest() or FAR for ladder in usual)


def ladders(kind: Kind, rules: Iterable[Rule]) -> Iterator[Applied]:
    """Yield the ladders of a kind: those of its rules, the most specific first, then the usual ones for the rest."""
    others = Q()
    for rule in sorted(rules, key=lambda rule: (-_weight(rule), rule.pk or 0)):
        about = _about(kind, rule)
        ladder = Ladder(tuple(rule.days), tuple(Fraction(share, 100) for share in rule.shares))
        yield Applied(ladder, others & about, rule.escalation_days, rule)
        others &= ~about
    for usual in USUAL[kind]:
        yield Applied(usual, others, ESCALATION_DAYS)


def due(watch: Watch, applied: Applied, now: datetime) -> "QuerySet[Any]":
    """The subjects that crossed a threshold of this ladder, with what their alerts hold."""
    ladder = steps(applied.ladder, watch, now)
    near = watch.subjects(now).filter(ladder.near).annotate(a_vendor=watch.vendor)
    rows = near.annotate(a_threshold=ladder.threshold, a_crossed=ladder.crossed_at).filter(applied.only, ladder.fits)
    new: QuerySet[Any] = rows.exclude(a_threshold="").filter(~Exists(_told(watch.kind, now)))
    return new


def _told(kind: Kind, now: datetime) -> "QuerySet[Alert]":
    """Alerts that this crossing says nothing new to. A clock set back must not announce an earlier threshold again,
    nor open what closed at an instant still to come."""
    nothing_new = Q(crossed_at__gte=OuterRef("a_crossed"))
    closed = Q(closed_at__gt=now) | (Q(closed_for=Alert.Reason.ENDED) & nothing_new)
    is_told = (~Q(state=Alert.State.CLOSED) & nothing_new) | (Q(state=Alert.State.CLOSED) & closed)
    return Alert.objects.filter(is_told, kind=kind.value, subject_id=OuterRef("pk"))


def _cross(watch: Watch, applied: Applied, now: datetime, run: uuid.UUID) -> int:
    rows = due(watch, applied, now).annotate(**_facts(watch, applied, now, run))
    named = [f"c_{column}" for column in COLUMNS]
    return insert_from(Alert, COLUMNS, rows.order_by(watch.ends, "pk").values_list(*named), _renewed(now))


def _facts(watch: Watch, applied: Applied, now: datetime, run: uuid.UUID) -> dict[str, Any]:
    instant = Value(now, output_field=DateTimeField())
    facts = {
        "kind": Value(watch.kind.value),
        "subject_id": F("pk"),
        "name": watch.name,
        "label": watch.label,
        "vendor_id": F("a_vendor"),
        "authority_id": watch.authority,
        "gateway_id": watch.gateway,
        "not_after": F(watch.ends),
        "renew_by": renew_by(watch),
        "threshold": F("a_threshold"),
        "crossed_at": F("a_crossed"),
        "next_at": steps(applied.ladder, watch, now).next_at,
        "escalation_days": Value(applied.escalation_days, output_field=PositiveSmallIntegerField()),
        "escalates_at": _escalates_at(watch, applied.escalation_days, now),
        "noticed_at": instant,
        "opened_at": instant,
        "run": Value(run, output_field=UUIDField()),
        "state": Value(Alert.State.OPEN.value),
        **dict.fromkeys(("round", "escalation_level"), Value(0)),
        **dict.fromkeys(("note", "mute_reason", "closed_for"), Value("")),
    }
    return {f"c_{name}": value for name, value in facts.items()}


def _escalates_at(watch: Watch, days: int | None, now: datetime) -> Any:
    if days is None:
        return Value(None, output_field=DateTimeField())
    then = Value(now + timedelta(days=days), output_field=DateTimeField())
    return Case(
        When(**{f"{watch.ends}__lte": now + ESCALATED_WITHIN}, then=then), default=None, output_field=DateTimeField()
    )


def _renewed(now: datetime) -> str:
    """What becomes of an alert that is there: the new facts; a snooze lasts, any other answer was to the old ones."""
    instant = f"'{connection.ops.adapt_datetimefield_value(now)}'"
    asleep = f"alerts_alert.state = 'snoozed' AND alerts_alert.snoozed_until > {instant}"
    closed = "alerts_alert.state = 'closed'"
    changes = {
        **{name: f"excluded.{name}" for name in FACTS},
        "state": f"CASE WHEN {asleep} THEN 'snoozed' ELSE 'open' END",
        "snoozed_until": f"CASE WHEN {asleep} THEN alerts_alert.snoozed_until END",
        "answered_by_id": f"CASE WHEN {asleep} THEN alerts_alert.answered_by_id END",
        "answered_at": f"CASE WHEN {asleep} THEN alerts_alert.answered_at END",
        "note": f"CASE WHEN {asleep} THEN alerts_alert.note ELSE '' END",
        "escalates_at": f"CASE WHEN {asleep} THEN NULL ELSE excluded.escalates_at END",
        "escalation_level": "0",
        "round": f"CASE WHEN {closed} THEN alerts_alert.round + 1 ELSE alerts_alert.round END",
        "opened_at": f"CASE WHEN {closed} THEN excluded.opened_at ELSE alerts_alert.opened_at END",
        "closed_at": "NULL",
        "closed_for": "''",
    }
    words = ", ".join(f"{name} = {value}" for name, value in changes.items())
    return f"ON CONFLICT (kind, subject_id) DO UPDATE SET {words}"


def _weight(rule: Rule) -> int:
    return (2 if rule.tag else 0) + (1 if rule.vendor_id else 0)


def _about(kind: Kind, rule: Rule) -> Q:
    """The subjects that a rule speaks of."""
    about = Q(a_vendor=rule.vendor_id) if rule.vendor_id else Q(pk__isnull=False)
    if not rule.tag:
        return about
    gateway = {Kind.CERTIFICATE: "gateway", Kind.PROBE: "certificate__gateway"}.get(kind)
    if gateway is None:
        return Q(pk__isnull=True)
    tagged = Gateway.tags.through.objects.filter(gateway_id=OuterRef(gateway), tag__name=rule.tag)
    return about & Q(Exists(tagged))
