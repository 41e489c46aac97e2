"""Deciding on a mail, and delivering it."""

from outbox.services.queueing import queue_mail

__all__ = ["queue_mail"]
