"""What was mailed, and the links in it."""

import re

from outbox.models import Message


def link_to(address: str) -> str:
    """The path behind the link in the latest mail to `address`."""
    message = Message.objects.filter(recipient=address).latest("pk")
    [path] = re.findall(r"http://127\.0\.0\.1:8000(/\S+)", message.text)
    return str(path)


def mails_to(address: str) -> list[str]:
    return list(Message.objects.filter(recipient=address).order_by("pk").values_list("subject", flat=True))
