"""What goes wrong with a store: recorded and told once for each change of its state."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Deployment
from accounts.services.recipients import operators
from audit.services import SYSTEM, record
from core import clock
from core.store import NoPermission, StoreError
from outbox.services import queue_mail
from pki.errors import PkiError
from trust.models import Release, Store
from trust.services.layout import Difference

Trouble = Store.Trouble
MAX_SHOWN = 50  # differences that are kept for the page; more are counted


def note_success(store: Store) -> None:
    """The store did what it was asked. What was changed in it counts as repaired once a check has seen it."""
    _update(store, failing_since=None, alarmed_at=None)
    if store.trouble in (Trouble.FAILING, Trouble.FORBIDDEN):
        _recover(store)


def note_good(store: Store) -> None:
    """A check found everything in its place."""
    _update(store, failing_since=None, alarmed_at=None, checked_at=clock.now())
    if store.trouble:
        _recover(store)


def note_failure(store: Store, error: StoreError | PkiError) -> None:
    """The store does not do what it is asked. Operators are told once, when that lasts."""
    now, why = clock.now(), error.message
    with transaction.atomic():
        store.refresh_from_db()
        if store.failing_since is None:
            record(SYSTEM, "store.failing", subject=store, complaint=why[:500])
        trouble = Trouble.FORBIDDEN if isinstance(error, NoPermission) else Trouble.FAILING
        if store.trouble in (Trouble.CHANGED, Trouble.BESIDE):
            trouble = Trouble(store.trouble)
        _update(store, trouble=trouble, complaint=why[:500], failing_since=store.failing_since or now, checked_at=now)
        _alarm(store)


def note_changed(store: Store, differences: Sequence[Difference], release: Release) -> None:
    """Somebody else changed what a release of ours left in the store."""
    with transaction.atomic():
        is_new = store.trouble != Trouble.CHANGED
        _update(store, trouble=Trouble.CHANGED, failing_since=None, **_found(differences))
        if is_new:
            act = record(SYSTEM, "store.changed", subject=store, complaint=store.complaint, release=release.number)
            _tell(f"store-changed:{act.pk}", "store_changed", store, release=release, at=clock.now())


def note_beside(store: Store, foreign: Sequence[Difference]) -> None:
    """Ours is in its place, and somebody else's files lie beside it."""
    with transaction.atomic():
        is_new = store.trouble != Trouble.BESIDE
        _update(store, trouble=Trouble.BESIDE, failing_since=None, alarmed_at=None, **_found(foreign))
        if is_new:
            names = ", ".join(each.name for each in foreign[:10])
            act = record(SYSTEM, "store.foreign-files", subject=store, names=names)
            _tell(f"store-beside:{act.pk}", "store_beside", store, count=len(foreign), at=clock.now())


def note_foreign(store: Store) -> None:
    """An index that we did not write: nothing is published before an operator has decided."""
    with transaction.atomic():
        undecided = Store.objects.filter(pk=store.pk).exclude(state=Store.State.FOREIGN)
        if undecided.update(state=Store.State.FOREIGN, checked_at=clock.now()):
            store.state = Store.State.FOREIGN
            act = record(SYSTEM, "store.found-foreign", subject=store)
            _tell(f"store-foreign:{act.pk}", "store_foreign", store, at=clock.now())


def note_newer(store: Store, differences: Sequence[Difference]) -> None:
    """It holds a release of ours that the database does not know: nothing is written before an operator decides."""
    with transaction.atomic():
        undecided = Store.objects.filter(pk=store.pk).exclude(state=Store.State.NEWER)
        is_new = bool(undecided.update(state=Store.State.NEWER))
        store.state = Store.State.NEWER
        good = {"trouble": Trouble.NONE, "failing_since": None, "alarmed_at": None}
        _update(store, **good, **_found(differences))
        if is_new:
            act = record(SYSTEM, "store.found-newer", subject=store, complaint=store.complaint)
            _tell(f"store-newer:{act.pk}", "store_newer", store, at=clock.now())


def _found(differences: Sequence[Difference]) -> dict[str, Any]:
    words = [each.words for each in differences]
    more = [] if len(words) <= MAX_SHOWN else [f"And {len(words) - MAX_SHOWN} more."]
    return {
        "complaint": " ".join((*more, *words))[:500],
        "differences": [asdict(each) for each in differences[:MAX_SHOWN]],
        "checked_at": clock.now(),
    }


def _recover(store: Store) -> None:
    _update(store, trouble=Trouble.NONE, complaint="", differences=[])
    record(SYSTEM, "store.recovered", subject=store)


def _alarm(store: Store) -> None:
    since = store.failing_since or clock.now()
    if store.alarmed_at or clock.now() - since < timedelta(minutes=settings.STORE_ALARM_MINUTES):
        return
    _update(store, alarmed_at=clock.now())
    _tell(f"store-failing:{store.pk}:{since.isoformat()}", "store_failing", store, since=since)


def _update(store: Store, **values: Any) -> None:
    Store.objects.filter(pk=store.pk).update(**values)
    for name, value in values.items():
        setattr(store, name, value)


def _tell(key: str, template: str, store: Store, **context: object) -> None:
    context |= {
        "store": store,
        "complaint": store.complaint,
        "deployment": Deployment.objects.first(),
        "action_url": settings.PUBLIC_URL + reverse("trust:store", args=[store.pk]),
        "action_label": f"Open store {store.name}",
    }
    for address in operators():
        queue_mail(key=f"{key}:{address}", to=address, template=template, context=context)
