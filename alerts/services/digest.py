"""What a mail of alerts says: one line for each authority, one for all certificates of a vendor under one authority at
one threshold. No queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from alerts.kinds import Kind
from alerts.ladder import DAY, EXPIRED

LINES = 60  # a mail that nobody reads to its end says how many more there are
HOUR = timedelta(hours=1)
URGENT = 14 * DAY
SOON = 60 * DAY
OURS = "Operated here"


@dataclass(frozen=True, slots=True)
class Sample:
    """A gateway by its EUI, and the name that people know it by."""

    eui: str
    label: str


@dataclass(frozen=True, slots=True)
class Hit:
    """The gateways of one vendor that depend on an authority."""

    vendor: str
    count: int
    away: int  # will not check in again before the end
    unknown: int  # seen too seldom to say
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A subject, or certificates that are told as one."""

    kind: Kind
    subject_id: int
    name: str
    label: str
    vendor_id: int | None
    owner: str | None
    not_after: datetime  # of the first
    threshold: str
    next_at: datetime | None
    authority_id: int | None = None
    authority: str = ""
    count: int = 1
    samples: tuple[Sample, ...] = ()
    away: int = 0
    unknown: int = 0
    escalated: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """Alerts that closed for one reason."""

    kind: str
    why: str
    owner: str | None
    count: int
    name: str

    @property
    def words(self) -> str:
        what = self.name if self.count == 1 else f"{self.count:,} {PLURALS[Kind(self.kind)]}"
        return f"{what}: {CLOSED_WORDS.get(self.why, 'not watched any more')}"


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
    samples: tuple[Sample, ...] = ()
    more: int = 0
    next_at: datetime | None = None
    reach: str = ""
    escalated: bool = False
    over: bool = False


PLURALS = {
    Kind.AUTHORITY: "authorities",
    Kind.CERTIFICATE: "gateway certificates",
    Kind.SERVER: "server certificates",
    Kind.LIST: "lists of revoked certificates",
    Kind.SIGNER: "OCSP signers",
    Kind.TOKEN: "API tokens",
    Kind.PROBE: "probes",
    Kind.JOB: "scheduled jobs",
}
CLOSED_WORDS = {
    "renewed": "renewed",
    "revoked": "revoked",
    "retired": "the gateway is out of use",
    "moved": "the gateway moved to another vendor",
    "recovered": "runs again",
}


def compose(
    items: Sequence[Item], closed: Sequence[Closed], hits: Mapping[int, Sequence[Hit]], now: datetime
) -> dict[str, Any]:
    """Return the context of the mail templates for these subjects: the most urgent first, by vendor and authority, in
    the order of what is most urgent in each."""
    ordered = sorted(items, key=lambda item: (item.not_after, list(Kind).index(item.kind), item.name))
    lines = [_line(item, hits.get(item.subject_id, ()), now) for item in _together(ordered[:LINES])]
    hidden, owners = len(items) - len(lines), list(dict.fromkeys(line.owner for line in lines))
    return {
        "first": lines[0] if lines else None,
        "lines": lines,
        "others": max(len(lines) - 1, 0),
        "hidden": hidden,
        "owners": owners,
        "groups": [(owner, [line for line in lines if line.owner == owner]) for owner in owners],
        "closed": [each.words for each in sorted(closed, key=lambda each: (-each.count, each.name))],
        "closed_count": sum(each.count for each in closed),
        "alerts_url": _url("alerts:list"),
    }


def _together(ordered: Sequence[Item]) -> list[Item]:
    """What belongs together, in the order in which the first of each stands."""
    owners = list(dict.fromkeys(item.owner for item in ordered))
    authorities = list(dict.fromkeys(item.authority_id for item in ordered))
    return sorted(ordered, key=lambda item: (owners.index(item.owner), authorities.index(item.authority_id)))


def _line(item: Item, hits: Sequence[Hit], now: datetime) -> Line:
    words = {
        Kind.AUTHORITY: lambda: _authority(item, hits, now),
        Kind.CERTIFICATE: lambda: _certificates(item, now),
        Kind.SERVER: lambda: _server(item, now),
        Kind.JOB: lambda: _job(item, now),
    }
    return words.get(item.kind, lambda: _single(item, now))()


def _facts(item: Item, now: datetime) -> dict[str, Any]:
    return {
        "owner": item.owner or OURS,
        "tone": _tone(item.not_after - now),
        "left": in_words(item.not_after - now),
        "ends": item.not_after,
        "several": item.count > 1,
        "next_at": item.next_at,
        "escalated": item.escalated,
        "over": item.not_after <= now,
    }


def _authority(item: Item, hits: Sequence[Hit], now: datetime) -> Line:
    over, count = item.not_after <= now, sum(hit.count for hit in hits)
    samples = tuple(sample for hit in hits for sample in hit.samples)[:3]
    facts = _facts(item, now)
    if count and item.not_after - now <= URGENT:
        facts["tone"] = "bad"
    away, unknown = sum(hit.away for hit in hits), sum(hit.unknown for hit in hits)
    return Line(
        **facts,
        title=_authority_title(item, count, now),
        what=f"The authority {item.name}",
        breaks=_authority_breaks(hits, count, over=over),
        action="Look at the authority and what depends on it",
        url=_url("cas:detail", item.subject_id),
        samples=samples,
        more=count - len(samples),
        reach="" if over else _reach(away, unknown, count),
    )


