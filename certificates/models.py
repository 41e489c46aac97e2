"""Requests and the certificates that they become."""

from datetime import datetime
from typing import Self

from django.db import models

from accounts.models import User, Vendor
from cas.models import Authority, Signing
from core import clock
from core.leases import Leased, LeaseQuerySet
from gateways.models import Gateway
from keys.models import Key


class IssuingPolicy(models.Model):
    """What an operator decided for a vendor: which authority issues for it, and whether its requests wait."""

    vendor = models.OneToOneField(Vendor, on_delete=models.CASCADE, related_name="issuing_policy")
    authority = models.ForeignKey(Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    automatic = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.vendor}: {self.authority}"


class RequestQuerySet(LeaseQuerySet["Request"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def waiting(self) -> Self:
        return self.filter(state=Request.State.REQUESTED)

    def unfinished(self) -> Self:
        return self.filter(state__in=[Request.State.APPROVED, Request.State.RESERVED])


class Request(Leased):
    """The wish for a certificate. One request gives one certificate (G3)."""

    class State(models.TextChoices):
        REQUESTED = "requested", "Waits for approval"
        APPROVED = "approved", "Approved"
        RESERVED = "reserved", "Being signed"
        ISSUED = "issued", "Issued"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        MAY_EXIST = "may-exist", "May exist"

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="requests")
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="requests")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="requests")
    idempotency_key = models.CharField(max_length=100, unique=True)
    profile = models.CharField(max_length=40)
    profile_version = models.PositiveIntegerField()
    lifetime_days = models.PositiveIntegerField()
    public_key = models.BinaryField()  # SubjectPublicKeyInfo, DER
    key_type = models.CharField(max_length=20)
    csr = models.BinaryField(null=True)  # DER; null where the key was made here
    key = models.ForeignKey(Key, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    content_sha256 = models.CharField(max_length=64)  # what an approval is bound to
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=clock.now)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)
    single_handed = models.BooleanField(default=False)
    signing = models.OneToOneField(Signing, null=True, blank=True, on_delete=models.PROTECT, related_name="request")
    failure = models.CharField(max_length=500, blank=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "id"]), models.Index(fields=["vendor", "state", "id"])]
        constraints = [
            models.CheckConstraint(
                name="request_has_a_csr_or_a_key",
                condition=models.Q(csr__isnull=False, key__isnull=True) | models.Q(csr__isnull=True, key__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"Request {self.pk} for {self.gateway_id}"


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def in_force(self, instant: datetime) -> Self:
        return self.filter(revoked_at__isnull=True, not_before__lte=instant, not_after__gt=instant)

    def listed(self) -> Self:
        """Without what lists never show."""
        return self.defer("der").select_related("gateway", "vendor", "authority")


class Certificate(models.Model):
    """A gateway's client certificate: issued here, or recorded because the vendor's own CA issued it."""

    class Origin(models.TextChoices):
        ISSUED = "issued", "Issued here"
        RECORDED = "recorded", "Recorded"

    request = models.OneToOneField(Request, null=True, blank=True, on_delete=models.PROTECT, related_name="certificate")
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="certificates")
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="certificates")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="certificates")
    origin = models.CharField(max_length=10, choices=Origin)
    sha256 = models.CharField(max_length=64, unique=True)
    der = models.BinaryField()
    serial = models.CharField(max_length=64)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(db_index=True)
    key_type = models.CharField(max_length=20)
    spki_sha256 = models.CharField(max_length=64, db_index=True)
    created_at = models.DateTimeField(default=clock.now)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.CharField(max_length=30, blank=True)
    # a key made here stays sealed until its holder confirms receipt or the time is over
    key = models.ForeignKey(Key, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    key_until = models.DateTimeField(null=True, blank=True)
    key_confirmed_at = models.DateTimeField(null=True, blank=True)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["authority", "serial"], name="certificate_serial_once_per_authority")
        ]
        indexes = [
            models.Index(fields=["gateway", "not_after"]),
            models.Index(fields=["vendor", "not_after", "id"]),
            models.Index(fields=["not_after", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.gateway_id} {self.serial[:12]}"
