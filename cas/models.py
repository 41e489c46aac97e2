"""Authorities: CA certificates that the system knows, and the register of what our own keys sign."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models

from accounts.models import User, Vendor
from core import clock
from keys.models import Key


class AuthorityQuerySet(models.QuerySet["Authority"]):
    def visible_to(self, user: User) -> Self:
        """A vendor sees its own authorities and the operated ones that issue for gateways."""
        if user.sees_all:
            return self
        return self.filter(models.Q(vendor_id=user.vendor_id) | models.Q(origin=Authority.Origin.OPERATED))

    def waiting(self) -> Self:
        return self.filter(state=Authority.State.SUBMITTED)

    def approved(self) -> Self:
        return self.filter(state=Authority.State.APPROVED)

    def operated(self) -> Self:
        return self.filter(origin=Authority.Origin.OPERATED)

    def valid_at(self, instant: datetime) -> Self:
        return self.filter(not_before__lte=instant, not_after__gt=instant)

    def issuing(self) -> Self:
        """Operated authorities that sign gateway certificates: those that another authority issued."""
        return self.operated().filter(parent__isnull=False)


class Authority(models.Model):
    """A CA certificate. Its facts are columns, written once at intake; a row is known by the SHA-256 of its DER."""

    class Origin(models.TextChoices):
        UPLOADED = "uploaded", "Uploaded"
        OPERATED = "operated", "Operated here"
        FOUND = "found", "Found in the store"

    class State(models.TextChoices):
        SUBMITTED = "submitted", "Waits for review"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"

    sha256 = models.CharField(max_length=64, unique=True)
    der = models.BinaryField()
    name = models.CharField(max_length=300)  # the common name, or the whole subject
    subject = models.TextField()
    issuer = models.TextField()
    serial = models.CharField(max_length=64)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(db_index=True)
    key_type = models.CharField(max_length=20)
    spki_sha256 = models.CharField(max_length=64, db_index=True)
    signature_algorithm = models.CharField(max_length=60)
    path_length = models.IntegerField(null=True, blank=True)
    is_root = models.BooleanField()  # self-signed

    origin = models.CharField(max_length=10, choices=Origin)
    vendor = models.ForeignKey(Vendor, null=True, blank=True, on_delete=models.PROTECT, related_name="authorities")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    key = models.ForeignKey(Key, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    findings = models.JSONField(default=list)  # as the intake said them

    state = models.CharField(max_length=10, choices=State, default=State.SUBMITTED)
    submitted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(default=clock.now)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)
    single_handed = models.BooleanField(default=False)

    objects = AuthorityQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "authorities"
        constraints = [
            models.CheckConstraint(
                name="operated_authority_has_a_key",
                condition=models.Q(origin="operated", key__isnull=False)
                | (~models.Q(origin="operated") & models.Q(key__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_operated(self) -> bool:
        return self.origin == self.Origin.OPERATED

    @property
    def time_left(self) -> timedelta:
        return self.not_after - clock.now()


class TestLeaf(models.Model):
    """A gateway certificate that came beside its authority: shows how the vendor signs, is never trusted."""

    __test__ = False  # not one of pytest's

    authority = models.ForeignKey(Authority, on_delete=models.CASCADE, related_name="test_leaves")
    sha256 = models.CharField(max_length=64)
    der = models.BinaryField()
    name = models.CharField(max_length=300)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["authority", "sha256"], name="test_leaf_once")]

    def __str__(self) -> str:
        return self.name


class Signing(models.Model):
    """One signature of an operated key over a certificate: committed before the key is used (G1).

    A row that stays `reserved` past its lease may or may not have become a certificate: `may-exist`.
    """

    class State(models.TextChoices):
        RESERVED = "reserved", "Reserved"
        SIGNED = "signed", "Signed"
        MAY_EXIST = "may-exist", "May exist"
        VOID = "void", "Void"  # known never to have been signed

    key = models.ForeignKey(Key, on_delete=models.PROTECT, related_name="+")
    issuer = models.ForeignKey(Authority, null=True, on_delete=models.PROTECT, related_name="signings")  # null: a root
    serial = models.CharField(max_length=40)
    subject = models.CharField(max_length=300)
    profile = models.CharField(max_length=40)
    profile_version = models.PositiveIntegerField()
    tbs_sha256 = models.CharField(max_length=64)
    not_after = models.DateTimeField()
    requester = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.RESERVED)
    reserved_at = models.DateTimeField(default=clock.now)
    signed_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.CharField(max_length=30, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "serial"], name="serial_once_per_issuing_key")]

    def __str__(self) -> str:
        return f"{self.serial} {self.state}"
