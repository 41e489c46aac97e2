"""Deciding on a mail, and delivering it."""

from outbox.services.delivery import deliver_due
from outbox.services.queueing import queue_mail

__all__ = ["deliver_due", "queue_mail"]
