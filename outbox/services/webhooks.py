"""Endpoints of webhooks: added, tried, paused, given another secret, told again, removed."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, QuerySet

from audit.models import Record, Seal
from audit.services import Actor, record
from core import clock
from core.errors import Refused, TooMany
from core.outgoing import AddressRefused, NoAnswer, resolve, split
from outbox import signing
from outbox.events import body_of
from outbox.hook_models import PING
from outbox.models import Endpoint, HookDelivery
from outbox.services.calling import headers_of, note_well, post, private_hosts

MOST_ENDPOINTS = 10  # of one vendor, or of the operators
PING_PAUSE = timedelta(seconds=3)
KEPT = timedelta(days=30)  # how long it is remembered what was told, and how far back it can be told again


def add_endpoint(actor: Actor, *, url: str, name: str, events: Sequence[str], vendor_id: int | None) -> Endpoint:
    """From now on it is told what happens. What happened before is told by a replay only."""
    if Endpoint.objects.of(vendor_id).count() >= MOST_ENDPOINTS:
        raise Refused("too-many-webhooks", f"There are {MOST_ENDPOINTS} webhooks at most. Remove one first.")
    check_url(url, vendor_id)
    with transaction.atomic():
        last = Seal.objects.order_by("-position").values_list("position", flat=True).first()
        made = Endpoint.objects.create(
            url=url,
            name=name.strip(),
            events=sorted(set(events)),
            vendor_id=vendor_id,
            position=last or 0,
            created_by_id=actor.pk,
            created_by_name=actor.name,
        )
        _record(actor, "webhook.added", made, events=made.events)
    return made


def change_endpoint(actor: Actor, endpoint: Endpoint, *, url: str, name: str, events: Sequence[str]) -> Endpoint:
    """From now on it is told this, and there. What waits for it goes to the new address."""
    is_elsewhere = url != endpoint.url
    if is_elsewhere:
        check_url(url, endpoint.vendor_id)
    with transaction.atomic():
        chosen: dict[str, Any] = {"url": url, "name": name.strip(), "events": sorted(set(events))}
        if is_elsewhere:  # what was wrong there says nothing of the new address
            chosen |= {"rests_until": None, "failures": 0, "failing_since": None, "gave_up_at": None}
            waiting = endpoint.deliveries.filter(state=HookDelivery.State.WAITING)
            waiting.update(attempts=0, begun_at=clock.now(), next_attempt_at=clock.now())
        if not Endpoint.objects.filter(pk=endpoint.pk).update(**chosen):
            raise Refused("webhook-gone", "Somebody removed this webhook just now.")
        endpoint.refresh_from_db()
        _record(actor, "webhook.changed", endpoint, events=endpoint.events)
    return endpoint


def check_url(url: str, vendor_id: int | None) -> None:
    """Row 17: no address of the deployment's own network, unless an operator's webhook names a configured host."""
    try:
        parts = split(url)
        if parts.scheme != "https" and (vendor_id is not None or parts.hostname not in settings.PRIVATE_HOSTS):
            raise Refused("url-refused", "Give an address that begins with https://.", field="url")
    except AddressRefused as error:
        raise Refused("url-refused", error.message, field="url") from None
    try:
        resolve(url, private_hosts(vendor_id))
    except AddressRefused as error:
        words = (
            error.message if vendor_id is None else "This address leads where the desk does not go. Give a public one."
        )
        raise Refused("url-refused", words, field="url") from None
    except NoAnswer as error:
        raise Refused("url-refused", error.message, field="url") from None


def pause(actor: Actor, endpoint: Endpoint) -> None:
    """It is called no more, and loses nothing: what happens meanwhile is told once it goes on."""
    with transaction.atomic():
        if Endpoint.objects.told().filter(pk=endpoint.pk).update(paused_at=clock.now()):
            _record(actor, "webhook.paused", endpoint)


def resume(actor: Actor, endpoint: Endpoint) -> None:
    with transaction.atomic():
        paused = Endpoint.objects.filter(pk=endpoint.pk, paused_at__isnull=False)
        if paused.update(paused_at=None, rests_until=None):
            _record(actor, "webhook.resumed", endpoint)


def rotate(actor: Actor, endpoint: Endpoint) -> str:
    """Return its new secret. For a day the one before signs too, so that the receiver can change in peace."""
    with transaction.atomic():
        mine = Endpoint.objects.filter(pk=endpoint.pk, rotation=endpoint.rotation)
        if not mine.update(rotation=F("rotation") + 1, rotated_at=clock.now()):
            raise Refused("rotated-meanwhile", "Somebody else made a new secret just now. Look again.")
        endpoint.refresh_from_db()
        _record(actor, "webhook.rotated", endpoint)
    return secret(endpoint)


def secret(endpoint: Endpoint) -> str:
    """What signs for it now. Shown once, when it is made; nobody can ask for it later."""
    return signing.secret_of(endpoint.uuid, endpoint.rotation)


def remove(actor: Actor, endpoint: Endpoint) -> None:
    with transaction.atomic():
        _record(actor, "webhook.removed", endpoint)
        endpoint.delete()


def replay(actor: Actor, delivery: HookDelivery) -> None:
    """Send it once more, under the same id."""
    with transaction.atomic():
        if _again(HookDelivery.objects.filter(pk=delivery.pk, record_id__isnull=False)):
            about = {"event": delivery.event, "about": delivery.about}
            _record(actor, "webhook.replayed", delivery.endpoint, **about)


def replay_since(actor: Actor, endpoint: Endpoint, instant: datetime) -> None:
    """Tell it everything since `instant` again, also what it was never told: by the same ids."""
    if not clock.now() - KEPT <= instant <= clock.now():
        raise Refused("since-refused", f"Choose an instant of the last {KEPT.days} days.", field="since")
    with transaction.atomic():
        _again(endpoint.deliveries.filter(happened_at__gte=instant, record_id__isnull=False))
        first = Record.objects.filter(at__gte=instant).aggregate(at=Min("seal__position"))["at"]
        if first is not None:
            Endpoint.objects.filter(pk=endpoint.pk, position__gte=first).update(position=first - 1)
        _record(actor, "webhook.replayed", endpoint, since=instant)


def ping(endpoint: Endpoint) -> HookDelivery:
    """Call it now, without the queue, and return what it answers. Not inside of a transaction: it may take seconds."""
    now = clock.now()
    if endpoint.deliveries.filter(event=PING, happened_at__gt=now - PING_PAUSE).exists():
        raise TooMany("pinged-just-now", "It was tried just now. Wait a few seconds.")
    delivery = HookDelivery(
        endpoint=endpoint,
        hook_id=f"msg_{uuid.uuid4().hex}",
        event=PING,
        about="a try, by a person",
        payload=body_of(PING, now.astimezone(UTC).isoformat(), {"words": f"A try of the webhook {endpoint.name}"}),
        happened_at=now,
        attempts=1,
    )
    body = delivery.payload.encode()
    reply = post(endpoint.url, headers_of(delivery), body, private_hosts(endpoint.vendor_id))
    delivery.status, delivery.answer, delivery.took_ms = reply.status, reply.words, reply.took_ms
    delivery.state = HookDelivery.State.DELIVERED if reply.is_yes else HookDelivery.State.FAILED
    delivery.delivered_at = clock.now() if reply.is_yes else None
    delivery.save()
    if reply.is_yes:
        note_well(endpoint.pk)
    return delivery


def forget() -> int:
    """Drop what was told so long ago that nobody asks for it any more."""
    old = HookDelivery.objects.exclude(state=HookDelivery.State.WAITING).filter(happened_at__lt=clock.now() - KEPT)
    return old.delete()[0]


def _again(deliveries: QuerySet[HookDelivery]) -> int:
    now, state = clock.now(), HookDelivery.State
    done = deliveries.filter(state__in=[state.DELIVERED, state.FAILED])
    return done.update(state=state.WAITING, attempts=0, begun_at=now, next_attempt_at=now, lease_until=None)


def _record(actor: Actor, action: str, endpoint: Endpoint, **details: object) -> None:
    """With the host only: an address may hold a password of the other side in its path."""
    host = urlsplit(endpoint.url).hostname
    record(actor, action, subject=endpoint, vendor_id=endpoint.vendor_id, host=host, **details)
