"""Notices: one crossing of one threshold by one subject."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from accounts.models import User, Vendor
from alerts import watched
from alerts.alert_models import Alert
from alerts.kinds import Kind as Kinds
from core import clock

PRESSING = timedelta(days=7)
CLOSED = "closed"  # the threshold of the notice that all is well again
WOKEN = "woken:"  # begins that of the notice that a snooze is over; the date follows


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def crossings(self) -> Self:
        """Without those that say something else of a subject."""
        return self.exclude(threshold=CLOSED).exclude(threshold__startswith=WOKEN)

    def newest_of_each_subject(self) -> Self:
        """The notice of the last threshold that each subject crossed."""
        nearer = Notice.objects.crossings().filter(
            subject_kind=OuterRef("subject_kind"), subject_id=OuterRef("subject_id"), pk__gt=OuterRef("pk")
        )
        return self.crossings().filter(~Exists(nearer))

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
    """Written once per subject, round and threshold, whatever is restarted or run twice (G9)."""

    Kind = Kinds

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="notices")
    subject_kind = models.CharField(max_length=20, choices=Kinds)
    subject_id = models.BigIntegerField()
    threshold = models.CharField(max_length=20)  # "90d", "third", "25%", "expired"; CLOSED, or WOKEN and a date
    round = models.PositiveSmallIntegerField(default=0)  # of its alert
    subject_name = models.CharField(max_length=300)
    vendor = models.ForeignKey(  # the alert's, which has the constraint
        Vendor, null=True, blank=True, on_delete=models.CASCADE, related_name="notices", db_constraint=False
    )
    not_after = models.DateTimeField()
    crossed_at = models.DateTimeField()
    noticed_at = models.DateTimeField(default=clock.now)
    run = models.UUIDField(db_index=True)  # which run wrote it

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "threshold", "round"],
                name="notice_once_per_subject_and_threshold",
            ),
        ]
        indexes = [models.Index(fields=["not_after", "id"])]

    def __str__(self) -> str:
        return f"{self.subject_name}: {self.threshold}"
