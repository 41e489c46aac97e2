"""Which gateways gain or lose acceptance by what a group trusts, now and on later days: counted in the database.

An authority stands for every certificate of the same subject and key: a renewal under the old key keeps its gateways.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Max, Q, QuerySet

from accounts.models import Vendor
from cas.models import Authority, TestLeaf
from core import clock
from gateways.models import Gateway
from trust.models import Release

TYPED_ABOVE = 100  # gateways that an act takes off the air before its name must be typed
HORIZON = timedelta(days=365)

Name = tuple[str, str]  # subject and key: what an authority is for a verifier
Counts = Counter[tuple[int, int]]  # gateways by authority and vendor


@dataclass(frozen=True, slots=True)
class VendorCount:
    vendor_id: int
    vendor: str
    gateways: int


@dataclass(frozen=True, slots=True)
class Change:
    """The gateways that work by some authorities at this moment, by vendor."""

    authorities: tuple[int, ...] = ()  # by which they are found
    vendors: tuple[VendorCount, ...] = ()
    issued: int = 0  # of them by an authority that is operated here; the others were recorded
    assumed: tuple[VendorCount, ...] = ()  # never certified here; their vendor's test leaf says which authority

    @property
    def gateways(self) -> int:
        return sum(each.gateways for each in self.vendors)

    @property
    def recorded(self) -> int:
        return self.gateways - self.issued

    @property
    def assumed_gateways(self) -> int:
        return sum(each.gateways for each in self.assumed)

    @property
    def wants_name(self) -> bool:
        return self.gateways > TYPED_ABOVE


@dataclass(frozen=True, slots=True)
class Later:
    """What happens on a day to come if nothing else is done."""

    at: datetime
    authority: Authority
    is_gain: bool
    is_own_end: bool  # the authority's own, not the one that its time in the group was given
    change: Change


@dataclass(frozen=True, slots=True)
class Trusted:
    """One authority that a release holds or would hold, and until when."""

    authority: Authority
    ends_at: datetime | None = None

    @property
    def until(self) -> datetime:
        own = self.authority.not_after
        return min(own, self.ends_at) if self.ends_at else own


@dataclass(frozen=True, slots=True)
class Impact:
    """What a release does to the fleet."""

    accepted: int  # gateways that are accepted before it
    gained: Change
    lost: Change
    unknown: tuple[VendorCount, ...]  # nobody knows how these are signed: never counted as safe
    later: tuple[Later, ...]
    by_authority: dict[int, int]  # gateways that work by it at this moment

    @property
    def unknown_gateways(self) -> int:
        return sum(each.gateways for each in self.unknown)

    @property
    def share_lost(self) -> float:
        """Of the gateways that are accepted before; 0 to 1."""
        return self.lost.gateways / self.accepted if self.accepted else 0.0


def impact_of(before: Sequence[Trusted], after: Sequence[Trusted]) -> Impact:
    """Compare two states of a group over the whole fleet. Four queries, whatever its size."""
    now = clock.now()
    names = _Names(_count(now))
    old, new = (_accepted(side, now) for side in (before, after))
    tell = _Teller(names, _uncertified())
    return Impact(
        accepted=sum(count for (authority, _), count in names.counts.items() if names.of(authority) in old),
        gained=tell.change(new - old),
        lost=tell.change(old - new),
        unknown=tell.unknown(),
        later=_later(names, after, now),
        by_authority=names.totals(),
    )


def affected_by(*authorities: Authority) -> Change:
    """The gateways that work by `authorities` at this moment."""
    counts = _count(clock.now(), [each.pk for each in authorities])
    return _change(counts, [each.pk for each in authorities], {each.pk for each in authorities if each.is_operated})


def gateways_of(change: Change) -> QuerySet[Gateway]:
    """The gateways that `change` counts, those that are only assumed included."""
    works = Q(current_authority__in=change.authorities, current_not_after__gt=clock.now())
    assumed = Q(current_authority__isnull=True, vendor__in=[each.vendor_id for each in change.assumed])
    return Gateway.objects.in_use().filter(works | assumed)


def gateways_unknown(impact: Impact) -> QuerySet[Gateway]:
    vendors = [each.vendor_id for each in impact.unknown]
    return Gateway.objects.in_use().filter(current_authority__isnull=True, vendor__in=vendors)


@dataclass(frozen=True, slots=True)
class VendorRow:
    """What a release does to one vendor's gateways."""

    vendor: str
    gained: int = 0
    lost: int = 0
    unknown: int = 0
    assumed: int = 0  # of a vendor whose test leaf says which authority


