"""Notices: one crossing of one expiry threshold for one subject, and whom it was told."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from accounts.models import User, Vendor
from alerts import watched
from core import clock

PRESSING = timedelta(days=7)


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def newest_of_each_subject(self) -> Self:
        """The notice of the last threshold that each subject crossed."""
        nearer = Notice.objects.filter(
            subject_kind=OuterRef("subject_kind"),
            subject_id=OuterRef("subject_id"),
            crossed_at__gt=OuterRef("crossed_at"),
        )
        return self.filter(~Exists(nearer))

    def open_at(self, now: datetime) -> Self:
        """What still asks for something: the end is neither mended by a successor nor without consequence."""
        certificate = watched.certificates(now).filter(pk=OuterRef("subject_id"))
        authority = watched.authorities().filter(pk=OuterRef("subject_id"))
        mattering = authority.filter(Q(not_after__gt=now) | Q(current_gateways__isnull=False))
        server = watched.servers(now).filter(pk=OuterRef("subject_id"))
        return self.newest_of_each_subject().filter(
            Q(Exists(certificate), subject_kind=Notice.Kind.CERTIFICATE)
            | Q(Exists(server), subject_kind=Notice.Kind.SERVER)
            | Q(Exists(mattering), subject_kind=Notice.Kind.AUTHORITY)
        )

    def pressing_at(self, now: datetime) -> Self:
        """Of what is open: ended, or within a week of it."""
        return self.open_at(now).filter(not_after__lte=now + PRESSING)


class Notice(models.Model):
    """Written once per subject and threshold, whatever is restarted or run twice (G9)."""

    class Kind(models.TextChoices):
        AUTHORITY = "authority", "Authority"
        CERTIFICATE = "certificate", "Certificate"
        SERVER = "server", "Server"

    subject_kind = models.CharField(max_length=20, choices=Kind)
    subject_id = models.BigIntegerField()
    threshold = models.CharField(max_length=20)  # "90d", "third", "expired"
    subject_name = models.CharField(max_length=300)
    vendor = models.ForeignKey(Vendor, null=True, blank=True, on_delete=models.CASCADE, related_name="notices")
    not_after = models.DateTimeField()
    crossed_at = models.DateTimeField()
    noticed_at = models.DateTimeField(default=clock.now)
    run = models.UUIDField(db_index=True)  # which run wrote it: of two at once, only the writer mails it

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "threshold"],
                name="notice_once_per_subject_and_threshold",
            ),
            models.CheckConstraint(name="threshold_lies_in_the_life", condition=Q(crossed_at__lte=F("not_after"))),
        ]
        indexes = [models.Index(fields=["not_after", "id"])]

    def __str__(self) -> str:
        return f"{self.subject_name}: {self.threshold}"


class Delivery(models.Model):
    """A notice told to one recipient, by one message of the outbox (kept by its key)."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    recipient = models.EmailField()
    message_key = models.CharField(max_length=200, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "recipient"], name="notice_once_per_recipient")]

    def __str__(self) -> str:
        return f"{self.notice} to {self.recipient}"
