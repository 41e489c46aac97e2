"""The append-only record of who did what, and the seals that chain it."""

from typing import Any, Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from audit.sentences import sentence
from core import clock


class RecordQuerySet(models.QuerySet["Record"]):
    def unsealed(self) -> Self:
        return self.filter(seal__isnull=True)

    def about(self, kind: str, subject_id: Any) -> Self:
        return self.filter(subject_kind=kind, subject_id=str(subject_id))

    def of_vendor(self, vendor_id: int) -> Self:
        return self.filter(vendor_id=vendor_id)


class Record(models.Model):
    """One act. Actor and subject are kept as values, so that the record outlives both."""

    at = models.DateTimeField(default=clock.now, db_index=True)
    actor_kind = models.CharField(max_length=20)  # "operator", "vendor", "auditor", "system", "command"
    actor_id = models.BigIntegerField(null=True, blank=True)
    actor_name = models.CharField(max_length=200)
    action = models.CharField(max_length=60, db_index=True)  # "authority.approved"
    subject_kind = models.CharField(max_length=40)  # "authority"
    subject_id = models.CharField(max_length=64)
    subject_name = models.CharField(max_length=300)
    vendor_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    details = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    objects = RecordQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["subject_kind", "subject_id", "id"])]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_name}"

    @property
    def sentence(self) -> str:
        """What happened, in plain English."""
        words = sentence(self.action, subject=self.subject_name, details=self.details)
        return f"{words} (single-handed)" if self.details.get("single_handed") else words


class Seal(models.Model):
    """A record's place in the chain: `hash` covers the record and the hash before it."""

    position = models.BigIntegerField(primary_key=True)
    record = models.OneToOneField(Record, on_delete=models.PROTECT, related_name="seal")
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)
    sealed_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.position} {self.hash[:12]}"


class Heartbeat(models.Model):
    """When a scheduled job last succeeded."""

    job = models.CharField(max_length=80, primary_key=True)
    succeeded_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.job
