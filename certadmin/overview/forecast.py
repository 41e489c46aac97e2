"""What ends in the next twelve months, by week: counted in the database, drawn as SVG on the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.db.models.functions import TruncWeek
from django.urls import reverse

from accounts.models import User
from cas.models import Authority
from certificates.models import Certificate, CertificateQuerySet

WEEK = timedelta(days=7)
WEEKS = 53
SOON = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Week:
    """One bar: how many certificates end in the week that begins at `start`, by who issued them."""

    start: datetime
    issued: int
    recorded: int

    @property
    def total(self) -> int:
        return self.issued + self.recorded

    @property
    def end(self) -> datetime:
        return self.start + WEEK

    @property
    def url(self) -> str:
        query = {"ends_after": f"{self.start:%Y-%m-%d}", "ends_before": f"{self.end:%Y-%m-%d}", "state": "current"}
        return f"{reverse('certificates:list')}?{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class End:
    """An authority that ends within the year, and how many gateways depend on it."""

    pk: int
    name: str
    at: datetime
    gateways: int
    is_urgent: bool

    @property
    def url(self) -> str:
        return reverse("cas:detail", args=[self.pk])


@dataclass(frozen=True)
class Forecast:
    """The weeks to come, and the authorities that end in them."""

    weeks: tuple[Week, ...]
    authorities: tuple[End, ...]
    mostly: str  # the vendor with most of the largest week

    @cached_property
    def largest(self) -> Week:
        return max(self.weeks, key=lambda week: week.total)

    @property
    def start(self) -> datetime:
        return self.weeks[0].start

    @property
    def end(self) -> datetime:
        return self.weeks[-1].end

    @property
    def is_empty(self) -> bool:
        return not self.authorities and not self.largest.total


def forecast(user: User, now: datetime) -> Forecast:
    """Count what the person may see; three queries, whatever the size of the fleet."""
    start = monday(now)
    ending = current(user, now, until=start + WEEKS * WEEK)
    weeks = _weeks(ending, start)
    largest = max(weeks, key=lambda week: week.total)
    return Forecast(weeks, _authorities(user, now, until=start + WEEKS * WEEK), _mostly(ending, largest))


def monday(instant: datetime) -> datetime:
    """Return the first second of the week of `instant` (UTC)."""
    midnight = datetime.combine(instant.date(), time(), instant.tzinfo)
    return midnight - timedelta(days=instant.weekday())


def current(user: User, now: datetime, *, until: datetime) -> CertificateQuerySet:
    """What the list of certificates calls current: in force, with no longer one of the same gateway."""
    return Certificate.objects.visible_to(user).current(now).filter(not_after__lt=until)


def _weeks(ending: CertificateQuerySet, start: datetime) -> tuple[Week, ...]:
    issued = Count("pk", filter=Q(origin=Certificate.Origin.ISSUED))
    weekly = ending.annotate(week=TruncWeek("not_after")).order_by().values("week")
    counted = weekly.annotate(total=Count("pk"), issued=issued).values_list("week", "total", "issued")
    by_week = {week: (mine, total - mine) for week, total, mine in counted}
    starts = [start + WEEK * number for number in range(WEEKS)]
    return tuple(Week(week, *by_week.get(week, (0, 0))) for week in starts)


def _mostly(ending: CertificateQuerySet, week: Week) -> str:
    if not week.total:
        return ""
    inside = ending.filter(not_after__gte=week.start, not_after__lt=week.end).order_by()
    name, count = inside.values_list("vendor__name").annotate(count=Count("pk")).order_by("-count")[0]
    return str(name) if count * 2 > week.total else ""


def _authorities(user: User, now: datetime, *, until: datetime) -> tuple[End, ...]:
    seen = Q() if user.sees_all else Q(current_gateways__vendor=user.vendor_id)
    ends = (
        Authority.objects.visible_to(user)
        .approved()
        .filter(not_after__gt=now, not_after__lt=until)
        .order_by("not_after")
        .values_list("pk", "name", "not_after")
        .annotate(gateways=Count("current_gateways", filter=seen))
    )
    return tuple(End(pk, name, at, count, bool(count) and at <= now + SOON) for pk, name, at, count in ends)


def busy(weeks: Sequence[Week], authorities: Sequence[End]) -> list[tuple[Week, list[End]]]:
    """Return the weeks in which anything ends, with their authorities: the chart as a table."""
    rows = [(week, [end for end in authorities if week.start <= end.at < week.end]) for week in weeks]
    return [(week, ends) for week, ends in rows if week.total or ends]
