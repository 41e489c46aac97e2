"""Reading stores back: what somebody changed is noticed, told once, and repaired."""

from django.conf import settings

from core import clock
from core.store import ObjectStore, StoreError
from trust.models import Publication, Store
from trust.services import layout
from trust.services.groups import common
from trust.services.opening import open_store
from trust.services.publication import KEPT, let_go, remember, remove_copy
from trust.services.releases import queue
from trust.services.stores import settle
from trust.services.troubles import note_changed, note_failure, note_good


def check_store(store_id: int) -> Publication | None:
    """Compare a store with the release that it should hold; return the repair that was queued, if one was needed."""
    owner = Store.objects.claim(store_id, seconds=settings.LEASE_SECONDS)
    if owner is None:  # somebody is writing to it
        return None
    store = Store.objects.get(pk=store_id)
    try:
        return _check(store)
    except StoreError as error:
        note_failure(store, error.message)
        return None
    finally:
        let_go(owner)


def _check(store: Store) -> Publication | None:
    objects = open_store(store)
    if store.state != Store.State.OURS:
        settle(store, layout.read_contents(objects))
        note_good(store)
        return None
    publications = store.publications.filter(release__group=common()).newest_first().select_related("release__group")
    if publications.possible().exists():
        _leave_to_publication(store, objects)
        return None
    newest = publications.done().first()
    if newest is None:
        settle(store, layout.read_contents(objects))
        note_good(store)
        return None
    return _compare(store, objects, newest)


def _leave_to_publication(store: Store, objects: ObjectStore) -> None:
    """What is on its way puts everything in its place, or says itself why it cannot."""
    objects.get(layout.INDEX)
    if not store.publications.possible().exclude(last_error="").exists():
        Store.objects.filter(pk=store.pk).update(checked_at=clock.now())


def _compare(store: Store, objects: ObjectStore, publication: Publication) -> Publication | None:
    release = publication.release
    found = layout.differences(objects, release)
    if found:
        note_changed(store, " ".join(found), release)
        return queue(release, store)
    note_good(store)
    _clear(store, objects, publication)
    return None


def _clear(store: Store, objects: ObjectStore, publication: Publication) -> None:
    """Remove what we wrote and no index of the last 24 hours named."""
    name = layout.bundle_name(publication.release)
    if name:
        remember(store, [name], is_ours=True)
    for file in store.files.filter(last_named_at__lte=clock.now() - KEPT):
        if file.is_ours:
            objects.delete(file.name)
        file.delete()
    if name is None:
        remove_copy(objects, store, publication.release, still_ours=lambda: None)
