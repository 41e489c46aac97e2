"""What a store was found to honour: tried when it is connected, after each start, and once a day, by the checks."""

import logging
from datetime import timedelta

from core import clock
from core.conditions import Conditions, probe
from core.store import ObjectStore, StoreError
from trust.models import Store

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)


def ensure_probed(store: Store, objects: ObjectStore) -> None:
    """Try a saved store of ours, unless that was done lately. One that fails meanwhile is tried again by the next."""
    now = clock.now()
    if store.probed_at and now - store.probed_at < EVERY:
        return
    try:
        found = Conditions() if store.kind == Store.Kind.DIRECTORY else probe(objects)
    except StoreError as error:
        log.warning("Store %s could not be tried: %s", store.pk, error.message)
        return
    store.creates_once, store.tag_form, store.probed_at = found.create, Store.TagForm(found.replace), now
    store.save(update_fields=["creates_once", "tag_form", "probed_at"])


def forget_probes() -> None:
    """At start: a store may have been upgraded meanwhile."""
    Store.objects.update(probed_at=None)
