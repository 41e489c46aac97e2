"""Handing due messages to the mail server.

A message is claimed by a lease, sent, and marked as sent only by who still holds it. Where the connection breaks after
the message was handed over and before the server's answer, nobody can know whether it arrived: it is sent again under
the same Message-ID, by which mailboxes recognise the second copy.
"""

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils.timezone import localtime

from audit.services import Actor, record
from core import clock
from core.leases import LeaseQuerySet
from core.logs import one_line
from outbox.models import Message
from outbox.services.queueing import compose
from outbox.services.unsubscribing import link_for

log = logging.getLogger(__name__)

RUN_SECONDS = 60.0  # then the next run goes on
CHUNK = 100
BACK_OFF_MINUTES = (1, 5, 15, 60)
PERMANENT = range(500, 600)
PATIENCE = timedelta(days=5)  # with a recipient for whom the server says “later” again and again
ANSWER_LENGTH = 500


class _Unreachable(Exception):
    """The mail server does not answer: the other messages wait too."""


def deliver_due() -> int:
    """Send what is due, and return how many messages were sent. Two senders at once share the work."""
    end = time.monotonic() + RUN_SECONDS
    sent = 0
    with _Connection() as connection:
        for pk in Message.objects.due().order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:CHUNK]:
            if time.monotonic() > end:
                break
            try:
                sent += _deliver(pk, connection)
            except _Unreachable:
                break
    return sent


class _Connection:
    """One connection for many messages, opened for the first and closed after the last."""

    def __init__(self) -> None:
        self.backend: BaseEmailBackend | None = None

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def send(self, mail: EmailMultiAlternatives) -> str:
        """Return what the server says to it."""
        if self.backend is None:
            self.backend = get_connection()
            self.backend.open()
        self.backend.send_messages([mail])
        return one_line(str(getattr(self.backend, "said", "")))[:ANSWER_LENGTH]

    def drop(self) -> None:
        """Forget the connection: after an error nobody knows in which state it is."""
        backend, self.backend = self.backend, None
        if backend is not None:
            try:
                backend.close()
            except (SMTPException, OSError) as error:
                log.debug("closing the mail connection: %s", error)


def _deliver(pk: int, connection: _Connection) -> bool:
    owner = Message.objects.due().claim(pk, seconds=2 * settings.LEASE_SECONDS)
    if owner is None:
        return False
    message = Message.objects.get(pk=pk)
    held = Message.objects.held_by(owner).filter(pk=pk)
    try:
        said = connection.send(_as_mail(message))
    except SMTPRecipientsRefused as error:
        connection.drop()
        _refused_or_later(held, message, *_answer_of(error))
        return False
    except SMTPDataError as error:
        connection.drop()
        _refused_or_later(held, message, error.smtp_code, _text(error.smtp_error))
        return False
    except (SMTPException, OSError) as error:
        connection.drop()
        _later(held, message, f"{type(error).__name__}: {error}")
        raise _Unreachable from None
    return bool(held.update(state=Message.State.SENT, sent_at=clock.now(), lease_until=None, last_answer=said))


@dataclass(frozen=True, slots=True)
class Tried:
    """What the mail server really answered, and how long it took."""

    ok: bool
    words: str
    took_ms: int


def try_mail(actor: Actor, to: str, *, deployment: str) -> Tried:
    """Send a mail now, without the queue, and say what the server answers. Not inside of a transaction: it may take
    seconds. The log shows it like any other."""
    key = f"try:{uuid.uuid4()}"
    message = compose(key=key, to=to, template="mail_try", context={"who": actor.name, "deployment": deployment})
    begun = time.monotonic()
    with _Connection() as connection:
        try:
            ok, words = True, connection.send(_as_mail(message)) or "The mail server took it."
        except SMTPRecipientsRefused as error:
            ok, words = False, " ".join(map(str, _answer_of(error)))
        except SMTPResponseException as error:
            ok, words = False, f"{error.smtp_code} {_text(error.smtp_error)}"
        except (SMTPException, OSError) as error:
            ok, words = False, f"{type(error).__name__}: {error}"
    tried = Tried(ok, one_line(words)[:ANSWER_LENGTH], round((time.monotonic() - begun) * 1000))
    _note_try(actor, message, tried)
    return tried


def _note_try(actor: Actor, message: Message, tried: Tried) -> None:
    message.state = Message.State.SENT if tried.ok else Message.State.REFUSED
    message.sent_at = clock.now() if tried.ok else None
    message.attempts, message.last_answer = 1, tried.words
    with transaction.atomic():
        message.save()
        record(actor, "mail.tried", subject=message, answer=tried.words)


def retry(actor: Actor, message: Message) -> None:
    """Send it at the next opportunity, also what was refused for good: the address may exist by now."""
    state = Message.State
    with transaction.atomic():
        stuck = Message.objects.unheld().filter(pk=message.pk, state__in=[state.QUEUED, state.REFUSED])
        if stuck.update(state=state.QUEUED, next_attempt_at=clock.now(), begun_at=clock.now(), attempts=0):
            record(actor, "mail.retried", subject=message)


def _as_mail(message: Message) -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        to=[message.recipient],
        reply_to=[message.reply_to] if message.reply_to else None,
        headers={
            "Message-ID": message.message_id,
            "Date": localtime(message.created_at).strftime("%a, %d %b %Y %H:%M:%S %z"),
            "Auto-Submitted": "auto-generated",
            **_way_out(message),
        },
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    return mail


def _way_out(message: Message) -> dict[str, str]:
    """How to stop these mails (RFC 2369), with one click where the link is safe on its way (RFC 8058)."""
    link = link_for(message.recipient, message.topic)
    if not link:
        return {}
    one_click = {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if link.startswith("https://") else {}
    return {"List-Unsubscribe": f"<{link}>", **one_click}


def _answer_of(error: SMTPRecipientsRefused) -> tuple[int, str]:
    code, words = next(iter(error.recipients.values()))
    return code, _text(words)


def _text(words: bytes | str) -> str:
    return words.decode(errors="replace") if isinstance(words, bytes) else words


def _refused_or_later(held: LeaseQuerySet[Message], message: Message, code: int, words: str) -> None:
    """A 5xx is the server's last word on this message; anything else is worth another try, for some days."""
    if code not in PERMANENT and clock.now() < message.begun_at + PATIENCE:
        _later(held, message, f"{code} {words}")
        return
    answer = one_line(f"{code} {words}")[:ANSWER_LENGTH]
    held.update(state=Message.State.REFUSED, lease_until=None, last_answer=answer)
    log.warning("The mail server refused message %s for good: %s", message.pk, answer)


def _later(held: LeaseQuerySet[Message], message: Message, answer: str) -> None:
    wait = BACK_OFF_MINUTES[min(message.attempts, len(BACK_OFF_MINUTES)) - 1]
    again = clock.now() + timedelta(minutes=wait)
    held.update(next_attempt_at=again, lease_until=None, last_answer=one_line(answer)[:ANSWER_LENGTH])
    log.warning("Message %s waits %s min for the mail server: %s", message.pk, wait, answer)
