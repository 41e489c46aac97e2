"""What ends in a month, by day: counted in the database, one query for each kind."""

from calendar import Calendar
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.db.models.fields.json import KT
from django.db.models.functions import TruncDay
from django.urls import reverse

from accounts.models import User
from alerts import watched
from cas.models import Authority
from certificates.models import Certificate

FIRST_YEAR, LAST_YEAR = 2000, 2200
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Named:
    """Something that is worth its own line in a day."""

    name: str
    url: str
    gateways: int = 0


@dataclass(slots=True)
class Day:
    """A day (UTC) with what ends in it."""

    date: date
    is_inside: bool  # of the month that is shown, not of one beside it
    certificates: int = 0
    authorities: list[Named] = field(default_factory=list)
    servers: list[Named] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.certificates or self.authorities or self.servers)

    @property
    def url(self) -> str:
        query = {"ends_after": f"{self.date}", "ends_before": f"{self.date + DAY}", "state": "current"}
        return f"{reverse('certificates:list')}?{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class Month:
    """Whole weeks, Monday first, that cover a month."""

    first: date
    weeks: tuple[tuple[Day, ...], ...]

    @property
    def before(self) -> str:
        return f"{self.first - DAY:%Y-%m}"

    @property
    def after(self) -> str:
        return f"{self.first + 31 * DAY:%Y-%m}"

    @property
    def days(self) -> list[Day]:
        return [day for week in self.weeks for day in week if day.is_inside]

    @property
    def busy(self) -> list[Day]:
        return [day for day in self.days if not day.is_empty]

    @property
    def certificates(self) -> int:
        return sum(day.certificates for day in self.days)


def read_month(text: str, now: datetime) -> date:
    """The first day of the month in an address ("2026-12"); the present one for what is none."""
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        return now.date().replace(day=1)
    return first if FIRST_YEAR <= first.year <= LAST_YEAR else now.date().replace(day=1)


def month(user: User, first: date, now: datetime) -> Month:
    """What the person may see of it: certificates that nothing follows, authorities, and servers for who sees all."""
    weeks = Calendar().monthdatescalendar(first.year, first.month)
    days = {each: Day(each, each.month == first.month) for week in weeks for each in week}
    start, end = _midnight(weeks[0][0]), _midnight(weeks[-1][-1] + DAY)
    for at, count in _certificates(user, start, end, now):
        days[at.date()].certificates = count
    for at, named in _authorities(user, start, end):
        days[at.date()].authorities.append(named)
    for at, named in _servers(user, start, end, now):
        days[at.date()].servers.append(named)
    return Month(first, tuple(tuple(days[each] for each in week) for week in weeks))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _certificates(user: User, start: datetime, end: datetime, now: datetime) -> Iterable[tuple[datetime, int]]:
    ending = Certificate.objects.visible_to(user).filter(not_after__gte=start, not_after__lt=end)
    return (
        ending.not_followed(now).order_by().annotate(day=TruncDay("not_after")).values_list("day").annotate(Count("pk"))
    )


def _authorities(user: User, start: datetime, end: datetime) -> Iterable[tuple[datetime, Named]]:
    seen = Q() if user.sees_all else Q(current_gateways__vendor=user.vendor_id)
    rows = Authority.objects.visible_to(user).approved().filter(not_after__gte=start, not_after__lt=end)
    counted = rows.annotate(gateways=Count("current_gateways", filter=seen)).order_by("not_after", "pk")
    for pk, name, at, gateways in counted.values_list("pk", "name", "not_after", "gateways"):
        yield at, Named(name, reverse("cas:detail", args=[pk]), gateways)


def _servers(user: User, start: datetime, end: datetime, now: datetime) -> Iterable[tuple[datetime, Named]]:
    if not user.sees_all:
        return
    rows = watched.servers(now).filter(not_after__gte=start, not_after__lt=end).order_by("not_after", "pk")
    for pk, host, at in rows.annotate(first=KT("hosts__0")).values_list("pk", "first", "not_after"):
        if at is not None:
            yield at, Named(host, reverse("certificates:server", args=[pk]))
