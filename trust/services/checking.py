"""Reading stores back: what somebody changed is noticed, told once, and repaired."""

from collections.abc import Sequence

from django.conf import settings
from django.db.models import Q

from core import clock
from core.store import ObjectStore, StoreError
from trust.models import Publication, Release, Store
from trust.services import layout
from trust.services.conditions import ensure_probed
from trust.services.newer import Newer, newer_in
from trust.services.opening import open_store
from trust.services.publication import KEPT, holdings, remember, remove_copy, write_revoked
from trust.services.releases import queue
from trust.services.stores import settle
from trust.services.troubles import note_beside, note_changed, note_failure, note_good, note_newer


def check_store(store_id: int) -> Publication | None:
    """Compare a store with the release that it should hold; return the repair that was queued, if one was needed."""
    owner = Store.objects.claim(store_id, seconds=settings.LEASE_SECONDS)
    if owner is None:  # somebody is writing to it
        return None
    store = Store.objects.get(pk=store_id)
    try:
        return _check(store)
    except StoreError as error:
        note_failure(store, error)
        return None
    finally:
        Store.objects.let_go(owner)


def _check(store: Store) -> Publication | None:
    objects = open_store(store)
    if newer := _ahead(store, objects):
        note_newer(store, [each.difference for each in newer])
        return None
    if store.state != Store.State.OURS:
        settle(store, layout.read_contents(objects))
        note_good(store)
        return None
    ensure_probed(store, objects)
    if store.publications.possible().exists():
        _leave_to_publication(store, objects)
        return None
    held = holdings(store)
    if not held:
        settle(store, layout.read_contents(objects))
        note_good(store)
        return None
    return _compare(store, objects, held)


def _ahead(store: Store, objects: ObjectStore) -> list[Newer]:
    """A manifest that cannot be read is told as a difference: nothing is written before it can be."""
    try:
        return newer_in(objects, store.groups.all())
    except StoreError:
        if store.state == Store.State.NEWER:
            raise
        objects.get(layout.INDEX)  # raises where the store itself is at fault
        return []


def _leave_to_publication(store: Store, objects: ObjectStore) -> None:
    """What is on its way puts everything in its place, or says itself why it cannot."""
    objects.get(layout.INDEX)
    if not store.publications.possible().exclude(last_error="").exists():
        Store.objects.filter(pk=store.pk).update(checked_at=clock.now())


def _compare(store: Store, objects: ObjectStore, held: Sequence[Release]) -> Publication | None:
    found, beside = layout.differences(objects, held), foreign(store, objects, held)
    if found:
        note_changed(store, [*found, *beside], held[0])
        return queue(held[0], store) if store.repair == Store.Repair.ITSELF else None
    if beside:
        note_beside(store, beside)
    else:
        note_good(store)
    _clear(store, objects, held)
    write_revoked(objects, store, held, still_ours=lambda: None)  # whatever somebody made of them
    return None


def foreign(store: Store, objects: ObjectStore, held: Sequence[Release]) -> list[layout.Difference]:
    """Files of others in our folders that no operator has let stay. Raises `StoreError`."""
    known = store.files.filter(Q(is_ours=True) | Q(may_stay=True)).values_list("name", flat=True)
    return layout.foreign_files(objects, held, known)


def _clear(store: Store, objects: ObjectStore, held: Sequence[Release]) -> None:
    """Remove what we wrote, what no index of the last 24 hours named, and what no release kept for a return needs."""
    remember(store, _kept(store), is_ours=True)
    for file in store.files.filter(last_named_at__lte=clock.now() - KEPT, may_stay=False):
        if file.is_ours:
            objects.delete(file.name)
        file.delete()
    for release in held:
        if not release.bundle:
            remove_copy(objects, store, release, still_ours=lambda: None)


def _kept(store: Store) -> list[str]:
    """The files of the newest releases of each group."""
    names = []
    for group in store.groups.all():
        written = store.publications.ever_done().filter(release__group=group).newest_first()
        for each in written.select_related("release__group")[: settings.RELEASES_KEPT]:
            names += list(layout.immutable_files(each.release))
    return names
