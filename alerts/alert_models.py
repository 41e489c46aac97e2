"""Alerts: one row for each subject that came near its end, and what people answered."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models import User, Vendor
from alerts.kinds import Kind
from cas.models import Authority
from core import clock
from gateways.models import Gateway


class AlertQuerySet(models.QuerySet["Alert"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def of_kind(self, kind: Kind) -> Self:
        return self.filter(kind=kind.value)

    def live(self) -> Self:
        """Those whose subject still ends: open, acknowledged or snoozed."""
        return self.exclude(state=Alert.State.CLOSED)

    def open(self) -> Self:
        """Those that nobody has answered."""
        return self.filter(state=Alert.State.OPEN)

    def muted_at(self, instant: datetime) -> Self:
        return self.filter(muted_until__gt=instant)

    def held_back_at(self, instant: datetime) -> Self:
        """Those of which no mail is sent now."""
        return self.filter(Q(muted_until__gt=instant) | Q(state=Alert.State.SNOOZED, snoozed_until__gt=instant))

    def awake_at(self, instant: datetime) -> Self:
        """Snoozed ones whose date has come."""
        return self.filter(state=Alert.State.SNOOZED, snoozed_until__lte=instant)

    def unanswered_too_long(self, instant: datetime) -> Self:
        return self.open().filter(escalates_at__lte=instant).exclude(muted_until__gt=instant)


class Alert(models.Model):
    """What ends, as columns: lists and mails read nothing else. A subject that closed and ends again begins a round."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        SNOOZED = "snoozed", "Snoozed"
        CLOSED = "closed", "Closed"

    class Reason(models.TextChoices):
        """Why it closed."""

        RENEWED = "renewed", "Renewed"
        REVOKED = "revoked", "Revoked"
        RETIRED = "retired", "Gateway retired"
        MOVED = "moved", "Gateway moved to another vendor"
        RECOVERED = "recovered", "Runs again"
        ENDED = "ended", "Ended, and nothing depends on it"
        GONE = "gone", "Not watched any more"

    kind = models.CharField(max_length=20, choices=Kind)
    subject_id = models.BigIntegerField()
    name = models.CharField(max_length=300)  # the authority's name, the gateway's EUI, the server's first host, …
    label = models.CharField(max_length=300, blank=True)  # the gateway's name, the token's owner
    vendor = models.ForeignKey(
        Vendor, null=True, blank=True, on_delete=models.CASCADE, related_name="alerts", db_index=False
    )
    # facts of the subject, which has the constraint: a hundred thousand alerts are not checked once more at the commit
    authority = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.CASCADE, related_name="alerts", db_constraint=False
    )
    gateway = models.ForeignKey(
        Gateway,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="alerts",
        db_constraint=False,
        db_index=False,
    )
    not_after = models.DateTimeField()
    renew_by = models.DateTimeField()
    # the newest threshold: which, when its instant was, when it was seen, and when the next one comes
    threshold = models.CharField(max_length=20)
    crossed_at = models.DateTimeField()
    noticed_at = models.DateTimeField(default=clock.now)
    next_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(default=clock.now)
    round = models.PositiveSmallIntegerField(default=0)
    run = models.UUIDField(default=uuid.uuid4, db_index=True)  # the look, or the answer, that changed it last

    state = models.CharField(max_length=15, choices=State, default=State.OPEN)
    answered_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    mute_reason = models.CharField(max_length=500, blank=True)
    muted_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # unanswered for so many days at a threshold: first the vendor's second contacts (1), then operators (2)
    escalation_days = models.PositiveSmallIntegerField(null=True, blank=True)
    escalation_level = models.PositiveSmallIntegerField(default=0)
    escalates_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_for = models.CharField(max_length=15, choices=Reason, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["not_after", "id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject_id"], name="alert_once_per_subject"),
            models.CheckConstraint(
                name="closed_alert_says_when",
                condition=Q(state="closed", closed_at__isnull=False) | (~Q(state="closed") & Q(closed_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="snoozed_alert_says_until_when",
                condition=Q(state="snoozed", snoozed_until__isnull=False)
                | (~Q(state="snoozed") & Q(snoozed_until__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(fields=["state", "not_after", "id"], name="alert_by_state"),
            models.Index(fields=["vendor", "state", "not_after", "id"], name="alert_by_vendor"),
            models.Index(fields=["escalates_at"], name="alert_to_escalate", condition=Q(state="open")),
            models.Index(fields=["snoozed_until"], name="alert_to_wake", condition=Q(state="snoozed")),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_muted(self) -> bool:
        return self.muted_until is not None and self.muted_until > clock.now()

    @property
    def is_over(self) -> bool:
        return self.not_after <= clock.now()


class Job(models.Model):
    """A scheduled job whose silence is told. A look that was itself away for long gives all of them a new start."""

    name = models.CharField(max_length=80, unique=True)  # of its heartbeat
    every = models.PositiveIntegerField()  # seconds
    last_at = models.DateTimeField()  # when it succeeded last, or the watching of it began
    late_at = models.DateTimeField()
    watched_since = models.DateTimeField(default=clock.now)  # without a long standstill of the look

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