def _authority_title(item: Item, count: int, now: datetime) -> str:
    if item.not_after <= now:
        return f"{item.name} has ended"
    if count:
        return f"{gateways(count)} {'loses' if count == 1 else 'lose'} access {in_words(item.not_after - now).lower()}"
    return f"{item.name} ends {in_words(item.not_after - now).lower()}"


def _authority_breaks(hits: Sequence[Hit], count: int, *, over: bool) -> str:
    if not count:
        return "No gateway presents a certificate of it now. Whatever it signs is refused from its end on."
    most_first = sorted(hits, key=lambda hit: (-hit.count, hit.vendor))
    whose = f" ({', '.join(f'{hit.vendor} {hit.count:,}' for hit in most_first)})" if len(hits) > 1 else ""
    what = f"{gateways(count)}{whose}"
    if over:
        return f"{what} went off the air at that second. Only a certificate of another authority helps."
    return (
        f"{what} will go off the air at that second. Nothing brings them back but a certificate of another authority."
    )


def _reach(away: int, unknown: int, count: int) -> str:
    """What the gateways' own pace says: renewal reaches them only when they check in."""
    if away:
        known = f"{gateways(away)} will not check in again before {'it expires' if away == 1 else 'they expire'}."
        return f"{known} Of {unknown:,} it is unknown." if unknown else known
    if unknown == count:
        return ""
    return "At its pace it will check in before." if count == 1 else "All that were seen often enough check in before."


def _server(item: Item, now: datetime) -> Line:
    over, left = item.not_after <= now, in_words(item.not_after - now)
    return Line(
        **_facts(item, now),
        title=f"The certificate of {item.name} {'has ended' if over else f'ends {left.lower()}'}",
        what=f"The certificate of the server {item.name}",
        breaks=f"Nobody connects to it {'until it shows a new one' if over else 'from its end on'}.",
        action="Renew it, and put the new one on the server",
        url=_url("certificates:server", item.subject_id),
    )


def _job(item: Item, now: datetime) -> Line:
    return Line(
        **_facts(item, now) | {"tone": "bad", "left": "Late"},
        title=f"The job “{item.name}” has not succeeded in time",
        what=f"The scheduled job “{item.name}”",
        breaks="What it does by itself is not done now. Do the worker and the beat run, and what do their logs say?",
        action="Look at the alerts",
        url=_url("alerts:list"),
    )


SINGLES = {  # title, what it is, what breaks, what to do
    Kind.LIST: (
        "The list of revoked certificates of {name}",
        "Who checks it will refuse every certificate of this authority, or stop checking.",
        "See why no new list was made",
    ),
    Kind.SIGNER: (
        "The OCSP signer of {name}",
        "Nobody can be told any more whether a certificate of this authority was revoked.",
        "See why no new signer was made",
    ),
    Kind.TOKEN: ("The API token {name}", "The program that uses it is refused from its end on.", "Make a new token"),
    Kind.PROBE: (
        "The certificate that a probe shows to {name}",
        "Nobody learns any more what this cluster accepts.",
        "Choose another certificate for the probe",
    ),
}


def _single(item: Item, now: datetime) -> Line:
    what, breaks, action = SINGLES[item.kind]
    named, left = what.format(name=item.name), in_words(item.not_after - now).lower()
    return Line(
        **_facts(item, now),
        title=f"{named} {'has ended' if item.not_after <= now else f'ends {left}'}",
        what=named,
        breaks=breaks,
        action=action,
        url=_single_url(item),
    )


def _single_url(item: Item) -> str:
    if item.kind in (Kind.LIST, Kind.SIGNER) and item.authority_id:
        return _url("cas:detail", item.authority_id)
    return f"{_url('alerts:list')}?{urlencode({'kind': item.kind.value})}"


def _certificates(item: Item, now: datetime) -> Line:
    by = f" of {item.authority}" if item.authority else ""
    return Line(
        **_facts(item, now),
        title=_certificates_title(item, now),
        what="The gateway's certificate" if item.count == 1 else f"{item.count:,} gateway certificates{by}",
        breaks=_certificates_breaks(item),
        action="Request a new certificate" if item.count == 1 else f"See all {item.count:,}",
        url=_certificates_url(item),
        samples=item.samples,
        more=item.count - len(item.samples),
        reach="" if item.threshold == EXPIRED.name else _reach(item.away, item.unknown, item.count),
    )


def _certificates_title(item: Item, now: datetime) -> str:
    over = item.threshold == EXPIRED.name
    if item.count == 1:
        ends = "has ended" if over else f"ends {in_words(item.not_after - now).lower()}"
        return f"The certificate of {item.name} {ends}"
    ends = "have ended" if over else f"end, the first {in_words(item.not_after - now).lower()}"
    return f"{item.count:,} gateway certificates {ends}"


def _certificates_breaks(item: Item) -> str:
    which = "The gateway" if item.count == 1 else "Each gateway"
    if item.threshold == EXPIRED.name:
        return f"{which} is refused until it presents a new certificate."
    due = "Renewal is due. " if item.threshold in ("90d", "third") else ""
    return f"{due}{which} is refused from its own end on."


def _certificates_url(item: Item) -> str:
    if item.count == 1:
        return _url("certificates:detail", item.subject_id)
    query = {
        "kind": item.kind.value,
        "vendor": item.vendor_id,
        "authority": item.authority_id,
        "threshold": item.threshold,
    }
    return f"{_url('alerts:list')}?{urlencode({name: value for name, value in query.items() if value})}"


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