def by_vendor(impact: Impact) -> list[VendorRow]:
    """A row for each vendor that gains, loses, or has gateways of which nobody knows how they are signed."""
    rows: dict[str, dict[str, int]] = {}
    sides = {
        "gained": impact.gained.vendors,
        "lost": impact.lost.vendors,
        "unknown": impact.unknown,
        "assumed": (*impact.gained.assumed, *impact.lost.assumed),
    }
    for name, counts in sides.items():
        for each in counts:
            rows.setdefault(each.vendor, {})[name] = each.gateways
    found = [VendorRow(vendor, **row) for vendor, row in rows.items()]
    return sorted(found, key=lambda each: (-each.lost, -each.gained, -each.unknown, each.vendor))


def works_by(release: Release) -> dict[int, int]:
    """How many gateways work at this moment by each authority of a release."""
    counts = _count(clock.now(), release.authorities.values_list("pk", flat=True))
    found: Counter[int] = Counter()
    for (authority, _), count in counts.items():
        found[authority] += count
    return dict(found)


def _count(now: datetime, authorities: Collection[int] | None = None) -> Counts:
    works = Gateway.objects.filter(current_not_after__gt=now)
    if authorities is not None:
        works = works.filter(current_authority__in=authorities)
    return _counted(works)


def _counted(gateways: QuerySet[Gateway]) -> Counts:
    rows = gateways.order_by().values_list("current_authority", "vendor").annotate(gateways=Count("pk"))
    return Counter({(authority, vendor): count for authority, vendor, count in rows})


def _uncertified() -> Counter[int]:
    """Gateways of which no certificate is known, by vendor."""
    rows = Gateway.objects.in_use().filter(current_authority__isnull=True).order_by().values_list("vendor")
    return Counter(dict(rows.annotate(gateways=Count("pk"))))


def _accepted(side: Iterable[Trusted], now: datetime) -> set[Name]:
    return {
        (each.authority.subject, each.authority.spki_sha256)
        for each in side
        if each.authority.not_before <= now < each.until
    }


