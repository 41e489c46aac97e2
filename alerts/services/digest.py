"""What a mail of notices says: one line for each authority, one for all certificates of a vendor at one threshold."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from accounts.models import Deployment, Vendor
from alerts.ladder import DAY, EXPIRED, Kind
from alerts.services.due import Due
from gateways.models import Gateway

SAMPLES = 3
LINES = 60  # a mail that nobody reads to its end says how many more there are
HOUR = timedelta(hours=1)
URGENT = 14 * DAY
SOON = 60 * DAY


@dataclass(frozen=True, slots=True)
class Sample:
    """A gateway by its EUI, and the name that people know it by."""

    eui: str
    label: str


@dataclass(frozen=True, slots=True)
class Gateways:
    """The gateways that depend on an authority: how many, and the first few."""

    count: int = 0
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that ends: what, when, what breaks, and the one page where something is done about it."""

    owner: str
    tone: str  # "bad", "warn" or "idle"
    left: str
    title: str
    what: str
    ends: datetime
    several: bool
    breaks: str
    action: str
    url: str
    samples: tuple[Sample, ...]
    more: int
    next_at: datetime | None


def compose(dues: Sequence[Due], now: datetime) -> dict[str, Any]:
    """Return the context of the mail templates for these subjects, the soonest first."""
    lines = sorted(_lines(dues, now), key=lambda line: line.ends)
    shown = lines[:LINES]
    owners = sorted({line.owner for line in lines})
    return {
        "first": shown[0],
        "lines": shown,
        "others": len(shown) - 1,
        "hidden": len(lines) - len(shown),
        "owners": owners,
        "groups": [(owner, [line for line in shown if line.owner == owner]) for owner in owners],
        "deployment": Deployment.objects.values_list("name", flat=True).first() or "certadmin",
        "alerts_url": _url("alerts:list"),
    }


def _lines(dues: Sequence[Due], now: datetime) -> list[Line]:
    owners = _owners(dues)
    authorities = [due for due in dues if due.kind is Kind.AUTHORITY]
    dependent = _dependent([due.subject_id for due in authorities])
    lines = [_authority(due, owners, dependent.get(due.subject_id, Gateways()), now) for due in authorities]
    lines += [_server(due, owners, now) for due in dues if due.kind is Kind.SERVER]
    return lines + [_certificates(group, owners, now) for group in _by_threshold(dues)]


def _owners(dues: Sequence[Due]) -> Mapping[int | None, str]:
    known: dict[int | None, str] = dict(
        Vendor.objects.filter(pk__in={due.vendor_id for due in dues if due.vendor_id}).values_list("pk", "name")
    )
    return {None: "Operated here", **known}


def _dependent(authority_ids: Sequence[int]) -> dict[int, Gateways]:
    """Return what goes off the air with each authority, in two queries for all of them."""
    present = Gateway.objects.filter(current_authority__in=authority_ids)
    counts = dict(present.order_by().values_list("current_authority").annotate(Count("pk")))
    ranked = present.annotate(
        rank=Window(RowNumber(), partition_by=[F("current_authority")], order_by=[F("eui").asc()])
    ).filter(rank__lte=SAMPLES)
    samples: dict[int, list[Sample]] = defaultdict(list)
    for authority_id, eui, name in ranked.order_by("eui").values_list("current_authority", "eui", "name"):
        samples[authority_id].append(Sample(eui, name))
    return {pk: Gateways(count, tuple(samples[pk])) for pk, count in counts.items()}


def _by_threshold(dues: Iterable[Due]) -> list[list[Due]]:
    groups: dict[tuple[int | None, str], list[Due]] = defaultdict(list)
    for due in sorted(dues, key=lambda due: (due.not_after, due.name)):
        if due.kind is Kind.CERTIFICATE:
            groups[due.vendor_id, due.threshold].append(due)
    return list(groups.values())


def _authority(due: Due, owners: Mapping[int | None, str], hit: Gateways, now: datetime) -> Line:
    over = due.not_after <= now
    return Line(
        owner=owners[due.vendor_id],
        tone="bad" if over or (hit.count and due.not_after - now <= URGENT) else _tone(due.not_after - now),
        left=in_words(due.not_after - now),
        title=_authority_title(due, hit, now),
        what=f"The authority {due.name}",
        ends=due.not_after,
        several=False,
        breaks=_authority_breaks(hit, over=over),
        action="Look at the authority and what depends on it",
        url=_url("cas:detail", due.subject_id),
        samples=hit.samples,
        more=hit.count - len(hit.samples),
        next_at=due.next_at,
    )


