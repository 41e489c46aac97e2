"""Who is told of a notice, by which message, and when people want their mails."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from alerts.alert_models import Alert
from alerts.notice_models import Notice
from core import clock

DIGEST_HOUR = 7


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def pending(self) -> Self:
        return self.filter(state=Delivery.State.PENDING)

    def free_at(self, now: datetime) -> Self:
        """Pending, and their alert neither snoozed nor muted."""
        held = Q(notice__alert__muted_until__gt=now) | Q(
            notice__alert__state=Alert.State.SNOOZED, notice__alert__snoozed_until__gt=now
        )
        return self.pending().exclude(held)

    def told(self) -> Self:
        return self.filter(state=Delivery.State.TOLD)


class Delivery(models.Model):
    """A notice for one recipient: it waits until one message of the outbox tells it, or is dropped and says why."""

    class Why(models.TextChoices):
        CROSSING = "crossing", "Because of the threshold"
        ESCALATION = "escalation", "Because nobody had answered"

    class State(models.TextChoices):
        PENDING = "pending", "Waits for the next mail"
        TOLD = "told", "Told"
        DROPPED = "dropped", "Not told"

    class Drop(models.TextChoices):
        """Why it was not told."""

        NEWER = "newer", "A later threshold came first"
        CLOSED = "closed", "All was well before it was told"
        LEFT = "left", "Not a recipient any more"
        UNWANTED = "unwanted", "The recipient wants no such mails"

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    recipient = models.EmailField()  # in lower case
    why = models.CharField(max_length=12, choices=Why, default=Why.CROSSING)
    is_pressing = models.BooleanField(default=False)  # does not wait for the digest
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    message_key = models.CharField(max_length=200, blank=True, db_index=True)  # of the message that told it
    dropped_for = models.CharField(max_length=12, choices=Drop, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["notice", "recipient", "why"], name="notice_once_per_recipient"),
            models.CheckConstraint(
                name="told_delivery_has_a_message",
                condition=(Q(state="told") & ~Q(message_key="")) | (~Q(state="told") & Q(message_key="")),
            ),
        ]
        indexes = [models.Index(fields=["recipient"], name="delivery_pending", condition=Q(state="pending"))]

    def __str__(self) -> str:
        return f"{self.notice} to {self.recipient}"


class RecipientQuerySet(models.QuerySet["Recipient"]):
    def bouncing(self) -> Self:
        return self.filter(bounced_since__isnull=False)


class Recipient(models.Model):
    """An address that alerts are mailed to: when, and what came of the last mail."""

    class Wants(models.TextChoices):
        ALL = "all", "A digest a day, and at once what presses"
        PRESSING = "pressing", "Only what presses"
        NOTHING = "nothing", "No mails of alerts"

    email = models.EmailField(unique=True)  # in lower case
    hour = models.PositiveSmallIntegerField(default=DIGEST_HOUR)  # of the digest, in the zone
    zone = models.CharField(max_length=60, blank=True)  # "Europe/Oslo"; empty: the deployment's
    wants = models.CharField(max_length=10, choices=Wants, default=Wants.ALL)
    last_digest_on = models.DateField(null=True, blank=True)  # in the zone
    last_immediate_at = models.DateTimeField(null=True, blank=True)
    run = models.UUIDField(null=True, blank=True, db_index=True)  # which run mails it now
    last_key = models.CharField(max_length=200, blank=True)  # of the last message
    bounced_since = models.DateTimeField(null=True, blank=True)
    bounced_words = models.CharField(max_length=500, blank=True)  # the mail server's
    created_at = models.DateTimeField(default=clock.now)

    objects = RecipientQuerySet.as_manager()

    class Meta:
        ordering = ["email"]
        constraints = [models.CheckConstraint(name="digest_hour_is_of_a_day", condition=Q(hour__lte=23))]

    def __str__(self) -> str:
        return self.email
