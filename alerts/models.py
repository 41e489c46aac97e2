"""Notices: one crossing of one expiry threshold for one subject."""

from django.db import models

from core import clock


class Notice(models.Model):
    """Written once per subject and threshold, whatever is restarted or run twice (G9)."""

    subject_kind = models.CharField(max_length=20)  # "authority", "certificate"
    subject_id = models.BigIntegerField()
    threshold = models.CharField(max_length=20)  # "90d", "third", "expired"
    subject_name = models.CharField(max_length=300)
    vendor_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    not_after = models.DateTimeField()
    crossed_at = models.DateTimeField()
    noticed_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "threshold"],
                name="notice_once_per_subject_and_threshold",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject_name}: {self.threshold}"


class Delivery(models.Model):
    """A notice told to one recipient, by one message of the outbox (kept by its key)."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    recipient = models.EmailField()
    message_key = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "recipient"], name="notice_once_per_recipient")]

    def __str__(self) -> str:
        return f"{self.notice} to {self.recipient}"
