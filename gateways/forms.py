"""What people type about gateways."""

from typing import Any

from django import forms

from accounts.models import User, Vendor
from core.errors import Refused
from core.forms import StyledForm
from gateways.models import Claim, Dispute
from gateways.services.tagging import read_tags
from pki.eui import EuiReading, InvalidEui, read_eui


class RegisterForm(StyledForm):
    """One gateway. `reading` is what was understood of the EUI."""

    vendor = forms.ModelChoiceField(Vendor.objects.none(), empty_label="Choose a vendor")
    eui = forms.CharField(
        label="EUI",
        max_length=200,
        help_text="As on the label or in the log: 16 hex digits, with - or : between them, ID6, or a MAC address.",
    )
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(max_length=120, required=False, help_text="Where it stands, or how you call it.")
    model = forms.CharField(max_length=80, required=False, help_text="Its maker and type.")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reading: EuiReading | None = None
        self.fields["eui"].widget.attrs |= {"autocomplete": "off", "spellcheck": "false", "autofocus": True}
        if user.is_vendor:
            self.fields.pop("vendor")
        else:
            self.fields["vendor"].queryset = Vendor.objects.all()  # type: ignore[attr-defined]  # a choice of rows

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "eui" in cleaned:
            self._read(cleaned["eui"], is_confirmed=cleaned.get("confirmed", False))
        return cleaned

    def _read(self, text: str, *, is_confirmed: bool) -> None:
        try:
            self.reading = read_eui(text)
        except InvalidEui as error:
            self.add_error("eui", error.message)
            return
        if self.reading.question and not is_confirmed:
            self.add_error("eui", "Answer the question below: a MAC address is no EUI yet.")


class BlockForm(StyledForm):
    """Whose a block is."""

    vendor = forms.ModelChoiceField(Vendor.objects.all(), empty_label="Choose a vendor")
    block = forms.CharField(
        label="Begins with",
        max_length=40,
        help_text="The first digits of its EUIs: 6 for MA-L, 7 for MA-M, 9 for MA-S; or with bits, as 58A0CB/24.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    with_macs = forms.BooleanField(
        label="Also the EUIs that are made of its MAC addresses",
        required=False,
        initial=True,
        help_text="From a block of more than 24 bits, these begin with other digits: FFFE stands in the middle.",
    )
    granted = forms.BooleanField(
        label="It was given away by the vendor whose block lies around it",
        required=False,
        help_text="Blocks of two vendors overlap only so.",
    )
    note = forms.CharField(max_length=200, required=False)


class ClaimsForm(StyledForm):
    """What an operator decides about some claims."""

    outcome = forms.ChoiceField(choices=Claim.Outcome)
    reason = forms.CharField(max_length=500, required=False, help_text="The vendors read it where you refuse.")
    all = forms.BooleanField(required=False)


class TagsField(forms.CharField):
    """Tags between commas; cleaned, a list of them."""

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"autocomplete": "off", "spellcheck": "false"}
        super().__init__(required=False, max_length=900, widget=forms.TextInput(attrs=attributes), **kwargs)

    def clean(self, value: Any) -> list[str]:
        try:
            return read_tags(super().clean(value))
        except Refused as refusal:
            raise forms.ValidationError(refusal.message) from None


class TagForm(StyledForm):
    """What is put on gateways, and what is taken off them."""

    add = TagsField(label="Put on", help_text="Words of your own, with commas between them: mast, north")
    remove = TagsField(label="Take off")


class DescriptionForm(StyledForm):
    name = forms.CharField(max_length=120, required=False)
    model = forms.CharField(max_length=80, required=False, help_text="As its maker calls it.")
    tags = TagsField(help_text="Words to find it by, with commas between them.")
    notes = forms.CharField(max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 4}))


class DecisionForm(StyledForm):
    """How a dispute ends."""

    outcome = forms.ChoiceField(choices=Dispute.Outcome, widget=forms.RadioSelect)
    reason = forms.CharField(
        max_length=1000, widget=forms.Textarea(attrs={"rows": 2}), help_text="Kept in the audit record."
    )
