"""Releases: numbered, immutable, signed states of a group, each bound to the one before it by hash."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import four_eyes
from audit.services import Machine, head, record
from core import clock
from core.errors import Refused
from keys import services as vault
from keys.models import Key
from pki.bundle import BundleEntry, read_strictly, write_annotated_bundle
from pki.errors import PkiError
from pki.findings import refuses
from pki.readers import reader_files
from pki.release_manifest import Manifest, ManifestAuthority, manifest_sha256, write_manifest
from trust.models import Group, Publication, Release, Review, Store
from trust.services.drafts import Draft, draft, draft_of_return, trusted_now
from trust.services.groups import join, refuse_unless_operator, set_end, take_out
from trust.services.impact import Trusted
from trust.services.newer import refuse_unknown_newer

KEY_TYPE = "P-256"


class Said(TypedDict, total=False):
    """What a person says with the click: the seal of the draft that was looked at, and what far-reaching acts ask."""

    seen: str
    typed: str
    password: str
    reason: str


def publish_release(actor: User | Machine, group: Group, note: str = "", **said: Unpack[Said]) -> Release:
    """Make the next release of what the group holds now, and queue it for every store of the group.

    `seen` is the seal of the draft that the person looked at; where the group has changed since, it is refused.
    Above 100 gateways that lose access the group's name must be `typed`; above the share that the deployment allows,
    and for an emptied group, a second operator decides. Ring `trust.tasks.publish` afterwards.
    """
    refuse_unknown_newer(group)
    return _publish(actor, draft(group), note, said)


def roll_back(actor: User, release: Release, note: str = "", **said: Unpack[Said]) -> Release:
    """Make the next release of what `release` held and has not ended since; the group is as it was then."""
    refuse_unknown_newer(release.group)
    due = draft_of_return(release)
    with transaction.atomic():
        made = _publish(actor, due, note, said)
        align_group(actor, release.group, due.trusted, reason=f"Rolled back to release {release.number}")
        return made


def review_draft(actor: User, group: Group, *, seen: str, verdict: str, note: str = "") -> Review:
    """Say what one thinks of the draft that one looked at. Said again, it replaces what was said before."""
    refuse_unless_operator(actor)
    due = draft(group)
    _refuse_changed(due, seen)
    if verdict == Review.Verdict.OBJECTS and not note.strip():
        raise Refused("note-needed", "Say what is wrong, so that somebody can mend it.", field="note")
    with transaction.atomic():
        review, _ = Review.objects.update_or_create(
            group=group, seal=seen, by=actor, defaults={"verdict": verdict, "note": note.strip(), "at": clock.now()}
        )
        record(actor, "draft.reviewed", subject=group, verdict=verdict, note=note.strip(), seal=seen)
        return review


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
    """The newest release that reached a store; where no store carries the group, the newest."""
    releases = Release.objects.of(group)
    if group.stores.exists():
        releases = releases.held()
    return releases.order_by("-number").first()


def published_bundle(group: Group) -> bytes:
    """The PEM that network servers read of the group; empty where nothing is published."""
    release = published_release(group)
    return bytes(release.bundle) if release else b""


def certificates_in(release: Release | None) -> tuple[bytes, ...]:
    """The DERs of a release."""
    return _read(bytes(release.bundle)) if release and release.bundle else ()


def bundle_of(trusted: Sequence[Trusted]) -> bytes:
    """The PEM of the authorities in the order of their fingerprints: the same set is always the same bytes."""
    try:
        return write_annotated_bundle([_entry(each) for each in trusted]) if trusted else b""
    except PkiError as error:
        raise Refused(error.code, f"{error.message} Take that authority out of the group.") from error


def align_group(actor: User, group: Group, trusted: Sequence[Trusted], *, reason: str) -> None:
    """Let the group hold what is given, so that the next draft starts from it."""
    wanted = {each.authority.pk: each for each in trusted}
    for each in trusted_now(group):
        if each.authority.pk not in wanted:
            take_out(actor, group, each.authority, reason=reason, gateways=0)
    for each in wanted.values():
        membership = join(actor, group, each.authority, reason=reason, ends_at=each.ends_at)
        if membership.ends_at != each.ends_at:
            set_end(actor, group, each.authority, each.ends_at, reason)


@lru_cache(maxsize=8)  # a fleet is checked against the same few releases
def _read(bundle: bytes) -> tuple[bytes, ...]:
    return read_strictly(bundle)


def _entry(trusted: Trusted) -> BundleEntry:
    authority = trusted.authority
    vendor = authority.vendor.name if authority.vendor else authority.get_origin_display()
    return BundleEntry(
        der=bytes(authority.der), vendor=vendor, subject=authority.subject, not_after=authority.not_after
    )


def _publish(actor: User | Machine, due: Draft, note: str, said: Said) -> Release:
    approval, single_handed = None, False
    if isinstance(actor, User):
        refuse_unless_operator(actor)
        _refuse_changed(due, said.get("seen", ""))
        _refuse_untyped(due, said.get("typed", ""))
        approval = due.approvals[0] if due.approvals else None
        single_handed = User.objects.active_operators().count() == 1
        if due.needs_second and approval is None:
            given = {"password": said.get("password", ""), "reason": said.get("reason", "")}
            four_eyes.decide(actor, authors=_hands(actor, due), **given)
    elif due.needs_second:
        message = f"{_why_second(due)} Publish it on its page, where a second operator decides."
        raise Refused("second-operator-needed", message)
    if refuses(due.findings):
        raise Refused(due.findings[0].code, f"{due.findings[0].message} {due.findings[0].advice}")
    note = "\n".join(each for each in (note.strip(), said.get("reason", "").strip()) if each)
    try:
        with transaction.atomic():
            return _create(actor, due, note, approval=approval, single_handed=single_handed)
    except IntegrityError as error:
        message = f"Release {due.number} was published at the same moment. Look at it before you publish another."
        raise Refused("published-meanwhile", message) from error


def _hands(actor: User, due: Draft) -> Sequence[User]:
    """A roll-back is whoever asks for it; a draft is who changed it."""
    return (actor,) if due.repeats else due.authors


def _why_second(due: Draft) -> str:
    if due.empties:
        return "It empties the group."
    return f"It takes {due.impact.lost.gateways} gateways off the air, {due.impact.share_lost:.1%} of all."


def _refuse_changed(due: Draft, seen: str) -> None:
    if seen and seen != due.seal:
        message = "What would be published has changed since you looked. Look at it again, then publish."
        raise Refused("draft-changed", message)


def _refuse_untyped(due: Draft, typed: str) -> None:
    lost = due.impact.lost
    if lost.wants_name and typed.strip() != due.group.name:
        message = f"{lost.gateways} gateways lose access. Type “{due.group.name}” to go on."
        raise Refused("name-needed", message, field="typed")


def _create(actor: User | Machine, due: Draft, note: str, *, approval: Review | None, single_handed: bool) -> Release:
    bundle, key, now = bundle_of(due.trusted), _key_of(due.group), clock.now()
    release = Release(
        readers=files_for_readers(due.trusted),
        group=due.group,
        number=due.number,
        bundle=bundle,
        bundle_sha256=hashlib.sha256(bundle).hexdigest(),
        note=note,
        released_by=actor if isinstance(actor, User) else None,
        released_at=now,
        single_handed=single_handed,
        approved_by=approval.by if approval else None,
        repeats=due.repeats,
        audit_head=head(),
        key=key,
    )
    manifest = write_manifest(_manifest(release, due, now))
    release.manifest, release.manifest_sha256 = manifest.decode(), manifest_sha256(manifest)
    release.signature = vault.sign(key.pk, manifest)
    release.save(force_insert=True)
    release.authorities.set([each.authority for each in due.trusted])
    Review.objects.of_draft(due.group, due.seal).update(release=release)
    for store in due.group.stores.all():
        queue(release, store)
    _record(actor, release, due)
    return release


def files_for_readers(trusted: Sequence[Trusted]) -> dict[str, str]:
    """The files for proxies."""
    return {name: content.decode() for name, content in reader_files([_entry(each) for each in trusted]).items()}


def _manifest(release: Release, due: Draft, now: datetime) -> Manifest:
    before = due.before
    return Manifest(
        group=due.group.name,
        number=due.number,
        released_at=now,
        released_by=release.released_by.name if release.released_by else "a command",
        note=release.note,
        bundle=release.file_name if release.bundle else None,
        bundle_sha256=release.bundle_sha256,
        authorities=tuple(_listed(each) for each in due.trusted),
        previous=before.manifest_sha256 if before and before.manifest_sha256 else None,
        audit_head=release.audit_head,
    )


def _listed(trusted: Trusted) -> ManifestAuthority:
    authority = trusted.authority
    return ManifestAuthority(
        sha256=authority.sha256,
        subject=authority.subject,
        vendor=authority.vendor.name if authority.vendor else "",
        not_after=authority.not_after,
        ends_at=trusted.ends_at,
    )


def _key_of(group: Group) -> Key:
    """The key that signs the group's releases, made with the first."""
    if group.key is None:
        made = vault.create_key(KEY_TYPE, purpose="release")
        Group.objects.filter(pk=group.pk, key__isnull=True).update(key=made)
        group.refresh_from_db(fields=["key"])
    if group.key is None:
        raise Refused("no-release-key", "The key that signs releases could not be made. Nothing was published.")
    return group.key


def _record(actor: User | Machine, release: Release, due: Draft) -> None:
    record(
        actor,
        "release.published",
        subject=release,
        single_handed=release.single_handed,
        approved_by=release.approved_by.name if release.approved_by else "",
        repeats=due.repeats.number if due.repeats else None,
        sha256=release.bundle_sha256,
        manifest=release.manifest_sha256,
        authorities=len(due.trusted),
        added=[each.authority.sha256 for each in due.difference.added],
        removed=[each.sha256 for each in due.difference.removed],
        lost=due.impact.lost.gateways,
        gained=due.impact.gained.gateways,
        audit_head=release.audit_head,
    )
