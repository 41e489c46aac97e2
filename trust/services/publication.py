"""A release's way to one store: by whoever holds the store's lease, in an order that no reader notices (G4, G7)."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction

from audit.services import SYSTEM, record
from core import clock
from core.conditions import written_tag
from core.leases import TakenOver
from core.store import ABSENT, ObjectStore, Overtaken, Stored, StoreError
from pki.bundle import index_paths, read_index, read_strictly
from pki.errors import PkiError
from trust.models import Publication, Release, Store, StoreFile
from trust.services import layout, revoked
from trust.services.newer import Newer, newer_in
from trust.services.opening import open_store
from trust.services.troubles import note_failure, note_foreign, note_newer, note_success

log = logging.getLogger(__name__)

BACK_OFF = (2, 5, 15, 30, 60, 120, 300)  # seconds after the first, second, … failure
KEPT = timedelta(hours=24)  # a reader that read an index may still fetch what it named


class NewerRelease(Exception):
    """The store holds a newer release of ours than the database knows."""

    def __init__(self, found: Sequence[Newer]) -> None:
        super().__init__()
        self.differences = [each.difference for each in found]


class ForeignIndex(Exception):
    """Somebody else's index stands where nothing of ours was yet."""


def publish(publication_id: int) -> None:
    """Bring the store of a publication to the newest release that waits for it. May run twice, late, or elsewhere."""
    store_id = Publication.objects.filter(pk=publication_id).values_list("store", flat=True).first()
    if store_id is not None:
        publish_to(store_id)


def publish_to(store_id: int) -> None:
    """Work on a store until nothing is due for it, or somebody else works on it."""
    while Publication.objects.due(clock.now()).filter(store=store_id).exists():
        owner = Store.objects.ours().claim(store_id, seconds=settings.LEASE_SECONDS)
        if owner is None:
            return
        try:
            _publish_newest(Store.objects.get(pk=store_id), owner)
        except TakenOver:
            log.warning("Another worker took over store %s", store_id)
            return
        finally:
            Store.objects.let_go(owner)


def _publish_newest(store: Store, owner: str) -> None:
    waiting = Publication.objects.possible().filter(store=store).newest_first()
    publication = waiting.select_related("release__group").first()
    if publication is None:
        return
    if _supersede(publication):
        return
    Publication.objects.filter(pk=publication.pk).update(attempts=publication.attempts + 1)
    try:
        releases = holdings(store, arriving=publication.release)
        write(open_store(store), store, releases, still_ours=partial(_hold, owner))
    except ForeignIndex:
        note_foreign(store)
    except NewerRelease as error:
        note_newer(store, error.differences)
    except (StoreError, PkiError) as error:
        _try_later(publication, owner, error)
    else:
        _finish(publication, owner)


def _supersede(publication: Publication) -> bool:
    """An older release never comes after a newer one; tell whether this one is older than what the store has."""
    release, store = publication.release, publication.store
    beside = Publication.objects.filter(store=store, release__group=release.group)
    superseded = {"state": Publication.State.SUPERSEDED, "last_error": ""}
    beside.unfinished().filter(release__number__lt=release.number).update(**superseded)
    if not beside.done().filter(release__number__gt=release.number).exists():
        return False
    Publication.objects.filter(pk=publication.pk).update(**superseded)
    return True


def write(objects: ObjectStore, store: Store, releases: Sequence[Release], *, still_ours: Callable[[], None]) -> None:
    """Write releases, one of each group: their files, read back; then the index; last the copies for other readers.

    Any step may be repeated. `still_ours` prolongs the lease before each change that a reader sees, and raises where
    it is lost.
    """
    if newer := newer_in(objects, store.groups.all()):
        raise NewerRelease(newer)
    found = objects.read(layout.INDEX)
    old = found.content if found else None
    _refuse_foreign(store, old)
    for release in releases:
        files = layout.immutable_files(release)
        remember(store, list(files), is_ours=True)
        for name, content in files.items():
            _put(objects, name, content, still_ours)
        if bundle := layout.bundle_name(release):
            read_strictly(objects.get(bundle) or b"")
    remember(store, _paths(old), is_ours=False)
    _put(objects, layout.INDEX, layout.index_of(releases), still_ours, only_if=_unchanged(store, found))
    for release in releases:
        for name, content in layout.copies(release).items():
            _put(objects, name, content, still_ours)
        if not release.bundle:
            remove_copy(objects, store, release, still_ours=still_ours)
    write_revoked(objects, store, releases, still_ours=still_ours)


def write_revoked(
    objects: ObjectStore, store: Store, releases: Sequence[Release], *, still_ours: Callable[[], None]
) -> None:
    """Bring what proxies read of revoked certificates to the newest lists."""
    present = revoked.state()
    for name, content in revoked.files(releases).items():
        _put(objects, name, content, still_ours)
    Store.objects.filter(pk=store.pk).update(lists_state=present)


