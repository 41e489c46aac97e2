"""What happened to an alert: each notice of it, and for each person told the state of the mail."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from accounts.models import User
from alerts.listing import meant_for
from alerts.models import Alert, Delivery, Notice, Recipient
from alerts.services.mailing import zone_of
from alerts.subjects import threshold_in_words
from outbox.models import Message

NOTICES, DELIVERIES = 100, 2_000
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """One recipient of a notice: what became of it, when, and in the mail server's words where it refused."""

    recipient: str
    is_escalation: bool
    tone: str
    words: str
    at: datetime | None = None
    answer: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A notice: what was crossed and when, and who was told."""

    notice: Notice
    words: str
    told: tuple[Told, ...]


def timeline(alert: Alert, user: User, now: datetime) -> list[Event]:
    """The newest first, with a fixed number of queries."""
    notices = list(alert.notices.order_by("-noticed_at", "-pk")[:NOTICES])
    meant = meant_for(user, Delivery.objects.filter(notice__in=[notice.pk for notice in notices]))
    deliveries = list(meant.order_by("recipient", "why")[:DELIVERIES])
    messages = Message.objects.in_bulk({each.message_key for each in deliveries if each.message_key}, field_name="key")
    recipients = Recipient.objects.in_bulk({each.recipient for each in _waiting(deliveries)}, field_name="email")
    told: dict[int, list[Told]] = defaultdict(list)
    for each in deliveries:
        told[each.notice_id].append(_told(each, alert, messages, recipients, now))
    return [Event(notice, _crossing(notice), tuple(told[notice.pk])) for notice in notices]


def _waiting(deliveries: Iterable[Delivery]) -> list[Delivery]:
    return [each for each in deliveries if each.state == Delivery.State.PENDING]


def _crossing(notice: Notice) -> str:
    words = threshold_in_words(notice.threshold)
    if notice.threshold.removesuffix("d").isdecimal():
        return f"{words} before the end"
    return words[0].upper() + words[1:]


def _told(
    delivery: Delivery,
    alert: Alert,
    messages: Mapping[str, Message],
    recipients: Mapping[str, Recipient],
    now: datetime,
) -> Told:
    to, escalated = delivery.recipient, delivery.why == Delivery.Why.ESCALATION
    if delivery.state == Delivery.State.DROPPED:
        return Told(to, escalated, "idle", f"not told: {delivery.get_dropped_for_display().lower()}")
    if delivery.state == Delivery.State.PENDING:
        words, at = _waits(delivery, alert, recipients.get(to), now)
        return Told(to, escalated, "idle", words, at)
    message = messages.get(delivery.message_key)
    if message is None:
        return Told(to, escalated, "good", "mailed")
    return _mailed(message, to, escalated=escalated)


def _mailed(message: Message, to: str, *, escalated: bool) -> Told:
    if message.state == Message.State.SENT:
        return Told(to, escalated, "good", "mailed", message.sent_at, subject=message.subject)
    if message.state == Message.State.REFUSED:
        return Told(to, escalated, "bad", "refused", None, message.last_answer, message.subject)
    if message.state == "stopped":
        return Told(to, escalated, "idle", "not mailed: wants no such mails", subject=message.subject)
    words = "queued, tried again" if message.last_answer else "queued"
    at = message.next_attempt_at if message.last_answer else None
    return Told(to, escalated, "info", words, at, message.last_answer, message.subject)


def _waits(delivery: Delivery, alert: Alert, recipient: Recipient | None, now: datetime) -> tuple[str, datetime | None]:
    """Until when a notice waits for the mail that tells it."""
    if alert.muted_until and alert.muted_until > now:
        return "muted, not before", alert.muted_until
    if alert.snoozed_until and alert.snoozed_until > now:
        return "snoozed, not before", alert.snoozed_until
    if delivery.is_pressing:
        return "in the next mail, within the hour", None
    known = recipient or Recipient(email=delivery.recipient)
    return "in the digest", next_digest(known, now)


def next_digest(recipient: Recipient, now: datetime) -> datetime:
    """When the recipient's next digest is written: at its hour, of today where today had none."""
    zone = zone_of(recipient.zone)
    here = now.astimezone(zone)
    day = here.date() + DAY if recipient.last_digest_on == here.date() else here.date()
    due = datetime(day.year, day.month, day.day, recipient.hour, tzinfo=zone).astimezone(UTC)
    return max(due, now)
