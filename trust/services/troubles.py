"""What goes wrong with a store: recorded and told once for each change of its state."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Deployment
from accounts.services.recipients import operators
from audit.services import SYSTEM, record
from core import clock
from outbox.services import queue_mail
from trust.models import Release, Store

Trouble = Store.Trouble


def note_success(store: Store) -> None:
    """The store did what it was asked. What was changed in it counts as repaired once a check has seen it."""
    _update(store, failing_since=None, alarmed_at=None)
    if store.trouble == Trouble.FAILING:
        _recover(store)


def note_good(store: Store) -> None:
    """A check found everything in its place."""
    _update(store, failing_since=None, alarmed_at=None, checked_at=clock.now())
    if store.trouble:
        _recover(store)


def note_failure(store: Store, why: str) -> None:
    """The store does not do what it is asked. Operators are told once, when that lasts."""
    now = clock.now()
    with transaction.atomic():
        store.refresh_from_db()
        if store.failing_since is None:
            record(SYSTEM, "store.failing", subject=store, complaint=why[:500])
        trouble = store.trouble or Trouble.FAILING
        _update(store, trouble=trouble, complaint=why[:500], failing_since=store.failing_since or now, checked_at=now)
        _alarm(store)


def note_changed(store: Store, complaint: str, release: Release) -> None:
    """Somebody else changed what a release of ours left in the store."""
    with transaction.atomic():
        is_new = store.trouble != Trouble.CHANGED
        _update(store, trouble=Trouble.CHANGED, complaint=complaint[:500], checked_at=clock.now(), failing_since=None)
        if is_new:
            act = record(SYSTEM, "store.changed", subject=store, complaint=complaint[:500], release=release.number)
            _tell(f"store-changed:{act.pk}", "store_changed", store, release=release, at=clock.now())


def note_foreign(store: Store) -> None:
    """An index that we did not write: nothing is published before an operator has decided."""
    with transaction.atomic():
        undecided = Store.objects.filter(pk=store.pk).exclude(state=Store.State.FOREIGN)
        if undecided.update(state=Store.State.FOREIGN, checked_at=clock.now()):
            store.state = Store.State.FOREIGN
            act = record(SYSTEM, "store.found-foreign", subject=store)
            _tell(f"store-foreign:{act.pk}", "store_foreign", store, at=clock.now())


def _recover(store: Store) -> None:
    _update(store, trouble=Trouble.NONE, complaint="")
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
