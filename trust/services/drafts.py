"""What would be published now: the changes since the newest release, their findings, their impact and their reviews."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db.models import Max, Q

from accounts.models import User
from cas.models import Authority
from core import clock
from pki.bundle import is_readable
from pki.findings import Finding, Severity
from pki.go.release import Go
from pki.release_manifest import read_manifest
from trust.models import Group, Membership, Release, Review
from trust.services.impact import Impact, Trusted, impact_of


@dataclass(frozen=True, slots=True)
class EndChange:
    """An authority that stays, until another date than before."""

    authority: Authority
    before: datetime | None
    after: datetime | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What a release changes against the one before it."""

    added: tuple[Trusted, ...]
    removed: tuple[Authority, ...]
    changed: tuple[EndChange, ...]
    kept: tuple[Trusted, ...]  # those of `changed` included

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be published now, or what a roll-back would publish."""

    group: Group
    number: int
    trusted: tuple[Trusted, ...]  # by fingerprint, as a bundle has them
    before: Release | None
    repeats: Release | None
    difference: Difference
    findings: tuple[Finding, ...]
    impact: Impact
    authors: tuple[User, ...]  # who made the changes
    reviews: tuple[Review, ...]

    @property
    def seal(self) -> str:
        """Changes whenever what would be published changes: what a person saw is what the click publishes."""
        return seal_of(self.number, self.trusted)

    @property
    def empties(self) -> bool:
        """Nothing is left of what was there."""
        return not self.trusted and bool(self.difference.removed)

    @property
    def needs_second(self) -> bool:
        """Takes so much off the air that a second operator decides."""
        return self.empties or self.impact.share_lost > settings.LOSS_SHARE

    @property
    def approvals(self) -> tuple[Review, ...]:
        """Of operators that are active and made none of its changes."""
        hands = {author.pk for author in self.authors}
        good = (each for each in self.reviews if each.verdict == Review.Verdict.APPROVES)
        return tuple(each for each in good if each.by_id not in hands and each.by.is_active and each.by.is_operator)

    @property
    def objections(self) -> tuple[Review, ...]:
        return tuple(each for each in self.reviews if each.verdict == Review.Verdict.OBJECTS)


def draft(group: Group) -> Draft:
    """Compare the group, as it is now, with its newest release."""
    return _compare(group, trusted_now(group), repeats=None)


def draft_of_return(release: Release) -> Draft:
    """What a roll-back to `release` would publish: what it held and has not ended since."""
    return _compare(release.group, trusted_in(release, at=clock.now()), repeats=release)


def trusted_now(group: Group) -> tuple[Trusted, ...]:
    """The authorities that operators put into the group and that have not ended, in the order of a bundle."""
    present = Membership.objects.of(group).published_at(clock.now()).select_related("authority__vendor")
    return _in_order(Trusted(each.authority, each.ends_at) for each in present)


def trusted_in(release: Release | None, *, at: datetime | None = None) -> tuple[Trusted, ...]:
    """What a release holds; with `at`, without what has ended by then."""
    if release is None:
        return ()
    ends = _ends_in(release)
    held = (Trusted(each, ends.get(each.sha256)) for each in release.authorities.select_related("vendor"))
    return _in_order(each for each in held if at is None or each.until > at)


def newest_release(group: Group) -> Release | None:
    return Release.objects.of(group).order_by("-number").first()


def newest_by_group() -> dict[int, int]:
    """The number of the newest release of each group."""
    return dict(Release.objects.order_by().values_list("group").annotate(newest=Max("number")))


def release_before(release: Release) -> Release | None:
    return Release.objects.of(release.group).filter(number__lt=release.number).order_by("-number").first()


def difference_of(release: Release) -> Difference:
    """What `release` changed."""
    return differ(trusted_in(release_before(release)), trusted_in(release))


def differ(before: Iterable[Trusted], after: Iterable[Trusted]) -> Difference:
    old, new = ({each.authority.pk: each for each in side} for side in (before, after))
    kept = [each for pk, each in new.items() if pk in old]
    return Difference(
        added=_by_name(each for pk, each in new.items() if pk not in old),
        removed=tuple(each.authority for each in _by_name(each for pk, each in old.items() if pk not in new)),
        changed=tuple(
            EndChange(each.authority, old[each.authority.pk].ends_at, each.ends_at)
            for each in _by_name(kept)
            if old[each.authority.pk].ends_at != each.ends_at
        ),
        kept=_by_name(kept),
    )


def seal_of(number: int, trusted: Sequence[Trusted]) -> str:
    members = ",".join(f"{each.authority.sha256}@{each.ends_at and each.ends_at.isoformat()}" for each in trusted)
    return hashlib.sha256(f"{number} {members}".encode()).hexdigest()


def with_reviews(due: Draft) -> Draft:
    """The draft with what was said about it by now."""
    return replace(due, reviews=tuple(Review.objects.of_draft(due.group, due.seal)))


def _compare(group: Group, after: tuple[Trusted, ...], *, repeats: Release | None) -> Draft:
    before = newest_release(group)
    held = trusted_in(before)
    difference = differ(held, after)
    impact = impact_of(held, after)
    due = Draft(
        group=group,
        number=before.number + 1 if before else 1,
        trusted=after,
        before=before,
        repeats=repeats,
        difference=difference,
        findings=tuple(_findings(group, after, difference, impact)),
        impact=impact,
        authors=() if repeats else _authors(group, before, difference),
        reviews=(),
    )
    return with_reviews(due)


def _authors(group: Group, before: Release | None, difference: Difference) -> tuple[User, ...]:
    """Whoever added, took out or re-dated what differs."""
    added = [each.authority.pk for each in difference.added]
    gone = [each.pk for each in difference.removed]
    dated = [each.authority.pk for each in difference.changed]
    since = Q(removed_at__gt=before.released_at) if before else Q()
    rows = Membership.objects.of(group).select_related("added_by", "changed_by", "removed_by")
    people: dict[int, User] = {}
    for row in rows.filter(Q(authority__in=[*added, *dated], removed_at__isnull=True) | Q(authority__in=gone) & since):
        hands = {
            row.added_by if row.authority_id in added else None,
            row.changed_by if row.authority_id in (*added, *dated, *gone) else None,
            row.removed_by if row.authority_id in gone else None,
        }
        people |= {hand.pk: hand for hand in hands if hand is not None}
    return tuple(people[pk] for pk in sorted(people))


def _findings(group: Group, after: Sequence[Trusted], difference: Difference, impact: Impact) -> Iterator[Finding]:
    """Against the rules of the network server, the gravest first."""
    yield from _dropped(difference)
    yield from _without_issuing(after, impact)
    yield from _left_out(group)
    if not after:
        message = "The group is empty: the network refuses every gateway."
        yield Finding("group-empty", Severity.WARNING, message)


def _dropped(difference: Difference) -> Iterator[Finding]:
    for each in difference.added:
        der = bytes(each.authority.der)
        if not all(is_readable(der, go) for go in (Go.OLDEST, Go.NEWEST)):
            message = f"A network server would silently drop {each.authority.name}."
            yield Finding("would-be-dropped", Severity.REFUSED, message, "Take it out of the group.")


def _without_issuing(after: Sequence[Trusted], impact: Impact) -> Iterator[Finding]:
    """The Things Stack knows no intermediates: a root alone accepts none of the gateways below it."""
    here = {each.authority.pk for each in after}
    roots = {each.authority.pk: each.authority for each in after if each.authority.is_root}
    below = (
        Authority.objects.for_fleet()
        .filter(parent__in=roots)
        .exclude(pk__in=here)
        .exclude(parent=None)
        .order_by("name")
    )
    missing: dict[int, list[str]] = {}
    for parent, name in below.valid_at(clock.now()).values_list("parent", "name"):
        missing.setdefault(parent or 0, []).append(name)
    for pk, names in missing.items():
        if not impact.by_authority.get(pk):
            message = f"{roots[pk].name} is a root by which no gateway works, and {' and '.join(names[:3])} below it"
            advice = f"Put {names[0]} into the group: the network server knows no intermediates."
            yield Finding("root-without-issuing", Severity.WARNING, f"{message} is not trusted.", advice)


def _left_out(group: Group) -> Iterator[Finding]:
    now = clock.now()
    present = Membership.objects.of(group).present().select_related("authority")
    for each in present.filter(Q(ends_at__lte=now) | Q(authority__not_after__lte=now)).order_by("authority__name"):
        own = each.authority.not_after <= now
        message = f"{each.authority.name} {'has ended' if own else 'reached its end in this group'} and is left out."
        yield Finding("ended-left-out", Severity.WARNING, message, "Take it out of the group to tidy up.")


def _ends_in(release: Release) -> dict[str, datetime | None]:
    """The end of each authority, by fingerprint, as the manifest of the release says."""
    if not release.manifest:
        return {}
    return {each.sha256: each.ends_at for each in read_manifest(release.manifest.encode()).authorities}


def _in_order(trusted: Iterable[Trusted]) -> tuple[Trusted, ...]:
    return tuple(sorted(trusted, key=lambda each: each.authority.sha256))


def _by_name(trusted: Iterable[Trusted]) -> tuple[Trusted, ...]:
    return tuple(sorted(trusted, key=lambda each: (each.authority.name.casefold(), each.authority.sha256)))
