"""Messages to be delivered: one row each, written in the transaction that decides them."""

from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef

from core import clock
from core.leases import Leased, LeaseQuerySet
from outbox.hook_models import Endpoint, Event, HookDelivery
from outbox.topics import Topic

__all__ = ["Endpoint", "Event", "HookDelivery", "Message", "Stop"]


class MessageQuerySet(LeaseQuerySet["Message"]):
    def due(self) -> Self:
        """Queued messages whose next attempt is due and which nobody is sending."""
        return self.unheld().filter(state=Message.State.QUEUED, next_attempt_at__lte=clock.now())

    def bounced(self) -> Self:
        """Of each address the last mail, where the server refused it."""
        later = Message.objects.filter(recipient=OuterRef("recipient"), pk__gt=OuterRef("pk"))
        told = later.filter(state__in=[Message.State.SENT, Message.State.REFUSED])
        return self.filter(~Exists(told), state=Message.State.REFUSED)


class Message(Leased):
    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENT = "sent", "Sent"
        REFUSED = "refused", "Refused"
        STOPPED = "stopped", "Not wanted"

    key = models.CharField(max_length=200, unique=True)  # what makes it one message, whoever writes it how often
    message_id = models.CharField(max_length=200)
    recipient = models.EmailField()
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField(blank=True)
    reply_to = models.EmailField(blank=True)
    topic = models.CharField(max_length=20, choices=Topic, blank=True)  # of what a person may want no more
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(default=clock.now)
    begun_at = models.DateTimeField(default=clock.now)  # from when its tries are counted
    next_attempt_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_answer = models.CharField(max_length=500, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "next_attempt_at"]), models.Index(fields=["recipient", "id"])]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.subject} to {self.recipient}"


class Stop(models.Model):
    """An address that wants no more mails of a topic."""

    address = models.EmailField()
    topic = models.CharField(max_length=20, choices=Topic)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address", "topic"], name="stop_once_per_topic")]

    def __str__(self) -> str:
        return f"{self.get_topic_display()} to {self.address}"
