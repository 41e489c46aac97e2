"""Gateways and the disputes about who owns them."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock
from pki.eui import InvalidEui, read_eui

SOON = timedelta(days=60)


class Standing(models.TextChoices):
    """How a gateway stands with its certificate; derived, never stored."""

    NONE = "none", "No certificate"
    VALID = "valid", "Valid"
    SOON = "soon", "Ends soon"
    EXPIRED = "expired", "Expired"


class GatewayQuerySet(models.QuerySet["Gateway"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def matching(self, text: str) -> Self:
        """Those whose EUI was written, whole in any notation or in part, or whose name contains `text`."""
        try:
            return self.filter(Q(eui=read_eui(text).eui) | Q(name__icontains=text))
        except InvalidEui:
            digits = "".join(each for each in text if each not in "-:. ").upper()
            part = Q(eui__contains=digits) if digits else Q()
            return self.filter(part | Q(name__icontains=text))

    def standing(self, standing: str, at: datetime) -> Self:
        """Those whose certificate stands like this at `at`."""
        ends = "current_not_after"
        return self.filter(
            {
                Standing.NONE: Q(**{f"{ends}__isnull": True}),
                Standing.VALID: Q(**{f"{ends}__gt": at + SOON}),
                Standing.SOON: Q(**{f"{ends}__gt": at, f"{ends}__lte": at + SOON}),
                Standing.EXPIRED: Q(**{f"{ends}__lte": at}),
            }[Standing(standing)]
        )

    def listed(self) -> Self:
        """With what a row of a list shows, and no more."""
        return self.select_related("vendor", "current_authority").only(
            "eui", "name", "vendor__name", "current_authority__name", "current_not_after"
        )

    def disputed(self) -> Self:
        return self.filter(models.Exists(Dispute.objects.open().filter(gateway=models.OuterRef("pk"))))


class Gateway(models.Model):
    """A gateway: an EUI-64 with one owner (G12)."""

    eui = models.CharField(max_length=16, unique=True)
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="gateways", db_index=False)
    name = models.CharField(max_length=120, blank=True)
    notes = models.TextField(blank=True)
    registered_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    registered_at = models.DateTimeField(default=clock.now)
    # its certificate in force that lasts longest, and until when that is accepted: its own end, or its authority's
    # where that comes first. Written only by the services of `certificates`.
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

    @property
    def standing(self) -> Standing:
        end, now = self.current_not_after, clock.now()
        if end is None:
            return Standing.NONE
        if end <= now:
            return Standing.EXPIRED
        return Standing.SOON if end <= now + SOON else Standing.VALID


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def open(self) -> Self:
        return self.filter(closed_at__isnull=True)


class Dispute(models.Model):
    """A second claim on an EUI: never a certificate, always an operator's decision."""

    class Outcome(models.TextChoices):
        KEPT = "kept", "Stays with its owner"
        TRANSFERRED = "moved", "Moved to the claimant"

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="disputes")
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
                condition=models.Q(closed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.claimant} claims {self.gateway}"
