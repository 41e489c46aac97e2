"""Whose an EUI is: the blocks that vendors own, claims outside of them, and disputes."""

from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models import User, Vendor
from core import clock

NAMES = {24: "MA-L", 28: "MA-M", 36: "MA-S"}  # of the IEEE's assignments, by their bits


class EuiBlockQuerySet(models.QuerySet["EuiBlock"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def around(self, first: str, last: str) -> Self:
        """Those that `first` to `last` lies in, the smallest first."""
        return self.filter(first__lte=first, last__gte=last).order_by("-bits")

    def inside(self, first: str, last: str) -> Self:
        """Those that lie in `first` to `last`."""
        return self.filter(first__gte=first, last__lte=last)


class EuiBlock(models.Model):
    """The EUIs that begin with the same bits. Two blocks never share a part: one lies in the other, or none does."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="blocks")
    first = models.CharField(max_length=16)
    last = models.CharField(max_length=16)
    bits = models.PositiveSmallIntegerField()
    # the block of another vendor that this one lies in, whose holder gave this part of it away
    granted_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="grants", db_index=False
    )
    note = models.CharField(max_length=200, blank=True)
    added_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    added_at = models.DateTimeField(default=clock.now)

    objects = EuiBlockQuerySet.as_manager()

    class Meta:
        ordering = ["first", "bits"]
        constraints = [
            models.UniqueConstraint(fields=["first", "bits"], name="eui_block_once"),
            models.CheckConstraint(name="eui_block_has_bits", condition=Q(bits__gte=8, bits__lte=64)),
            models.CheckConstraint(
                name="eui_block_is_canonical",
                condition=Q(first__regex=r"^[0-9A-F]{16}$", last__regex=r"^[0-9A-F]{16}$"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}/{self.bits}"

    @property
    def prefix(self) -> str:
        """The digits that all of its EUIs begin with, as far as the block's bits fill them."""
        return self.first[: -(-self.bits // 4)]

    @property
    def name(self) -> str:
        """As the IEEE names an assignment of this size, where it has one."""
        return NAMES.get(self.bits, "")


class ClaimQuerySet(models.QuerySet["Claim"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def waiting(self) -> Self:
        return self.filter(closed_at__isnull=True)


class Claim(models.Model):
    """A vendor's wish to register a gateway outside of its blocks: an operator decides, and until then there is no
    gateway."""

    class Outcome(models.TextChoices):
        REGISTERED = "registered", "Registered"
        REFUSED = "refused", "Refused"

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="claims", db_index=False)
    eui = models.CharField(max_length=16, db_index=True)
    name = models.CharField(max_length=120, blank=True)
    model = models.CharField(max_length=80, blank=True)
    claimed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    claimed_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    reason = models.TextField(blank=True)

    objects = ClaimQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["vendor", "eui"], name="one_open_claim_per_vendor", condition=Q(closed_at__isnull=True)
            ),
            models.CheckConstraint(name="claimed_eui_is_canonical", condition=Q(eui__regex=r"^[0-9A-F]{16}$")),
        ]
        indexes = [models.Index(fields=["vendor", "-id"])]

    def __str__(self) -> str:
        return f"{self.vendor} claims {self.eui}"


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def open(self) -> Self:
        return self.filter(closed_at__isnull=True)


class Dispute(models.Model):
    """A second claim on an EUI: never a certificate, always an operator's decision."""

    class Outcome(models.TextChoices):
        KEPT = "kept", "Stays with its owner"
        TRANSFERRED = "moved", "Moved to the claimant"

    gateway = models.ForeignKey("gateways.Gateway", on_delete=models.CASCADE, related_name="disputes")
    claimant = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="disputes")
    claimed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    claimed_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    reason = models.TextField(blank=True)

    objects = DisputeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "claimant"],
                name="one_open_dispute_per_claimant",
                condition=Q(closed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.claimant} claims {self.gateway}"
