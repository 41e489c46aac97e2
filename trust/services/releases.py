"""Releases: numbered, immutable states of a group, and the difference between two."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet

from accounts.models import User
from audit.services import Machine, head, record
from cas.models import Authority
from core import clock
from core.errors import Refused
from pki.bundle import read_strictly, write_bundle
from pki.errors import PkiError
from trust.models import Group, Membership, Publication, Release, Store
from trust.services.groups import Impact, impact_of, refuse_unless_operator


@dataclass(frozen=True, slots=True)
class Difference:
    """What a release changes against the one before it."""

    added: tuple[Authority, ...]
    removed: tuple[Authority, ...]
    kept: tuple[Authority, ...]

    @property
    def is_empty(self) -> bool:
        return not self.added and not self.removed


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be published now."""

    group: Group
    number: int
    authorities: tuple[Authority, ...]
    before: Release | None
    difference: Difference
    gain: Impact
    loss: Impact

    @property
    def seal(self) -> str:
        """Changes whenever what would be published changes: what a person saw is what the click publishes."""
        members = ",".join(each.sha256 for each in self.authorities)
        return hashlib.sha256(f"{self.number} {members}".encode()).hexdigest()


def draft(group: Group) -> Draft:
    """Compare the group, as it is now, with its newest release."""
    now = clock.now()
    before = newest_release(group)
    authorities = members(group)
    difference = differ(_authorities_of(before), authorities)
    lost = [each for each in difference.removed if each.not_after > now]
    return Draft(
        group=group,
        number=before.number + 1 if before else 1,
        authorities=authorities,
        before=before,
        difference=difference,
        gain=impact_of(*difference.added),
        loss=impact_of(*lost),
    )


def members(group: Group) -> tuple[Authority, ...]:
    """The unexpired authorities that operators put into the group, in the order of a bundle."""
    pks = Membership.objects.filter(group=group).published_at(clock.now()).values("authority")
    return tuple(_with_gateways(Authority.objects.filter(pk__in=pks)))


def newest_release(group: Group) -> Release | None:
    return Release.objects.of(group).order_by("-number").first()


def release_before(release: Release) -> Release | None:
    return Release.objects.of(release.group).filter(number__lt=release.number).order_by("-number").first()


def difference_of(release: Release) -> Difference:
    """What `release` changed."""
    return differ(_authorities_of(release_before(release)), _authorities_of(release))


def differ(before: Iterable[Authority], after: Iterable[Authority]) -> Difference:
    old, new = ({each.pk: each for each in side} for side in (before, after))
    return Difference(
        added=_by_name(each for pk, each in new.items() if pk not in old),
        removed=_by_name(each for pk, each in old.items() if pk not in new),
        kept=_by_name(each for pk, each in new.items() if pk in old),
    )


def publish_release(actor: User | Machine, group: Group, note: str = "", *, seen: str = "", typed: str = "") -> Release:
    """Make the next release of what the group holds now, and queue it for every store of ours.

    `seen` is the seal of the draft that the person looked at; where the group has changed since, it is refused.
    Above 100 gateways that lose access the group's name must be `typed`. Ring `trust.tasks.publish` afterwards.
    """
    if isinstance(actor, User):
        refuse_unless_operator(actor)
    now_due = draft(group)
    if seen and seen != now_due.seal:
        message = "What would be published has changed since you looked. Look at it again, then publish."
        raise Refused("draft-changed", message)
    if isinstance(actor, User) and now_due.loss.wants_name and typed.strip() != group.name:
        message = f"{now_due.loss.gateways} gateways lose access. Type “{group.name}” to go on."
        raise Refused("name-needed", message, field="typed")
    try:
        with transaction.atomic():
            return _create(actor, now_due, note)
    except IntegrityError as error:
        message = f"Release {now_due.number} was published at the same moment. Look at it before you publish another."
        raise Refused("published-meanwhile", message) from error


def queue(release: Release, store: Store) -> Publication:
    """Send `release` to `store`, again where it was there before."""
    publication, is_new = Publication.objects.get_or_create(release=release, store=store)
    if not is_new:
        Publication.objects.filter(pk=publication.pk).update(
            state=Publication.State.QUEUED, next_attempt_at=clock.now(), attempts=0, last_error=""
        )
        publication.refresh_from_db()
    return publication


def published_release(group: Group) -> Release | None:
    """The newest release that reached a store; where no store is connected, the newest."""
    releases = Release.objects.of(group)
    if Store.objects.exists():
        releases = releases.held()
    return releases.order_by("-number").first()


def published_bundle(group: Group) -> bytes:
    """The PEM that network servers read of the group; empty where nothing is published."""
    release = published_release(group)
    return bytes(release.bundle) if release else b""


def certificates_in(release: Release | None) -> tuple[bytes, ...]:
    """The DERs of a release."""
    return _read(bytes(release.bundle)) if release and release.bundle else ()


def bundle_of(authorities: Sequence[Authority]) -> bytes:
    """The PEM of `authorities` in the order of their fingerprints: the same set is always the same bytes."""
    ordered = sorted(authorities, key=lambda each: each.sha256)
    try:
        return write_bundle(bytes(each.der) for each in ordered) if ordered else b""
    except PkiError as error:
        raise Refused(error.code, f"{error.message} Take that authority out of the group.") from error


@lru_cache(maxsize=8)  # a fleet is checked against the same few releases
def _read(bundle: bytes) -> tuple[bytes, ...]:
    return read_strictly(bundle)


def _create(actor: User | Machine, due: Draft, note: str) -> Release:
    bundle = bundle_of(due.authorities)
    person = actor if isinstance(actor, User) else None
    release = Release.objects.create(
        group=due.group,
        number=due.number,
        bundle=bundle,
        bundle_sha256=hashlib.sha256(bundle).hexdigest(),
        note=note.strip(),
        released_by=person,
        released_at=clock.now(),
        single_handed=person is not None and User.objects.active_operators().count() == 1,
        audit_head=head(),
    )
    release.authorities.set(due.authorities)
    for store in Store.objects.all():
        queue(release, store)
    _record(actor, release, due)
    return release


def _record(actor: User | Machine, release: Release, due: Draft) -> None:
    record(
        actor,
        "release.published",
        subject=release,
        single_handed=release.single_handed,
        sha256=release.bundle_sha256,
        authorities=len(due.authorities),
        added=[each.sha256 for each in due.difference.added],
        removed=[each.sha256 for each in due.difference.removed],
        audit_head=release.audit_head,
    )


def _authorities_of(release: Release | None) -> list[Authority]:
    return list(_with_gateways(release.authorities.all())) if release else []


def _with_gateways(authorities: QuerySet[Authority]) -> QuerySet[Authority]:
    """Each with `gateways`: how many work by it at this moment."""
    works = Q(current_gateways__current_not_after__gt=clock.now())
    return (
        authorities.select_related("vendor")
        .annotate(gateways=Count("current_gateways", filter=works))
        .order_by("sha256")
    )


def _by_name(authorities: Iterable[Authority]) -> tuple[Authority, ...]:
    return tuple(sorted(authorities, key=lambda each: (each.name.casefold(), each.sha256)))
