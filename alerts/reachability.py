"""Which gateways will still check in before they end: out of when each was seen, and how often it comes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, DateTimeField, F, Q, QuerySet, Value

from accounts.models import User
from alerts.bulk import NotBackBefore
from core.templatetags.ui import span_in_words
from gateways.models import Gateway

ENOUGH = 2  # sightings, before anything can be said


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of one gateway's coming: how often, when next, and whether that is before its end."""

    last_seen: datetime | None
    interval: timedelta | None
    next_at: datetime | None
    comes: bool | None  # before the end; None: not known

    @property
    def every(self) -> str:
        return span_in_words(self.interval) if self.interval is not None else ""

    @property
    def is_known(self) -> bool:
        return self.comes is not None


@dataclass(frozen=True, slots=True)
class Share:
    """The gateways that end with an authority, of one vendor or of all."""

    name: str
    vendor_id: int
    gateways: int
    not_again: int  # will not check in before the end
    unknown: int


def reach(gateway: Gateway, ends: datetime, now: datetime) -> Reach:
    """What can be said of a gateway that ends at `ends`."""
    first, last = gateway.first_seen_at, gateway.last_seen_at
    if first is None or last is None or gateway.sightings < ENOUGH:
        return Reach(last, None, None, None)
    interval = (last - first) / (gateway.sightings - 1)
    coming = last + interval
    return Reach(last, interval, max(coming, now), coming < ends)


def reaches(ends: Mapping[int, datetime], now: datetime) -> dict[int, Reach]:
    """The same for many gateways, by their ids, in one query."""
    fields = ("first_seen_at", "last_seen_at", "sightings")
    rows = Gateway.objects.filter(pk__in=ends).only(*fields)
    return {row.pk: reach(row, ends[row.pk], now) for row in rows}


def by_vendor(user: User, authority_id: int, ends: datetime) -> list[Share]:
    """The gateways that end with an authority, as far as the person may see them, the vendor with most first."""
    rows = Gateway.objects.visible_to(user).in_use().filter(current_authority=authority_id)
    counted = _counted(rows, Value(ends, output_field=DateTimeField()), "vendor__name", "vendor_id")
    shares = [Share(name, pk, total, late, unknown) for name, pk, total, late, unknown in counted]
    return sorted(shares, key=lambda share: (-share.gateways, share.name))


def by_authority(user: User, ends: Mapping[int, datetime]) -> dict[int, tuple[int, int, int]]:
    """By authority: the gateways, those that will not check in before its end, those of which nothing is known."""
    rows = Gateway.objects.visible_to(user).in_use().filter(current_authority__in=ends)
    counted = _counted(rows, F("current_authority__not_after"), "current_authority")
    return {pk: (total, late, unknown) for pk, total, late, unknown in counted}


def of_all(authority_ids: Iterable[int]) -> Iterable[tuple[Any, ...]]:
    """Authority, vendor, its name, gateways, those that will not check in before the authority's end, not known."""
    rows = Gateway.objects.in_use().filter(current_authority__in=authority_ids)
    return _counted(rows, F("current_authority__not_after"), "current_authority", "vendor", "vendor__name")


def _counted(rows: "QuerySet[Gateway]", ends: Any, *by: str) -> Iterable[tuple[Any, ...]]:
    is_unknown = Q(sightings__lt=ENOUGH)
    late = ~is_unknown & Q(NotBackBefore(ends, F("first_seen_at"), F("last_seen_at"), F("sightings")))
    counts = {"total": Count("pk"), "late": Count("pk", filter=late), "unknown": Count("pk", filter=is_unknown)}
    return rows.order_by().values_list(*by).annotate(**counts).values_list(*by, *counts)