def follow_lists() -> None:
    """Write the newest lists to the stores that have older ones. One store does not keep another waiting."""
    present = revoked.state()
    for store in Store.objects.ours().exclude(lists_state=present):
        owner = Store.objects.claim(store.pk, seconds=settings.LEASE_SECONDS)
        if owner is None:
            continue
        try:
            objects = open_store(store)
            if newer_in(objects, store.groups.all()):  # the check tells people
                continue
            write_revoked(objects, store, holdings(store), still_ours=partial(_hold, owner))
        except TakenOver:
            log.warning("Another worker took over store %s", store.pk)
        except StoreError as error:  # the check of the store tells people, where it lasts
            log.warning("Store %s does not take lists of revoked certificates: %s", store.pk, error.message)
        finally:
            Store.objects.let_go(owner)


def holdings(store: Store, *, arriving: Release | None = None) -> tuple[Release, ...]:
    """What the store's index has to name: of each of its groups the newest release that it holds, or that arrives."""
    held = {group.pk: store.holds(group) for group in store.groups.all()}
    if arriving is not None and arriving.group_id in held:
        held[arriving.group_id] = arriving
    return tuple(each for each in held.values() if each is not None)


def remember(store: Store, names: Sequence[str], *, is_ours: bool) -> None:
    """An index names these files at this moment. Written before the file is, so that it is cleared away some day."""
    now = clock.now()
    store.files.filter(name__in=names).update(last_named_at=now)
    files = [StoreFile(store=store, name=name, is_ours=is_ours, last_named_at=now) for name in names]
    StoreFile.objects.bulk_create(files, ignore_conflicts=True)


def let_stay(store: Store, names: Sequence[str]) -> None:
    """An operator knows of these files of others: they are neither cleared away nor spoken of."""
    now = clock.now()
    files = [StoreFile(store=store, name=name, is_ours=False, may_stay=True, last_named_at=now) for name in names]
    once = ["store", "name"]
    StoreFile.objects.bulk_create(files, update_conflicts=True, unique_fields=once, update_fields=["may_stay"])


def remove_copy(objects: ObjectStore, store: Store, release: Release, *, still_ours: Callable[[], None]) -> None:
    """An empty group has no copy. One that somebody's index named lately stays for its readers a day longer."""
    copy = layout.copy_name(release.group)
    if store.files.filter(name=copy, last_named_at__gt=clock.now() - KEPT).exists():
        return
    still_ours()
    objects.delete(copy)


def _paths(index: bytes | None) -> list[str]:
    try:
        named = index_paths(read_index(index or b""))
    except PkiError:
        return []
    return [each for each in named if len(each) <= 400]


def _refuse_foreign(store: Store, index: bytes | None) -> None:
    """Whoever wrote an index after we read the store is not overwritten before an operator says so."""
    if index is None or store.publications.ever_done().exists():
        return
    if hashlib.sha256(index).hexdigest() == store.replaces_sha256:
        return
    if layout.releases_of(index) is None:
        raise ForeignIndex


def _unchanged(store: Store, found: Stored | None) -> str:
    """The condition that the index is still the one that was read, where the store honours one."""
    if found is None:
        return ABSENT if store.creates_once else ""
    return written_tag(found.etag, store.tag_form)


def _put(objects: ObjectStore, name: str, content: bytes, still_ours: Callable[[], None], *, only_if: str = "") -> None:
    if objects.get(name) == content:
        return
    still_ours()
    try:
        objects.put(name, content, only_if=only_if)
    except Overtaken as error:
        raise StoreError(f"Somebody else wrote {name} at this moment. It is looked at anew.") from error
    if objects.get(name) != content:
        raise StoreError(f"{name} reads back differently from what was written.")


def _hold(owner: str) -> None:
    """Prolong the lease of a store, which outlasts any one request to it."""
    Store.objects.prolong(owner, seconds=settings.LEASE_SECONDS)


def _finish(publication: Publication, owner: str) -> None:
    with transaction.atomic():
        _hold(owner)
        done = {"state": Publication.State.PUBLISHED, "published_at": clock.now(), "last_error": ""}
        Publication.objects.filter(pk=publication.pk).update(**done)
        note_success(publication.store)
        release = publication.release
        store, sha256 = publication.store.name, release.bundle_sha256
        record(SYSTEM, "release.stored", subject=release, store=store, sha256=sha256)


def _try_later(publication: Publication, owner: str, error: StoreError | PkiError) -> None:
    wait = BACK_OFF[min(publication.attempts, len(BACK_OFF) - 1)]
    with transaction.atomic():
        _hold(owner)
        Publication.objects.filter(pk=publication.pk).update(
            last_error=error.message[:500], next_attempt_at=clock.now() + timedelta(seconds=wait)
        )
        note_failure(publication.store, error)
