"""Messages to be delivered: one row each, written in the transaction that decides them."""

from typing import Self

from django.db import models

from core import clock
from core.leases import Leased, LeaseQuerySet
from outbox.hook_models import Endpoint, Event, HookDelivery

__all__ = ["Endpoint", "Event", "HookDelivery", "Message"]


class MessageQuerySet(LeaseQuerySet["Message"]):
    def due(self) -> Self:
        """Queued messages whose next attempt is due and which nobody is sending."""
        return self.unheld().filter(state=Message.State.QUEUED, next_attempt_at__lte=clock.now())


class Message(Leased):
    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENT = "sent", "Sent"
        REFUSED = "refused", "Refused"

    key = models.CharField(max_length=200, unique=True)  # what makes it one message, whoever writes it how often
    message_id = models.CharField(max_length=200)
    recipient = models.EmailField()
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(default=clock.now)
    next_attempt_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_answer = models.CharField(max_length=500, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "next_attempt_at"])]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.subject} to {self.recipient}"
