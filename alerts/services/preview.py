"""What a rule would have people told over the next weeks, if nothing were renewed meanwhile. Nothing is written.

Each threshold is counted by one statement, by day and vendor; no row of a subject comes here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, DateTimeField, ExpressionWrapper, QuerySet
from django.db.models.functions import TruncDay

from accounts.models import Contact, User
from alerts.bulk import ShareBefore
from alerts.ladder import EXPIRED
from alerts.models import FAILURES, Kind, Recipient, Rule
from alerts.services.crossing import each_step, fits_life
from alerts.services.looking import Applied, ladders
from alerts.services.telling import AT_ONCE
from alerts.subjects import threshold_in_words
from alerts.watched import WATCHED, Watch
from core import patience

DAYS = 90
DAY = timedelta(days=1)
PATIENCE = 10.0  # seconds for each statement: an operator waits for it once
MOST_READERS = 200


@dataclass(frozen=True, slots=True)
class Crossed:
    """So many subjects of a vendor that cross a threshold on a day (UTC)."""

    day: date
    threshold: str
    vendor_id: int | None
    count: int
    presses: bool  # is mailed at once


@dataclass(slots=True)
class Day:
    """A day of the calendar, with what is crossed in it by threshold."""

    date: date
    is_inside: bool
    thresholds: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.thresholds.total()

    @property
    def ends(self) -> int:
        return self.thresholds[EXPIRED.name]

    @property
    def words(self) -> list[tuple[str, int]]:
        """What is crossed but the end itself, the thresholds in words."""
        rest = (each for each in self.thresholds.items() if each[0] != EXPIRED.name)
        return [(threshold_in_words(threshold), count) for threshold, count in rest]


@dataclass(frozen=True, slots=True)
class Reader:
    """What one address would get: days with a digest, and days with a mail that waits for none."""

    email: str
    who: str
    notices: int
    digests: int
    at_once: int
    wants: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Weeks of days, Monday first; who would get how much; and how many notices there would be in all."""

    subjects: int
    notices: int
    weeks: tuple[tuple[Day, ...], ...]
    readers: tuple[Reader, ...]
    more_readers: int
    first: date | None  # of the days with something to tell


def preview(rule: Rule, now: datetime) -> Preview:
    """What is told under `rule` as it was typed, of what no more specific rule is about. Raises `TooSlow`."""
    watch, applied = WATCHED[Kind(rule.kind)], applied_of(rule)
    with patience.at_most(PATIENCE):
        subjects = _subjects(watch, applied, now).filter(**{f"{watch.ends}__gt": now}).order_by().count()
        crossed = [] if rule.kind == Kind.JOB else list(_crossed(watch, applied, now))
    readers = _readers(crossed)
    return Preview(
        subjects=subjects,
        notices=sum(each.count for each in crossed),
        weeks=_weeks(crossed, now),
        readers=tuple(readers[:MOST_READERS]),
        more_readers=max(0, len(readers) - MOST_READERS),
        first=min((each.day for each in crossed), default=None),
    )


def applied_of(rule: Rule) -> Applied:
    """The ladder of `rule`, and what it is about once it stands among the others."""
    others = Rule.objects.filter(kind=rule.kind).exclude(pk=rule.pk)
    return next(each for each in ladders(Kind(rule.kind), [*others, rule]) if each.rule is rule)


def crossing(
    watch: Watch, applied: Applied, after: datetime, until: datetime, now: datetime
) -> "Iterator[tuple[QuerySet[Any], str]]":
    """For each threshold the subjects that cross it in this span, with the instant as `a_at`."""
    longest = applied.ladder.longest()
    rows = _subjects(watch, applied, now).filter(**{f"{watch.ends}__gt": after})
    if longest is not None:
        rows = rows.filter(**{f"{watch.ends}__lte": until + longest})
    for step in each_step(applied.ladder, watch, now):
        at = step.at if isinstance(step.at, ShareBefore) else ExpressionWrapper(step.at, DateTimeField())
        yield rows.annotate(a_at=at).filter(step.counts, a_at__gt=after, a_at__lte=until), step.name


def _subjects(watch: Watch, applied: Applied, now: datetime) -> "QuerySet[Any]":
    rows = watch.subjects(now).annotate(a_vendor=watch.vendor)
    chosen: QuerySet[Any] = rows.filter(applied.only, fits_life(applied.ladder, watch))
    return chosen


def _crossed(watch: Watch, applied: Applied, now: datetime) -> Iterator[Crossed]:
    until = datetime.combine(now.date() + DAYS * DAY, time(), UTC) - timedelta(microseconds=1)
    for rows, name in crossing(watch, applied, now, until, now):
        presses = name in AT_ONCE or watch.kind in FAILURES
        by_day = rows.order_by().annotate(a_day=TruncDay("a_at", tzinfo=UTC)).values_list("a_day", "a_vendor")
        for at, vendor_id, count in by_day.annotate(Count("pk")):
            yield Crossed(at.date(), name, vendor_id, count, presses)


def _weeks(crossed: Iterable[Crossed], now: datetime) -> tuple[tuple[Day, ...], ...]:
    today = now.date()
    monday = today - today.weekday() * DAY
    count = -(-((today - monday).days + DAYS) // 7) * 7
    days = {day: Day(day, today <= day < today + DAYS * DAY) for day in (monday + i * DAY for i in range(count))}
    for each in crossed:
        days[each.day].thresholds[each.threshold] += each.count
    every = list(days.values())
    return tuple(tuple(every[start : start + 7]) for start in range(0, len(every), 7))


def _readers(crossed: Sequence[Crossed]) -> list[Reader]:
    """Operators read of everything, a vendor's people and first contacts of what is the vendor's."""
    theirs: dict[int | None, list[Crossed]] = defaultdict(list)
    for each in crossed:
        theirs[each.vendor_id].append(each)
    heard: dict[str, tuple[str, list[Crossed]]] = {}
    for email, vendor_id, name in _addresses([pk for pk in theirs if pk]):
        heard.setdefault(email, (name, []))[1].extend(theirs[vendor_id])
    operators = User.objects.active_operators().values_list("email", flat=True) if crossed else ()
    heard |= {email.lower(): ("operator", list(crossed)) for email in operators}
    known = Recipient.objects.in_bulk(list(heard), field_name="email")
    rows = [_reader(email, who, found, known.get(email)) for email, (who, found) in heard.items()]
    return sorted(rows, key=lambda reader: (-reader.notices, reader.email))


def _addresses(vendor_ids: list[int]) -> set[tuple[str, int, str]]:
    people = User.objects.filter(vendor__in=vendor_ids, is_active=True)
    contacts = Contact.objects.filter(vendor__in=vendor_ids, rank=Contact.Rank.FIRST)
    found = {*people.values_list("email", "vendor", "vendor__name")}
    found |= {*contacts.values_list("email", "vendor", "vendor__name")}
    return {(email.lower(), vendor_id or 0, name) for email, vendor_id, name in found}


def _reader(email: str, who: str, found: Sequence[Crossed], recipient: Recipient | None) -> Reader:
    wants = Recipient.Wants(recipient.wants if recipient else Recipient.Wants.ALL)
    pressing = [each for each in found if each.presses]
    told = {Recipient.Wants.ALL: found, Recipient.Wants.PRESSING: pressing}.get(wants, [])
    return Reader(
        email=email,
        who=who,
        notices=sum(each.count for each in told),
        digests=len({each.day for each in told if not each.presses}),
        at_once=len({each.day for each in told if each.presses}),
        wants="" if wants is Recipient.Wants.ALL else str(wants.label),
    )
