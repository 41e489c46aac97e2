"""Mails to send."""

from datetime import UTC, datetime

from outbox.models import Message
from outbox.services import queue_mail

EXPIRES = datetime(2026, 5, 21, 12, tzinfo=UTC)


def queue_letter(key: str = "letter:1", to: str = "jonas@kestrel.example", **changes: str) -> Message:
    context = {
        "inviter": "Ines Maurer",
        "role": "Vendor",
        "vendor": "Kestrel Radio",
        "deployment": "Fjordnet LoRaWAN",
        "expires_at": EXPIRES,
        "action_url": "http://127.0.0.1:8000/invitation/abc/",
        **changes,
    }
    return queue_mail(key=key, to=to, template="invitation", context=context)
