"""After an older backup was restored: an operator lets the database learn the newer releases that a store holds."""

import hashlib
from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from audit.services import record
from cas.models import Authority
from cas.services.adopt import found_in_store
from core import clock
from core.errors import Refused
from core.store import ObjectStore, StoreError
from pki.bundle import read_strictly
from pki.errors import PkiError
from trust.models import Release, Store
from trust.services import layout
from trust.services.drafts import trusted_in
from trust.services.groups import refuse_unless_operator
from trust.services.impact import Trusted
from trust.services.newer import Newer, newer_in, unknown_before
from trust.services.opening import open_store
from trust.services.publication import remember
from trust.services.releases import align_group, files_for_readers, queue
from trust.services.troubles import note_newer

REASON = "Taken back from a store after an older backup was restored"
Found = tuple[Newer, bytes]  # with its bundle


def go_on(actor: User, store: Store) -> list[Release]:
    """Take the releases that the store holds and the database does not know into the database, their groups with them:
    the next release follows the newest of these. Return that one of each group; ring `trust.tasks.publish` for them.
    """
    refuse_unless_operator(actor)
    found = _read(store)
    with transaction.atomic():
        decided = {"state": Store.State.OURS, "differences": [], "complaint": ""}
        if not Store.objects.filter(pk=store.pk, state=Store.State.NEWER).update(**decided):
            raise Refused("store-decided", "Somebody decided about this store already. Reload the page to see how.")
        made = [[_take_back(actor, *each) for each in releases] for releases in found]
        newest = [releases[-1] for releases in made]
        record(actor, "store.went-on", subject=store, releases=_named(newest), manifests=_digests(made))
        for release in newest:
            align_group(actor, release.group, trusted_in(release, at=clock.now()), reason=REASON)
            for each in release.group.stores.all():
                queue(release, each)
        return newest


def _read(store: Store) -> list[list[Found]]:
    """What is to be taken back of each group, the oldest first."""
    objects = open_store(store)
    try:
        newest = newer_in(objects, store.groups.all())
        differences = [each.difference for each in newest]
        if [each.words for each in differences] != [each["words"] for each in store.differences]:
            if newest:
                note_newer(store, differences)
            raise Refused("store-changed", "What the store holds has changed since you looked. Check it again.")
        return [_with_bundles(objects, unknown_before(objects, each)) for each in newest]
    except StoreError as error:
        raise Refused("store-unreadable", f"The store cannot be read. {error.message}") from error


def _with_bundles(objects: ObjectStore, releases: Sequence[Newer]) -> list[Found]:
    """Of those before the newest the ones whose bundle still stands there; without its own, the newest is refused."""
    found = [(each, _bundle(objects, each)) for each in releases]
    newest, bundle = found[-1]
    if bundle is None:
        message = f"The bundle of release {newest.manifest.number} is not in the store as it was signed."
        raise Refused("release-incomplete", f"{message} Put the file back, or disconnect the store.")
    return [(each, content) for each, content in found if content is not None]


def _bundle(objects: ObjectStore, newer: Newer) -> bytes | None:
    """The file that the manifest names, or the copy for proxies where that is the same."""
    name, expected = newer.manifest.bundle, newer.manifest.bundle_sha256
    if name is None:
        return b""
    contents = (objects.get(f"{newer.group.name}/{name}"), objects.get(layout.copy_name(newer.group)))
    return next((each for each in contents if each is not None and hashlib.sha256(each).hexdigest() == expected), None)


def _take_back(actor: User, newer: Newer, bundle: bytes) -> Release:
    """The row as it was. The files for proxies are made anew; who released it is whoever has that name."""
    authorities, manifest = _authorities(actor, bundle), newer.manifest
    ends = {each.sha256: each.ends_at for each in manifest.authorities}
    people = list(User.objects.filter(name=manifest.released_by)[:2])
    release = Release(
        group=newer.group,
        number=manifest.number,
        bundle=bundle,
        bundle_sha256=manifest.bundle_sha256,
        note=manifest.note,
        released_by=people[0] if len(people) == 1 else None,
        released_at=manifest.released_at,
        audit_head=manifest.audit_head,
        manifest=newer.content.decode(),
        manifest_sha256=newer.sha256,
        readers=files_for_readers([Trusted(each, ends.get(each.sha256)) for each in authorities]),
        signature=newer.signature,
        key=newer.group.key,
    )
    release.save(force_insert=True)
    release.authorities.set(authorities)
    record(actor, "release.taken-back", subject=release, manifest=release.manifest_sha256)
    for store in newer.group.stores.all():
        remember(store, list(layout.immutable_files(release)), is_ours=True)
    return release


def _authorities(actor: User, bundle: bytes) -> list[Authority]:
    try:
        return found_in_store(actor, read_strictly(bundle)) if bundle else []
    except PkiError as error:
        raise Refused(error.code, f"The bundle cannot be read: {error.message}") from error


def _named(releases: Sequence[Release]) -> str:
    names = [f"{each.number}{'' if each.group.is_common else f' of {each.group}'}" for each in releases]
    return " and ".join(names)


def _digests(made: Sequence[Sequence[Release]]) -> list[str]:
    return [each.manifest_sha256 for releases in made for each in releases]
