"""What people see of an end that comes near, each crossing of a threshold, and who was told of it."""

from alerts.alert_models import Alert, AlertQuerySet, Job
from alerts.delivery_models import Delivery, DeliveryQuerySet, Recipient, RecipientQuerySet
from alerts.kinds import FAILURES, Kind
from alerts.notice_models import CLOSED, PRESSING, Notice, NoticeQuerySet
from alerts.rule_models import Rule, RuleQuerySet

__all__ = [
    "CLOSED", "FAILURES", "PRESSING", "Alert", "AlertQuerySet", "Delivery", "DeliveryQuerySet", "Job", "Kind", "Notice",
    "NoticeQuerySet", "Recipient", "RecipientQuerySet", "Rule", "RuleQuerySet",
]  # fmt: skip
