"""The mails of alerts: one digest for each recipient and day, and at once what cannot wait.

What waits is marked as told by a message, composed from the marked rows, and queued, all in one transaction with the
recipient's claim: what another run adds meanwhile waits for the next mail, and nothing is told twice.
"""

import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import transaction
from django.db.models import CharField, Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat

from accounts.services.recipients import replies_to
from alerts.bulk import MAILING, one_at_a_time
from alerts.models import Delivery, DeliveryQuerySet, Recipient, RecipientQuerySet
from alerts.services.audience import Audience
from alerts.services.composing import compose
from alerts.services.telling import drop
from core import clock
from outbox.models import Message
from outbox.services.queueing import NewMail, queue_new

CHUNK = 50  # recipients in one transaction
BETWEEN_IMMEDIATE = timedelta(hours=1)
DAY = timedelta(days=1)
Wants = Recipient.Wants


def send_digests() -> int:
    """Queue the digest of everybody whose hour has come on their day and who has something to read; return how many."""
    now = clock.now()
    _drop_unwanted()
    _note_bounces()
    return sum(_send_digests_of(zone, now) for zone in _zones())


def send_immediate() -> int:
    """Queue what does not wait for a digest, at most one such mail for each recipient and hour; return how many."""
    now = clock.now()
    rested = Q(last_immediate_at__isnull=True) | Q(last_immediate_at__lte=now - BETWEEN_IMMEDIATE)
    due = Recipient.objects.filter(rested | Q(last_immediate_at__gt=now)).exclude(wants=Wants.NOTHING)
    pressing = Delivery.objects.free_at(now).filter(is_pressing=True)
    return sum(_send(chunk, due, pressing, "now", last_immediate_at=now) for chunk in _chunks(due, pressing))


def _send_digests_of(zone: str, now: datetime) -> int:
    local = now.astimezone(zone_of(zone))
    due = _due_on(local.date()).filter(zone=zone, hour__lte=local.hour)
    free = Delivery.objects.free_at(now)
    sent = sum(_send(chunk, due, free, "digest", last_digest_on=local.date()) for chunk in _chunks(due, free))
    due.update(last_digest_on=local.date())  # they had nothing to read at their hour: what comes later is tomorrow's
    return sent


def zone_of(name: str) -> ZoneInfo:
    """The zone of this name; where there is none, or nobody knows it, the deployment's."""
    try:
        return ZoneInfo(name or settings.DIGEST_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(settings.DIGEST_ZONE)


def _due_on(day: date) -> RecipientQuerySet:
    """Those without a digest of this day. A day far ahead was noted by a clock that went wrong."""
    last = "last_digest_on"
    not_yet = Q(**{f"{last}__isnull": True}) | Q(**{f"{last}__lt": day}) | Q(**{f"{last}__gt": day + DAY})
    return Recipient.objects.filter(not_yet)


def _zones() -> list[str]:
    return list(Recipient.objects.order_by("zone").values_list("zone", flat=True).distinct())


def _chunks(due: RecipientQuerySet, waiting: DeliveryQuerySet) -> Iterator[list[int]]:
    """The ids of those of `due` for whom something waits, some at a time."""
    for_them = waiting.filter(recipient=OuterRef("email"))
    pks = list(due.filter(Exists(for_them)).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(pks), CHUNK):
        yield pks[start : start + CHUNK]


def _send(
    pks: list[int], due: RecipientQuerySet, waiting: DeliveryQuerySet, name: str, **claim: date | datetime
) -> int:
    """One mail for each of these that nobody else claimed, about what waits for them at this moment."""
    run = uuid.uuid4()
    with transaction.atomic():
        one_at_a_time(MAILING)
        due.filter(pk__in=pks).update(run=run, **claim)
        claimed = Recipient.objects.filter(run=run)
        emails = list(claimed.values_list("email", flat=True))
        theirs, audience = waiting.filter(recipient__in=emails), Audience(emails)
        _drop_of_who_left(theirs, audience)
        _mark(theirs, prefix := f"{name}:{run}:")
        mails = compose(prefix, claimed.in_bulk(), audience, clock.now())
        replies = replies_to([recipient.email for recipient, _ in mails])
        news = [
            NewMail(f"{prefix}{recipient.pk}", recipient.email, context, replies.get(recipient.email, ""))
            for recipient, context in mails
        ]
        queue_new(news, template="due_notices")
        last_key = Concat(Value(prefix), Cast(F("pk"), CharField()), output_field=CharField())
        claimed.filter(pk__in=[recipient.pk for recipient, _ in mails]).update(last_key=last_key)
    return len(mails)


def _drop_of_who_left(deliveries: DeliveryQuerySet, audience: Audience) -> None:
    """What its recipient has no part in any more: no operator now, or no contact of that vendor."""
    for email, vendor_id in set(deliveries.order_by().values_list("recipient", "notice__vendor").distinct()):
        if not audience.may_read(email, vendor_id):
            drop(deliveries.filter(recipient=email, notice__vendor=vendor_id), Delivery.Drop.LEFT)


def _mark(deliveries: DeliveryQuerySet, prefix: str) -> None:
    """Told, by the message that each recipient gets now."""
    recipient = Recipient.objects.filter(email=OuterRef("recipient")).values(name=Cast("pk", CharField()))
    key = Concat(Value(prefix), Subquery(recipient[:1]), output_field=CharField())
    chosen = deliveries.order_by().values("pk")
    Delivery.objects.filter(pk__in=chosen).update(state=Delivery.State.TOLD, message_key=key)


def _drop_unwanted() -> None:
    """What people do not want to be mailed. They find it on the page."""
    reader = Recipient.objects.filter(email=OuterRef("recipient"))
    nothing, pressing = reader.filter(wants=Wants.NOTHING), reader.filter(wants=Wants.PRESSING)
    unwanted = Q(Exists(nothing)) | Q(Exists(pressing), is_pressing=False)
    if Recipient.objects.exclude(wants=Wants.ALL).exists():
        drop(Delivery.objects.pending().filter(unwanted), Delivery.Drop.UNWANTED)


def _note_bounces() -> None:
    """What the mail server said of each recipient's last mail: who bounces is shown, and others are not held up."""
    last = Message.objects.filter(key=OuterRef("last_key"))
    refused, sent = last.filter(state=Message.State.REFUSED), last.filter(state=Message.State.SENT)
    mailed = Recipient.objects.exclude(last_key="")
    mailed.filter(Exists(refused), bounced_since__isnull=True).update(
        bounced_since=clock.now(), bounced_words=Subquery(refused.values("last_answer")[:1])
    )
    mailed.filter(Exists(sent), bounced_since__isnull=False).update(bounced_since=None, bounced_words="")
