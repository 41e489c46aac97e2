"""What operators type about rules, and what people say of their own mails."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from accounts.models import Vendor
from alerts.models import Kind, Recipient, Rule
from alerts.services.rule_changes import LONGEST_DAYS, LONGEST_ESCALATION, Wish, read_numbers
from core.errors import Refused
from core.forms import StyledForm


class NumbersField(forms.CharField):
    """Numbers between commas; cleaned, a list of them, the largest first."""

    def __init__(self, *, most: int, unit: str, **kwargs: Any) -> None:
        self.most, self.unit = most, unit
        widget = forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"})
        super().__init__(required=False, max_length=120, widget=widget, **kwargs)

    def clean(self, value: Any) -> list[int]:
        try:
            return read_numbers(super().clean(value), most=self.most, unit=self.unit, field="")
        except Refused as refusal:
            raise forms.ValidationError(refusal.message) from None


class RuleForm(StyledForm):
    """A ladder, and what it is about."""

    kind = forms.ChoiceField(choices=Kind, initial=Kind.CERTIFICATE)
    vendor = forms.ModelChoiceField(Vendor.objects.all(), required=False, empty_label="Every vendor")
    tag = forms.CharField(max_length=40, required=False, help_text="Only gateways with this tag.")
    days = NumbersField(
        most=LONGEST_DAYS, unit="days", label="Days before the end", help_text="With commas between them: 90, 30, 7, 1"
    )
    shares = NumbersField(
        most=99,
        unit="percent",
        label="Percent of the life that remain",
        help_text="For lives of any length: 33 tells when a third is left.",
    )
    escalation_days = forms.IntegerField(
        label="Escalate after days without an answer",
        min_value=1,
        max_value=LONGEST_ESCALATION,
        required=False,
        help_text="First to the vendor's second contacts, then to operators. Empty: never.",
    )

    @property
    def wish(self) -> Wish:
        return Wish(**self.cleaned_data)

    @staticmethod
    def typed_of(rule: Rule) -> dict[str, Any]:
        """What one would have typed to get `rule`."""
        return {
            "kind": rule.kind,
            "vendor": rule.vendor_id,
            "tag": rule.tag,
            "days": ", ".join(map(str, rule.days)),
            "shares": ", ".join(map(str, rule.shares)),
            "escalation_days": rule.escalation_days,
        }


def zones() -> list[tuple[str, str]]:
    """All zones that this machine knows, with the deployment's own first."""
    return [("", "The deployment's"), *((name, name) for name in sorted(available_timezones()) if "/" in name)]


class WishesForm(StyledForm):
    """When somebody wants to be told, and of what."""

    wants = forms.ChoiceField(label="Which mails", choices=Recipient.Wants, widget=forms.RadioSelect)
    hour = forms.TypedChoiceField(
        label="Digest at", coerce=int, choices=[(hour, f"{hour:02}:00") for hour in range(24)]
    )
    zone = forms.ChoiceField(label="In the time zone", choices=zones, required=False)
