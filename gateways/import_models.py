"""Imports of gateways from files, and where the content of a file lies while it is worked on."""

from datetime import timedelta
from typing import Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from accounts.models import User, Vendor
from core import clock
from core.leases import Leased, LeaseQuerySet

KEPT = timedelta(days=1)  # how long a file is kept, whatever becomes of its import


class WorkFileQuerySet(models.QuerySet["WorkFile"]):
    def over(self) -> Self:
        return self.filter(expires_at__lte=clock.now())


class WorkFile(models.Model):
    """A file that processes hand to each other, in encrypted parts. It is gone after a while."""

    salt = models.BinaryField()  # of the key of its parts, which is derived from the key-encryption key
    kek_id = models.CharField(max_length=16)
    name = models.CharField(max_length=200)  # as it was called by who sent it
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)  # of its content; empty until it is complete
    kind = models.CharField(max_length=10, blank=True)  # "csv" or "json"
    encoding = models.CharField(max_length=20, blank=True)
    made_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(db_index=True)

    objects = WorkFileQuerySet.as_manager()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_in_use(self) -> bool:
        """An import was made of it."""
        return Import.objects.filter(file=self).exists()


class WorkPart(models.Model):
    """Some of a file's content, compressed and then encrypted."""

    file = models.ForeignKey(WorkFile, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="work_part_once")]

    def __str__(self) -> str:
        return f"part {self.number} of file {self.file_id}"


class ImportQuerySet(LeaseQuerySet["Import"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def listed(self) -> Self:
        return self.select_related("vendor", "made_by", "applied_by")

    def open(self) -> Self:
        return self.filter(state__in=Import.OPEN)

    def working(self) -> Self:
        return self.filter(state__in=[Import.State.CHECKING, Import.State.APPLYING])

    def due(self) -> Self:
        """Those that somebody should take up: nobody does, or the one who did has ended."""
        return self.unheld().working().order_by("pk")


class Import(Leased):
    """Gateways of one vendor out of a file: looked at line by line, and then written all at once or not at all."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", "Columns to choose"
        CHECKING = "checking", "Being checked"
        CHECKED = "checked", "Checked"
        APPLYING = "applying", "Being written"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = (State.UPLOADED, State.CHECKING, State.CHECKED, State.APPLYING)

    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="imports", db_index=False)
    idempotency_key = models.CharField(max_length=100, unique=True)
    # the file, and what is wrong with its lines; both are gone after a while
    file = models.ForeignKey(
        WorkFile, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    report = models.ForeignKey(
        WorkFile, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    name = models.CharField(max_length=200)  # of the file
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    # which column has what, such as {"eui": 0, "name": 2}
    columns = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    reads_macs = models.BooleanField(default=False)  # FFFE belongs into the middle of its MAC addresses
    updates = models.BooleanField(default=False)  # what is registered already is described anew
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    total = models.PositiveIntegerField(default=0)  # lines; an estimate until all were read
    done = models.PositiveIntegerField(default=0)  # of the present step
    new = models.PositiveIntegerField(default=0)
    same = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    claims = models.PositiveIntegerField(default=0)
    sightings = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    probed = models.PositiveIntegerField(default=0)  # lines outside of the vendor's blocks that were answered
    notice = models.CharField(max_length=500, blank=True)  # what the person should know before they go on
    failure = models.CharField(max_length=500, blank=True)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    made_at = models.DateTimeField(default=clock.now)
    applied_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    started_at = models.DateTimeField(null=True, blank=True)  # the present step, or the last one
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["vendor", "-id"]),
            models.Index(
                fields=["id"],
                name="import_is_open",
                condition=Q(state__in=["uploaded", "checking", "checked", "applying"]),
            ),
        ]

    def __str__(self) -> str:
        return f"Import {self.pk}"

    @property
    def is_working(self) -> bool:
        """It goes on by itself."""
        return self.state in (self.State.CHECKING, self.State.APPLYING)

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def writes(self) -> int:
        """Lines that change something."""
        return self.new + self.changed + self.claims + self.sightings
