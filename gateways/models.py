"""Gateways and the disputes about who owns them."""

from typing import Self

from django.db import models

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock


class GatewayQuerySet(models.QuerySet["Gateway"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)


class Gateway(models.Model):
    """A gateway: an EUI-64 with one owner (G12)."""

    eui = models.CharField(max_length=16, unique=True)
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="gateways")
    name = models.CharField(max_length=120, blank=True)
    notes = models.TextField(blank=True)
    registered_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField(default=clock.now)
    # what it presents now; written only by the services of `certificates`
    current_authority = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="current_gateways"
    )
    current_not_after = models.DateTimeField(null=True, blank=True)

    objects = GatewayQuerySet.as_manager()

    class Meta:
        ordering = ["eui"]
        constraints = [
            models.CheckConstraint(name="eui_is_canonical", condition=models.Q(eui__regex=r"^[0-9A-F]{16}$"))
        ]
        indexes = [
            models.Index(fields=["vendor", "eui"]),
            models.Index(fields=["current_not_after", "id"]),
        ]

    def __str__(self) -> str:
        return self.eui


class Dispute(models.Model):
    """A second claim on an EUI: never a certificate, always an operator's decision."""

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="disputes")
    claimant = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="disputes")
    claimed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    claimed_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    outcome = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "claimant"],
                name="one_open_dispute_per_claimant",
                condition=models.Q(closed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.claimant} claims {self.gateway}"
