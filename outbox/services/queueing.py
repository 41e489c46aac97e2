"""One mail, decided once: written in the transaction that decides it, sent later."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.template import Context, Engine

from core import clock
from outbox.models import Message
from outbox.services.unsubscribing import is_stopped, link_for, stopped_of
from outbox.topics import topic_of

KEY_LENGTH = 200
SUBJECT_LENGTH = 300


def queue_mail(
    *, key: str, to: str, template: str, context: Mapping[str, Any], reply_to: str = "", topic: str | None = None
) -> Message:
    """Write the mail that templates/emails/`template`.* make of `context`, or return the one that `key` has already.

    Joins the caller's transaction. Ring `outbox.tasks.send_due` afterwards; the schedule finds it otherwise. `topic` is
    what a person may want no more mails about (`outbox.topics`; without it, that of the template): such a mail is
    written down, and not sent.
    """
    key = _bounded(key)
    found = _found(key)
    if found is not None:
        return found
    about = topic_of(template) if topic is None else topic
    state = Message.State.STOPPED if is_stopped(to, about) else Message.State.QUEUED
    values = {**_composed(to, template, context, about), "reply_to": reply_to, "topic": about, "state": state}
    defaults = {"message_id": message_id(key), "next_attempt_at": clock.now(), **values}
    return Message.objects.get_or_create(key=key, defaults=defaults)[0]


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail under a key that nothing else has: made of chance, in the transaction that writes it."""

    key: str
    to: str
    context: Mapping[str, Any]
    reply_to: str = ""


def queue_new(mails: Sequence[NewMail], *, template: str) -> None:
    """Write many mails of one template at once. Who would write one of them twice fails."""
    topic, now = topic_of(template), clock.now()
    stopped = stopped_of([mail.to for mail in mails], topic)
    states = {True: Message.State.STOPPED, False: Message.State.QUEUED}
    Message.objects.bulk_create(
        Message(
            key=mail.key,
            message_id=message_id(mail.key),
            next_attempt_at=now,
            created_at=now,
            reply_to=mail.reply_to,
            topic=topic,
            state=states[mail.to.lower() in stopped],
            **_composed(mail.to, template, mail.context, topic),
        )
        for mail in mails
    )


def compose(*, key: str, to: str, template: str, context: Mapping[str, Any]) -> Message:
    """The same mail, not written down: for one that is sent at once."""
    return Message(key=key, message_id=message_id(key), **_composed(to, template, context, ""))


def _composed(to: str, template: str, context: Mapping[str, Any], topic: str) -> dict[str, str]:
    fixed = {"public_url": settings.PUBLIC_URL, "recipient": to, "stop_url": link_for(to, topic)}
    values = {**fixed, **context}
    return {
        "recipient": to,
        "subject": one_line(_render(f"{template}.subject.txt", values, escaped=False))[:SUBJECT_LENGTH],
        "text": _body(_render(f"{template}.txt", values, escaped=False)),
        "html": _body(_render(f"{template}.html", values, escaped=True)),
    }


def _found(key: str) -> Message | None:
    return Message.objects.filter(key=key).first()


def message_id(key: str) -> str:
    """Return the same Message-ID for the same key, so that a second delivery is recognised as one."""
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{host}>"  # short enough to stay on one line


def one_line(text: str) -> str:
    """Return `text` without line breaks, control or bidirectional characters: what a header may hold."""
    words = "".join(char if char.isprintable() else " " for char in text).split()
    return " ".join(words)


def _render(name: str, values: Mapping[str, Any], *, escaped: bool) -> str:
    return Engine.get_default().get_template(f"emails/{name}").render(Context(values, autoescape=escaped))


def _body(text: str) -> str:
    return text.replace("\0", "").strip() + "\n"


def _bounded(key: str) -> str:
    return key if len(key) <= KEY_LENGTH else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
