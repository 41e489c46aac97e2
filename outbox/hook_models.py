"""Addresses of other systems that are told what happens here, and what was told to each."""

import uuid
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from core import clock
from core.leases import Leased, LeaseQuerySet

OVERLAP = timedelta(hours=24)  # how long the secret before the last one signs too


class Event(models.TextChoices):
    ISSUED = "certificate.issued", "Certificate issued"
    EXPIRING = "certificate.expiring", "Certificate about to end"
    REVOKED = "certificate.revoked", "Certificate revoked"
    PUBLISHED = "release.published", "Trust release published"
    FAILING = "job.failing", "Job or store failing"


OF_VENDORS = (Event.ISSUED, Event.EXPIRING, Event.REVOKED)  # the others are about nothing that is a vendor's
PING = "ping"


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def of(self, vendor_id: int | None) -> Self:
        return self.filter(vendor_id=vendor_id)

    def told(self) -> Self:
        """Those that are not paused."""
        return self.filter(paused_at__isnull=True)

    def rested(self) -> Self:
        """Of these, those that may be called now."""
        now = clock.now()
        return self.told().filter(Q(rests_until__isnull=True) | Q(rests_until__lte=now))


class Endpoint(models.Model):
    """Where to, and about what. Who made it and whose it is are kept as values: people lie above this package."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)  # from which its secret is made; the secret is not kept
    vendor_id = models.BigIntegerField(null=True, blank=True, db_index=True)  # empty: the operators', told everything
    url = models.CharField(max_length=500)
    name = models.CharField(max_length=80)
    events = models.JSONField(default=list)
    position = models.BigIntegerField(default=0)  # in the chain of the audit record: what is before it was looked at
    rotation = models.PositiveIntegerField(default=0)
    rotated_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    rests_until = models.DateTimeField(null=True, blank=True)  # after it could not be reached
    failures = models.PositiveIntegerField(default=0)  # since it last said yes
    failing_since = models.DateTimeField(null=True, blank=True)
    gave_up_at = models.DateTimeField(null=True, blank=True)  # when something was lost to it for good
    created_by_id = models.BigIntegerField()
    created_by_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=clock.now)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """What of its address is said where many see it: the path may hold a password of the other side."""
        return urlsplit(self.url).netloc

    @property
    def rotations(self) -> list[int]:
        """Which of its secrets sign now, the newest first."""
        both = self.rotated_at is not None and clock.now() < self.rotated_at + OVERLAP
        return [self.rotation, self.rotation - 1] if both else [self.rotation]

    @property
    def overlap_ends(self) -> datetime | None:
        return self.rotated_at + OVERLAP if self.rotated_at and len(self.rotations) > 1 else None

    @property
    def condition(self) -> str:
        """How it stands with it: `paused`, `failing`, `retrying` or `well`."""
        if self.paused_at:
            return "paused"
        if self.gave_up_at:
            return "failing"
        return "retrying" if self.failing_since else "well"

    @property
    def about(self) -> list[str]:
        """Its events in words."""
        return [Event(each).label for each in self.events]


class HookDeliveryQuerySet(LeaseQuerySet["HookDelivery"]):
    def due(self) -> Self:
        """What waits for its next try, and nobody is sending."""
        now = clock.now()
        return self.unheld(now).filter(state=HookDelivery.State.WAITING, next_attempt_at__lte=now)


class HookDelivery(Leased):
    """One event for one endpoint: as it is sent, and what was answered."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waits"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    record_id = models.BigIntegerField(null=True, blank=True)  # of the audit record; empty for a ping
    hook_id = models.CharField(max_length=60)  # the same however often it is sent: by it a receiver knows a second copy
    event = models.CharField(max_length=40)
    about = models.CharField(max_length=300, blank=True)
    payload = models.TextField()
    happened_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    begun_at = models.DateTimeField(default=clock.now)  # from when its tries are counted
    next_attempt_at = models.DateTimeField(default=clock.now)
    delivered_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True)
    took_ms = models.PositiveIntegerField(null=True, blank=True)

    objects = HookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["endpoint", "record_id"], name="hook_once_per_record")]
        indexes = [
            models.Index(fields=["endpoint", "state", "next_attempt_at"], name="hook_due"),
            models.Index(fields=["endpoint", "id"], name="hook_of_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint_id}"