class _Names:
    """The authorities that gateways work by: what each is for a verifier."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        rows = Authority.objects.filter(pk__in={authority for authority, _ in counts})
        self._rows = {pk: (subject, spki, origin) for pk, subject, spki, origin in
                      rows.values_list("pk", "subject", "spki_sha256", "origin")}  # fmt: skip
        self.operated = {pk for pk, row in self._rows.items() if row[2] == Authority.Origin.OPERATED}

    def of(self, authority: int) -> Name:
        subject, spki, _ = self._rows[authority]
        return subject, spki

    def found(self, names: Collection[Name]) -> tuple[int, ...]:
        return tuple(pk for pk, (subject, spki, _) in self._rows.items() if (subject, spki) in names)

    def totals(self) -> dict[int, int]:
        found: Counter[int] = Counter()
        for (authority, _), count in self.counts.items():
            found[authority] += count
        return dict(found)


class _Teller:
    """Turns sets of names into gateways by vendor, those of vendors that showed a test leaf beside."""

    def __init__(self, names: _Names, uncertified: Counter[int]) -> None:
        self._names, self._uncertified = names, uncertified
        self._shown = _test_leaves(uncertified)

    def change(self, names: set[Name]) -> Change:
        assumed = {vendor: self._uncertified[vendor] for vendor, name in self._shown.items() if name in names}
        return _change(self._names.counts, self._names.found(names), self._names.operated, assumed)

    def unknown(self) -> tuple[VendorCount, ...]:
        return _by_vendor({pk: count for pk, count in self._uncertified.items() if pk not in self._shown})


def _test_leaves(vendors: Collection[int]) -> dict[int, Name]:
    """What the newest test leaf of each vendor says about how its gateways are signed: by whom it is signed itself."""
    signed = TestLeaf.objects.filter(is_signed_by_it=True)
    newest = signed.filter(authority__vendor__in=vendors).order_by().values("authority__vendor")
    shown = TestLeaf.objects.filter(pk__in=newest.annotate(newest=Max("pk")).values("newest"))
    rows = shown.values_list("authority__vendor", "authority__subject", "authority__spki_sha256")
    return {vendor: (subject, spki) for vendor, subject, spki in rows}


def _change(
    counts: Counts, authorities: Collection[int], operated: Collection[int], assumed: dict[int, int] | None = None
) -> Change:
    chosen, vendors, issued = set(authorities), Counter[int](), 0
    for (authority, vendor), count in counts.items():
        if authority in chosen:
            vendors[vendor] += count
            issued += count if authority in operated else 0
    return Change(tuple(sorted(chosen)), _by_vendor(vendors), issued, _by_vendor(assumed or {}))


def _by_vendor(counts: dict[int, int]) -> tuple[VendorCount, ...]:
    """Most gateways first."""
    if not counts:
        return ()
    names = dict(Vendor.objects.filter(pk__in=counts).values_list("pk", "name"))
    found = [VendorCount(pk, names[pk], count) for pk, count in counts.items()]
    return tuple(sorted(found, key=lambda each: (-each.gateways, each.vendor)))


def _later(names: _Names, after: Sequence[Trusted], now: datetime) -> tuple[Later, ...]:
    """What begins or ends within a year, each with the gateways that would still have a certificate then."""
    ending = [each for each in after if now < each.until <= now + HORIZON and not _goes_on(each, after)]
    beginning = [each for each in after if now < each.authority.not_before <= now + HORIZON]
    counts = _counted_beyond(names, ending)
    found = [_event(names, counts, each, is_gain=False) for each in ending]
    found += [_event(names, names.counts, each, is_gain=True) for each in beginning]
    return tuple(sorted(found, key=lambda each: each.at))


def _goes_on(ending: Trusted, after: Sequence[Trusted]) -> bool:
    """The same name stands in the group for longer."""
    name = (ending.authority.subject, ending.authority.spki_sha256)
    return any(
        (each.authority.subject, each.authority.spki_sha256) == name and each.until > ending.until for each in after
    )


def _counted_beyond(names: _Names, ending: Sequence[Trusted]) -> Counts:
    """The gateways whose certificates outlast their authority's end, or its time in the group."""
    if not ending:
        return Counter()
    outlasts = Q(current_authority__in=[], current_not_after__isnull=False)
    own = [pk for each in ending if each.until == each.authority.not_after for pk in _kin(names, each)]
    outlasts |= Q(current_authority__in=own, current_not_after__gte=F("current_authority__not_after"))
    for each in ending:
        if each.until < each.authority.not_after:
            outlasts |= Q(current_authority__in=_kin(names, each), current_not_after__gt=each.until)
    return _counted(Gateway.objects.filter(outlasts))


def _kin(names: _Names, trusted: Trusted) -> tuple[int, ...]:
    return names.found({(trusted.authority.subject, trusted.authority.spki_sha256)})


def _event(names: _Names, counts: Counts, trusted: Trusted, *, is_gain: bool) -> Later:
    return Later(
        at=trusted.authority.not_before if is_gain else trusted.until,
        authority=trusted.authority,
        is_gain=is_gain,
        is_own_end=trusted.until == trusted.authority.not_after,
        change=_change(counts, _kin(names, trusted), names.operated),
    )
