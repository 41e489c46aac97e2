"""What a mail of alerts tells, read for many recipients at once: certificates counted, everything else one by one.

A storm of fifty thousand gateways is one line, and its rows never come here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Min, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from accounts.models import Deployment
from alerts.bulk import NotBackBefore
from alerts.kinds import Kind
from alerts.models import CLOSED, Delivery, Recipient
from alerts.services import digest
from alerts.services.audience import Audience
from alerts.services.digest import Closed, Hit, Item, Sample
from gateways.models import Gateway

SAMPLES = 3
ALERT = "notice__alert__"
GROUP = ("message_key", f"{ALERT}vendor", f"{ALERT}authority", f"{ALERT}threshold")
ESCALATED = Q(why=Delivery.Why.ESCALATION)


@dataclass
class News:
    """What one message tells."""

    items: list[Item] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)


def compose(
    prefix: str, recipients: Mapping[int, Recipient], audience: Audience, now: datetime
) -> list[tuple[Recipient, dict[str, Any]]]:
    """Return the context of the mail for each recipient whose deliveries carry a key with this prefix."""
    told = Delivery.objects.filter(message_key__in=[f"{prefix}{pk}" for pk in recipients])
    news: dict[str, News] = defaultdict(News)
    live = told.exclude(notice__threshold=CLOSED)
    for key, item in (*_certificates(live), *_others(live)):
        news[key].items.append(item)
    for key, closed in _closed(told.filter(notice__threshold=CLOSED)):
        news[key].closed.append(closed)
    hits = _hits({item.subject_id for each in news.values() for item in each.items if item.kind == Kind.AUTHORITY})
    deployment = Deployment.objects.values_list("name", flat=True).first() or "certadmin"
    mails = []
    for pk, recipient in recipients.items():
        if (key := f"{prefix}{pk}") in news:
            vendors = audience.vendors_of(recipient.email)
            words = digest.compose(news[key].items, news[key].closed, _seen_by(vendors, hits), now)
            mails.append((recipient, words | {"reason": audience.reason(recipient.email), "deployment": deployment}))
    return mails


def _certificates(told: "QuerySet[Delivery]") -> Iterable[tuple[str, Item]]:
    """Of each vendor, authority and threshold, how many and the first."""
    certificates = told.filter(**{f"{ALERT}kind": Kind.CERTIFICATE})
    is_unknown = Q(**{f"{ALERT}gateway__sightings__lt": 2})
    seen = [F(f"{ALERT}gateway__{name}") for name in ("first_seen_at", "last_seen_at", "sightings")]
    is_away = ~is_unknown & Q(NotBackBefore(F(f"{ALERT}not_after"), *seen))
    rows = certificates.order_by().values(*GROUP, vendor=F(f"{ALERT}vendor__name"), by=F(f"{ALERT}authority__name"))
    counted = rows.annotate(
        count=Count("notice__alert", distinct=True),
        ends=Min(f"{ALERT}not_after"),
        next_at=Min(f"{ALERT}next_at"),
        subject_id=Min(f"{ALERT}subject_id"),
        unknown=Count("notice__alert", filter=is_unknown, distinct=True),
        away=Count("notice__alert", filter=is_away, distinct=True),
        escalated=Count("pk", filter=ESCALATED),
    )
    samples = _samples(certificates)
    return [(row["message_key"], _group(row, samples[tuple(row[name] for name in GROUP)])) for row in counted]


def _group(row: dict[str, Any], samples: Sequence[Sample]) -> Item:
    return Item(
        kind=Kind.CERTIFICATE,
        subject_id=row["subject_id"],
        name=samples[0].eui,
        label=samples[0].label,
        vendor_id=row[f"{ALERT}vendor"],
        owner=row["vendor"],
        not_after=row["ends"],
        threshold=row[f"{ALERT}threshold"],
        next_at=row["next_at"],
        authority_id=row[f"{ALERT}authority"],
        authority=row["by"] or "",
        count=row["count"],
        samples=tuple(samples),
        away=row["away"],
        unknown=row["unknown"],
        escalated=bool(row["escalated"]),
    )


def _samples(certificates: "QuerySet[Delivery]") -> dict[tuple[Any, ...], list[Sample]]:
    """The first few of each group, by their end."""
    rank = Window(
        RowNumber(),
        partition_by=[F(name) for name in GROUP],
        order_by=[F(f"{ALERT}not_after").asc(), F(f"{ALERT}name").asc()],
    )
    ranked = certificates.annotate(rank=rank).filter(rank__lte=SAMPLES)
    found: dict[tuple[Any, ...], list[Sample]] = defaultdict(list)
    for *group, eui, label in ranked.order_by("rank").values_list(*GROUP, f"{ALERT}name", f"{ALERT}label"):
        if (sample := Sample(eui, label)) not in found[tuple(group)]:  # a crossing and an escalation of one
            found[tuple(group)].append(sample)
    return found


def _others(told: "QuerySet[Delivery]") -> Iterable[tuple[str, Item]]:
    """Authorities, servers and whatever else there are few of."""
    rows = told.exclude(**{f"{ALERT}kind": Kind.CERTIFICATE}).order_by().values("message_key", "notice__alert")
    facts = ("kind", "subject_id", "name", "label", "vendor_id", "not_after", "threshold", "next_at", "authority_id")
    columns = {name: F(f"{ALERT}{name}") for name in facts if name != "authority_id"}
    found = rows.annotate(escalated=Max("why", filter=ESCALATED)).values(
        "message_key", "escalated", owner=F(f"{ALERT}vendor__name"), by=F(f"{ALERT}authority"), **columns
    )
    return [(row["message_key"], _single(dict(row))) for row in found]


def _single(row: dict[str, Any]) -> Item:
    taken = {name: row.pop(name) for name in ("message_key", "escalated", "by", "kind")}
    return Item(kind=Kind(taken["kind"]), escalated=bool(taken["escalated"]), authority_id=taken["by"], **row)


def _closed(told: "QuerySet[Delivery]") -> Iterable[tuple[str, Closed]]:
    rows = told.order_by().values(
        "message_key", kind=F(f"{ALERT}kind"), reason=F(f"{ALERT}closed_for"), owner=F(f"{ALERT}vendor__name")
    )
    counted = rows.annotate(count=Count("notice__alert", distinct=True), name=Min(f"{ALERT}name"))
    names = ("kind", "reason", "owner", "count", "name")
    return [(row[0], Closed(*row[1:])) for row in counted.values_list("message_key", *names)]


def _hits(authority_ids: Iterable[int]) -> dict[int, dict[int, Hit]]:
    """What goes off the air with each authority, by vendor, in two queries for all of them."""
    present = Gateway.objects.filter(current_authority__in=authority_ids)
    is_unknown = Q(sightings__lt=2)
    away = ~is_unknown & Q(NotBackBefore(F("current_not_after"), F("first_seen_at"), F("last_seen_at"), F("sightings")))
    counted = present.order_by().values_list("current_authority", "vendor", "vendor__name")
    counts = counted.annotate(all=Count("pk"), away=Count("pk", filter=away), unknown=Count("pk", filter=is_unknown))
    samples = _first_gateways(present)
    hits: dict[int, dict[int, Hit]] = defaultdict(dict)
    for authority_id, vendor_id, vendor, count, gone, unknown in counts:
        hits[authority_id][vendor_id] = Hit(vendor, count, gone, unknown, tuple(samples[authority_id, vendor_id]))
    return hits


def _first_gateways(present: "QuerySet[Gateway]") -> dict[tuple[int | None, int], list[Sample]]:
    rank = Window(RowNumber(), partition_by=[F("current_authority"), F("vendor")], order_by=[F("eui").asc()])
    ranked = present.annotate(rank=rank).filter(rank__lte=SAMPLES).order_by("eui")
    found: dict[tuple[int | None, int], list[Sample]] = defaultdict(list)
    for authority_id, vendor_id, eui, name in ranked.values_list("current_authority", "vendor", "eui", "name"):
        found[authority_id, vendor_id].append(Sample(eui, name))
    return found


def _seen_by(vendors: set[int] | None, hits: dict[int, dict[int, Hit]]) -> dict[int, list[Hit]]:
    """A vendor's people read of the vendor's gateways, operators (no set of vendors) of everybody's."""
    return {
        authority_id: [hit for vendor_id, hit in by_vendor.items() if vendors is None or vendor_id in vendors]
        for authority_id, by_vendor in hits.items()
    }
