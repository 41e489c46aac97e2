"""Trust groups, their releases, and the stores that releases are published to."""

from typing import Self

from django.db import models

from accounts.models import User
from cas.models import Authority
from core import clock
from core.leases import Leased, LeaseQuerySet


class Group(models.Model):
    """A named set of authorities, published as files under one folder."""

    name = models.SlugField(max_length=40, unique=True)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """An operator's decision to trust an authority in a group."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="memberships")
    added_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "authority"], name="authority_once_per_group")]

    def __str__(self) -> str:
        return f"{self.authority} in {self.group}"


class Release(models.Model):
    """One numbered, immutable state of a trust group."""

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="releases")
    number = models.PositiveIntegerField()
    bundle = models.BinaryField()  # PEM; empty where the group is empty
    bundle_sha256 = models.CharField(max_length=64)
    authorities = models.ManyToManyField(Authority, related_name="releases")
    note = models.TextField(blank=True)
    released_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(default=clock.now)
    single_handed = models.BooleanField(default=False)
    audit_head = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["group", "number"], name="release_number_once_per_group")]

    def __str__(self) -> str:
        return f"Release {self.number} of {self.group}"


class Store(models.Model):
    """Where a network server reads its trust bundle: a directory or an S3 bucket."""

    class Kind(models.TextChoices):
        DIRECTORY = "directory", "Directory"
        S3 = "s3", "S3 bucket"

    class State(models.TextChoices):
        UNREAD = "unread", "Not read yet"
        FOREIGN = "foreign", "Holds an index that we did not write"
        OURS = "ours", "Ours"

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, choices=Kind)
    directory = models.CharField(max_length=400, blank=True)
    endpoint = models.CharField(max_length=200, blank=True)
    bucket = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=40, blank=True)
    path_style = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=State, default=State.UNREAD)
    checked_at = models.DateTimeField(null=True, blank=True)
    complaint = models.CharField(max_length=500, blank=True)  # what the last check found wrong; empty: complete
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PublicationQuerySet(LeaseQuerySet["Publication"]):
    def unfinished(self) -> Self:
        return self.filter(state=Publication.State.QUEUED)


class Publication(Leased):
    """One release on its way to one store."""

    class State(models.TextChoices):
        QUEUED = "queued", "On its way"
        PUBLISHED = "published", "Published"
        SUPERSEDED = "superseded", "Superseded"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="publications")
    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="publications")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    next_attempt_at = models.DateTimeField(default=clock.now)
    published_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    objects = PublicationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["release", "store"], name="release_once_per_store")]

    def __str__(self) -> str:
        return f"{self.release} to {self.store}"


class StoreFile(models.Model):
    """A file that we wrote into a store, kept while an index of the last 24 hours named it."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=100)  # "common/<sha256>.pem"
    last_named_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "name"], name="store_file_once")]

    def __str__(self) -> str:
        return self.name
