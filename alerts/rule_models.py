"""Rules: at which thresholds people are told, for a kind of thing, a vendor's, or what carries a tag."""

from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models import User, Vendor
from alerts.kinds import Kind
from core import clock

ESCALATION_DAYS = 7


class RuleQuerySet(models.QuerySet["Rule"]):
    def most_specific_first(self) -> Self:
        """Vendor and tag, then tag, then vendor, then the kind alone."""
        has_tag = models.Case(models.When(tag="", then=0), default=2)
        has_vendor = models.Case(models.When(vendor__isnull=True, then=0), default=1)
        return self.alias(weight=has_tag + has_vendor).order_by("-weight", "pk")


class Rule(models.Model):
    """A ladder of thresholds: days before the end, and shares of the life that remain, in percent."""

    kind = models.CharField(max_length=20, choices=Kind)
    vendor = models.ForeignKey(Vendor, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules")
    tag = models.CharField(max_length=40, blank=True)
    days = models.JSONField(default=list)
    shares = models.JSONField(default=list)
    escalation_days = models.PositiveSmallIntegerField(null=True, blank=True, default=ESCALATION_DAYS)  # null: never
    changed_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    changed_at = models.DateTimeField(default=clock.now)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "vendor", "tag"], name="rule_once_per_vendor", condition=Q(vendor__isnull=False)
            ),
            models.UniqueConstraint(fields=["kind", "tag"], name="rule_once", condition=Q(vendor__isnull=True)),
        ]

    def __str__(self) -> str:
        parts = [self.get_kind_display(), self.vendor.name if self.vendor else "", self.tag]
        return ", ".join(part for part in parts if part)
