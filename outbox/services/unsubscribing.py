"""Who wants no more mails of a topic says so by the link in one of them, without signing in (RFC 8058)."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from audit.services import Machine, record
from outbox.models import Message, Stop
from outbox.topics import Topic

SALT = "certadmin.unsubscribe"


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose mails about what a link is for."""

    address: str
    topic: Topic

    @property
    def is_stopped(self) -> bool:
        return is_stopped(self.address, self.topic)


def link_for(address: str, topic: str) -> str:
    """Return the address that stops these mails, or nothing for a mail that is needed."""
    if not topic:
        return ""
    token = signing.Signer(salt=SALT).sign_object([address.lower(), topic])
    return f"{settings.PUBLIC_URL}{reverse('unsubscribe', args=[token])}"


def wish_of(token: str) -> Wish | None:
    """Return what a link is for, or None for one that is not ours."""
    try:
        address, topic = signing.Signer(salt=SALT).unsign_object(token)
        return Wish(address, Topic(topic))
    except (signing.BadSignature, ValueError):
        return None


def is_stopped(address: str, topic: str) -> bool:
    return bool(topic) and Stop.objects.filter(address=address.lower(), topic=topic).exists()


def stopped_of(addresses: Sequence[str], topic: str) -> set[str]:
    """Those of `addresses`, in lower case, that want no more mails of the topic."""
    if not topic:
        return set()
    low = [address.lower() for address in addresses]
    return set(Stop.objects.filter(address__in=low, topic=topic).values_list("address", flat=True))


def stop(wish: Wish) -> None:
    """Send nothing more of the topic, what waits included."""
    with transaction.atomic():
        made, is_new = Stop.objects.get_or_create(address=wish.address, topic=wish.topic)
        if is_new:
            waiting = Message.objects.filter(recipient__iexact=wish.address, topic=wish.topic)
            waiting.filter(state=Message.State.QUEUED).update(state=Message.State.STOPPED)
            record(Machine("mail", wish.address), "mail.stopped", subject=made)


def resume(wish: Wish) -> None:
    with transaction.atomic():
        for found in Stop.objects.filter(address=wish.address, topic=wish.topic):
            record(Machine("mail", wish.address), "mail.resumed", subject=found)
            found.delete()
