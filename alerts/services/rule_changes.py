"""Rules made, changed and removed by operators. The next look goes by them; what was told before is not told again."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accounts.models import User, Vendor
from alerts.models import Kind, Rule
from audit.services import record
from core import clock
from core.errors import Forbidden, Refused

LONGEST_DAYS = 1_825
MOST_STEPS = 12
LONGEST_ESCALATION = 60
OF_VENDORS = (Kind.AUTHORITY, Kind.CERTIFICATE, Kind.TOKEN)
OF_TAGS = (Kind.CERTIFICATE, Kind.PROBE)  # what gateways stand behind


def read_numbers(text: str, *, most: int, unit: str, field: str) -> list[int]:
    """The numbers in `text`, between commas or blanks: each once, the largest first. Raises Refused."""
    words = text.replace(",", " ").replace(";", " ").split()
    if any(not (word.isascii() and word.isdecimal() and len(word) < 6 and 0 < int(word) <= most) for word in words):
        raise Refused("not-numbers", f"Write {unit} from 1 to {most:,}, with commas between them.", field=field)
    numbers = sorted({int(word) for word in words}, reverse=True)
    if len(numbers) > MOST_STEPS:
        raise Refused("too-many-thresholds", f"At most {MOST_STEPS} of them.", field=field)
    return numbers


def checked(rule: Rule) -> Rule:
    """The rule, where it can be one; raises Refused for what is about nothing, or there already."""
    kind = Kind(rule.kind)
    if rule.vendor_id and kind not in OF_VENDORS:
        raise Refused("not-of-vendors", f"{kind.label}: these belong to no vendor. Leave it out.", field="vendor")
    if rule.tag and kind not in OF_TAGS:
        raise Refused("not-tagged", f"{kind.label}: these carry no tags. Leave it out.", field="tag")
    same = Rule.objects.filter(kind=rule.kind, vendor=rule.vendor_id, tag=rule.tag).exclude(pk=rule.pk)
    if same.exists():
        raise Refused("rule-is-there", "There is a rule for exactly these already. Change that one.", field="kind")
    return rule


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed about a rule."""

    kind: str
    vendor: Vendor | None
    tag: str
    days: Sequence[int]
    shares: Sequence[int]
    escalation_days: int | None


def drafted(wish: Wish, instead_of: Rule | None = None) -> Rule:
    """A rule as it was typed, in place of another where there is one; not saved. Raises Refused."""
    return checked(
        Rule(
            pk=instead_of.pk if instead_of else None,
            kind=wish.kind,
            vendor=wish.vendor,
            tag=wish.tag.strip(),
            days=list(wish.days),
            shares=list(wish.shares),
            escalation_days=wish.escalation_days,
        )
    )


def save_rule(actor: User, draft: Rule) -> Rule:
    """Let what `draft` is about be told by its ladder."""
    _refuse_unless_operator(actor)
    draft.changed_by, draft.changed_at = actor, clock.now()
    try:
        with transaction.atomic():
            checked(draft).save()
            _tell(actor, draft, "alert-rule.set")
    except IntegrityError:
        raise Refused("rule-is-there", "Somebody made this rule a moment ago. Change that one.", field="kind") from None
    return draft


def remove_rule(actor: User, rule: Rule) -> None:
    """What it was about follows the next less specific rule from now on, or the usual thresholds."""
    _refuse_unless_operator(actor)
    with transaction.atomic():
        _tell(actor, rule, "alert-rule.removed")
        rule.delete()


def _refuse_unless_operator(actor: User) -> None:
    if not actor.has_perm("set_alert_rules"):
        raise Forbidden("not-for-your-role", "Only an operator sets the rules of alerts.")


def _tell(actor: User, rule: Rule, action: str) -> None:
    details = {"days": rule.days, "shares": rule.shares, "escalation_days": rule.escalation_days}
    record(actor, action, subject=rule, vendor_id=rule.vendor_id, **details)