def _authority_title(due: Due, hit: Gateways, now: datetime) -> str:
    if due.not_after <= now:
        return f"{due.name} has ended"
    if hit.count:
        verb = "loses" if hit.count == 1 else "lose"
        return f"{gateways(hit.count)} {verb} access {in_words(due.not_after - now).lower()}"
    return f"{due.name} ends {in_words(due.not_after - now).lower()}"


def _authority_breaks(hit: Gateways, *, over: bool) -> str:
    if not hit.count:
        return "No gateway presents a certificate of it now. Whatever it signs is refused from its end on."
    if over:
        return f"{gateways(hit.count)} went off the air at that second. Only a certificate of another authority helps."
    return (
        f"{gateways(hit.count)} will go off the air at that second. "
        "Nothing brings them back but a certificate of another authority."
    )


def _server(due: Due, owners: Mapping[int | None, str], now: datetime) -> Line:
    over, left = due.not_after <= now, in_words(due.not_after - now)
    return Line(
        owner=owners[None],
        tone=_tone(due.not_after - now),
        left=left,
        title=f"The certificate of {due.name} {'has ended' if over else f'ends {left.lower()}'}",
        what=f"The certificate of the server {due.name}",
        ends=due.not_after,
        several=False,
        breaks=f"Nobody connects to it {'until it shows a new one' if over else 'from its end on'}.",
        action="Renew it, and put the new one on the server",
        url=_url("certificates:server", due.subject_id),
        samples=(),
        more=0,
        next_at=due.next_at,
    )


def _certificates(group: list[Due], owners: Mapping[int | None, str], now: datetime) -> Line:
    first = group[0]
    samples = tuple(Sample(due.name, due.label) for due in group[:SAMPLES])
    return Line(
        owner=owners[first.vendor_id],
        tone=_tone(first.not_after - now),
        left=in_words(first.not_after - now),
        title=_certificates_title(group, now),
        what="The gateway's certificate" if len(group) == 1 else f"{len(group)} gateway certificates",
        ends=first.not_after,
        several=len(group) > 1,
        breaks=_certificates_breaks(group),
        action="Request a new certificate" if len(group) == 1 else f"See all {len(group)}",
        url=_certificates_url(group),
        samples=samples,
        more=len(group) - len(samples),
        next_at=first.next_at,
    )


def _certificates_title(group: list[Due], now: datetime) -> str:
    first, over = group[0], group[0].threshold == EXPIRED.name
    if len(group) == 1:
        ends = "has ended" if over else f"ends {in_words(first.not_after - now).lower()}"
        return f"The certificate of {first.name} {ends}"
    ends = "have ended" if over else f"end, the first {in_words(first.not_after - now).lower()}"
    return f"{len(group)} gateway certificates {ends}"


def _certificates_breaks(group: list[Due]) -> str:
    which = "The gateway" if len(group) == 1 else "Each gateway"
    if group[0].threshold == EXPIRED.name:
        return f"{which} is refused until it presents a new certificate."
    due = "Renewal is due. " if group[0].threshold in ("90d", "third") else ""
    return f"{due}{which} is refused from its own end on."


def _certificates_url(group: list[Due]) -> str:
    first = group[0]
    if len(group) == 1:
        return _url("certificates:detail", first.subject_id)
    query = {"kind": first.kind.value, "vendor": first.vendor_id, "threshold": first.threshold}
    return f"{_url('alerts:list')}?{urlencode(query)}"


def _tone(left: timedelta) -> str:
    return "bad" if left <= URGENT else "warn" if left <= SOON else "idle"


def in_words(left: timedelta) -> str:
    """Return a time to an end in words: `In 14 days`, `In 5 hours`, `2 days ago`."""
    span = abs(left)
    days, hours = round(span / DAY), max(1, round(span / HOUR))
    count, unit = (days, "day") if span >= 2 * DAY else (hours, "hour")
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"In {words}" if left > timedelta(0) else f"{words} ago"


def gateways(count: int) -> str:
    """Return `1 gateway`, `41 gateways`."""
    return f"{count:,} gateway{'' if count == 1 else 's'}"


def _url(name: str, *args: Any) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, args=args)}"
