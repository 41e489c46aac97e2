"""Batches: many requests that are made, decided on and issued together, in chunks over any number of workers."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q, Sum

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock
from core.leases import Leased, LeaseQuerySet
from gateways.models import Gateway


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def listed(self) -> Self:
        return self.select_related("vendor", "authority", "requested_by")

    def waiting(self) -> Self:
        return self.filter(state=Batch.State.CHECKED)


class Batch(models.Model):
    """Certificates for many gateways of one vendor, from one authority, for one lifetime."""

    class State(models.TextChoices):
        CHECKING = "checking", "Being checked"
        CHECKED = "checked", "Waits for approval"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        CANCELLED = "cancelled", "Cancelled"

    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="batches")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="batches")
    idempotency_key = models.CharField(max_length=100, unique=True)
    source = models.CharField(max_length=300)  # where its lines come from, in words
    profile = models.CharField(max_length=40)
    profile_version = models.PositiveIntegerField()
    lifetime_days = models.PositiveIntegerField()
    key_type = models.CharField(max_length=60, blank=True)  # of the keys that are made here; empty: from CSRs
    lines_sha256 = models.CharField(max_length=64)  # what an approval is bound to
    state = models.CharField(max_length=10, choices=State, default=State.CHECKING)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=clock.now)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)
    single_handed = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["vendor", "-id"])]

    def __str__(self) -> str:
        return f"Batch {self.pk}"

    @property
    def makes_keys(self) -> bool:
        return bool(self.key_type)

    @property
    def is_settled(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.state not in (self.State.CHECKING, self.State.RUNNING)


class ChunkQuerySet(LeaseQuerySet["Chunk"]):
    def to_check(self) -> Self:
        return self.filter(state=Chunk.State.NEW, batch__in=Batch.objects.filter(state=Batch.State.CHECKING))

    def to_issue(self) -> Self:
        """Those of running batches, and what was reserved before a batch was cancelled: that is finished."""
        running = Q(state=Chunk.State.CHECKED, batch__in=Batch.objects.filter(state=Batch.State.RUNNING))
        return self.filter(running | Q(state=Chunk.State.RESERVED))

    def due(self, now: datetime) -> Self:
        """Those that somebody should take up: nobody does, or the one who did has ended."""
        return self.unheld(now).filter(Q(pk__in=self.to_check()) | Q(pk__in=self.to_issue())).order_by("pk")

    def counts(self) -> dict[str, int]:
        """`lines`, `refused` and `issued` of all of them."""
        sums = self.aggregate(lines=Sum("lines"), refused=Sum("refused"), issued=Sum("issued"))
        return {name: value or 0 for name, value in sums.items()}


class Chunk(Leased):
    """Some of a batch's lines: they are checked together, and issued together."""

    class State(models.TextChoices):
        NEW = "new", "Not checked yet"
        CHECKED = "checked", "Checked"
        RESERVED = "reserved", "Being signed"
        DONE = "done", "Done"
        ASIDE = "aside", "Set aside"

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="chunks")
    state = models.CharField(max_length=10, choices=State, default=State.NEW)
    lines = models.PositiveIntegerField()
    refused = models.PositiveIntegerField(default=0)
    issued = models.PositiveIntegerField(default=0)
    failure = models.CharField(max_length=500, blank=True)  # what it waits for, or why it was set aside

    objects = ChunkQuerySet.as_manager()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"chunk {self.pk} of batch {self.batch_id}"


class LineQuerySet(models.QuerySet["Line"]):
    def refused(self) -> Self:
        return self.exclude(code="")

    def accepted(self) -> Self:
        return self.filter(code="")


class Line(models.Model):
    """One line of a batch: a gateway, its CSR where there is one, and why it is refused where it is."""

    chunk = models.ForeignKey(Chunk, on_delete=models.CASCADE, related_name="content", db_index=False)
    number = models.PositiveIntegerField()  # in what was handed in, from 1
    text = models.CharField(max_length=200)  # as it was handed in: an EUI, or the name of a file
    csr = models.BinaryField(null=True)
    eui = models.CharField(max_length=16, blank=True)
    gateway = models.ForeignKey(Gateway, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    public_key = models.BinaryField(null=True)  # SubjectPublicKeyInfo of the CSR, DER
    spki_sha256 = models.CharField(max_length=64, blank=True)
    key_type = models.CharField(max_length=60, blank=True)
    code = models.CharField(max_length=60, blank=True)  # why it is refused
    words = models.CharField(max_length=500, blank=True)

    objects = LineQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["chunk", "number"])]

    def __str__(self) -> str:
        return f"line {self.number}"
