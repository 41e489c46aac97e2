"""How the fleet stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, CharField, Count, Q, QuerySet, Value, When
from django.urls import reverse

from accounts.models import User, Vendor
from alerts import watched
from cas.models import Authority
from certadmin.overview.forecast import current
from gateways.models import SOON, Gateway, Standing

MONTH = timedelta(days=30)
TONES = {Standing.VALID: "good", Standing.SOON: "warn", Standing.EXPIRED: "bad", Standing.NONE: "idle"}
WORDS = {
    Standing.VALID: "Certificate valid",
    Standing.SOON: f"Ends within {SOON.days} days",
    Standing.EXPIRED: "Ended: refused",
    Standing.NONE: "No certificate",
}


@dataclass(frozen=True, slots=True)
class Part:
    """The gateways of one standing: a row of the card, and a stretch of its bar."""

    tone: str
    label: str
    count: int
    x: float
    width: float
    url: str


@dataclass(frozen=True, slots=True)
class Fleet:
    total: int
    vendors: int
    parts: tuple[Part, ...]
    authorities_trusted: int
    untrusted: int
    due: int

    @property
    def in_words(self) -> str:
        return ", ".join(f"{part.count} {part.label.lower()}" for part in self.parts)


def fleet(user: User, now: datetime) -> Fleet:
    """Count what the person may see; each number in one query over columns that are written for it."""
    gateways = Gateway.objects.visible_to(user).in_use()
    accepted = watched.accepted_authorities(now)
    untrusted = gateways.filter(current_not_after__gt=now).exclude(current_authority__in=accepted.values("pk"))
    counts = _counts(gateways, now)
    return Fleet(
        total=sum(counts.values()),
        vendors=Vendor.objects.visible_to(user).count(),
        parts=_parts(counts),
        authorities_trusted=accepted.filter(pk__in=Authority.objects.visible_to(user).values("pk")).count(),
        untrusted=untrusted.count(),
        due=current(user, now, until=now + MONTH).count(),
    )


def _counts(gateways: QuerySet[Gateway], now: datetime) -> dict[str, int]:
    standing = Case(
        When(current_not_after__isnull=True, then=Value(Standing.NONE.value)),
        When(current_not_after__lte=now, then=Value(Standing.EXPIRED.value)),
        When(Q(current_not_after__lte=now + SOON), then=Value(Standing.SOON.value)),
        default=Value(Standing.VALID.value),
        output_field=CharField(),
    )
    counted = gateways.order_by().annotate(stands=standing).values_list("stands").annotate(Count("pk"))
    return dict(counted)


def _parts(counts: dict[str, int]) -> tuple[Part, ...]:
    total = sum(counts.values()) or 1
    parts, x = [], 0.0
    for standing, tone in TONES.items():
        width = 100 * counts.get(standing.value, 0) / total
        url = f"{reverse('gateways:list')}?state={standing.value}"
        parts.append(Part(tone, WORDS[standing], counts.get(standing.value, 0), round(x, 2), round(width, 2), url))
        x += width
    return tuple(parts)
