"""Forms about batches."""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms

from accounts.models import User, Vendor
from cas.services.profiles import offered
from certificates.forms import offer
from certificates.services import batch_sources
from certificates.services.batches import MAX_LINES, Entry, Wish
from certificates.services.policy import profiles_for
from certificates.services.requests import KEY_TYPES
from core.errors import Refused
from core.forms import StyledForm
from core.uploads import MAX_BATCH_BYTES
from gateways.models import Gateway, GatewayQuerySet
from pki.age_lock import AgeLock, for_pass_phrase, for_recipient
from pki.errors import PkiError
from pki.profiles import GATEWAY_CLIENT, Naming

CSRS, EUIS, ENDING, LIST = "csrs", "euis", "ending", "list"
MOST_WORDS = 250  # of a filter, on the page of the batch


class _Choice(forms.ChoiceField):
    is_conditional = True  # needed where keys are made here


class _File(forms.FileField):
    is_conditional = True  # needed for CSRs


class _Text(forms.CharField):
    is_conditional = True  # needed unless there is a file


class _Day(forms.DateField):
    is_conditional = True  # needed where an end decides


class BatchForm(StyledForm):
    """Which gateways, and where their keys come from."""

    vendor = forms.ModelChoiceField(Vendor.objects.all(), empty_label=None)
    source = forms.ChoiceField(
        label="The gateways",
        choices=[
            (CSRS, "I have their CSRs: a zip, or one file with all of them"),
            (EUIS, "I have their EUIs: make the keys here"),
            (ENDING, "All whose certificate ends before a day: make new keys here"),
        ],
        widget=forms.RadioSelect,
        initial=CSRS,
    )
    file = _File(
        label="File", required=False, help_text="CSRs: .zip or PEM. EUIs: one on each line, in any notation, or CSV."
    )
    euis = _Text(
        label="Or the EUIs themselves",
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "c-mono", "spellcheck": "false"}),
    )
    before = _Day(label="Ends before", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    key_type = _Choice(label="Key type", required=False, choices=[(each, each) for each in KEY_TYPES])
    profile = _Choice(label="Profile", required=False)
    lifetime_days = forms.TypedChoiceField(label="Lifetime", coerce=int)
    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=80)
    filter = forms.CharField(widget=forms.HiddenInput, required=False, max_length=30_000)  # of the list of gateways

    def __init__(self, *args: Any, user: User, listed: GatewayQuerySet | None = None, **kwargs: Any) -> None:
        """`listed` are the gateways of the list that the person came from, as that list was filtered."""
        super().__init__(*args, **kwargs)
        self._listed = listed
        if listed is not None:
            many = f"{listed[: MAX_LINES + 1].count():,} " if user.is_vendor else ""  # for others, the vendor decides
            choice = (LIST, f"The {many}gateways of the list that I came from: make new keys here")
            self.fields["source"].choices = [choice, *self.fields["source"].choices]  # type: ignore[attr-defined]
        if user.is_vendor:
            self.fields.pop("vendor")
        offer(self, profiles_for(user.vendor) if user.vendor else offered(Naming.EUI))
        self._user = user

    def chosen_vendor(self) -> Vendor:
        chosen: Vendor | None = self._user.vendor if self._user.is_vendor else self.cleaned_data["vendor"]
        if chosen is None:
            raise Refused("vendor-needed", "Choose a vendor.", field="vendor")
        return chosen

    def entries(self) -> list[Entry]:
        """The lines that were handed in. Raises Refused."""
        source = self.cleaned_data["source"]
        if source == ENDING:
            return self._ending()
        if source == LIST and self._listed is not None:
            return _entries(self._listed.filter(vendor=self.chosen_vendor()))
        content = self._content()
        return batch_sources.csrs(content) if source == CSRS else batch_sources.euis(content)

    def wish(self) -> Wish:
        data = self.cleaned_data
        ending = f"gateways whose certificate ends before {data['before']}"
        listed = f"the list of gateways, {data['filter'][:MOST_WORDS] or 'not filtered'}"
        words = {CSRS: self._file_name("CSRs"), EUIS: self._file_name("EUIs"), ENDING: ending, LIST: listed}
        key_type = "" if data["source"] == CSRS else data["key_type"]
        profile = data["profile"] or GATEWAY_CLIENT.name
        return Wish(words[data["source"]], data["lifetime_days"], key_type, profile)

    def _file_name(self, what: str) -> str:
        file = self.cleaned_data["file"]
        return f"{what} of {file.name}" if file else f"{what} that were pasted"

    def _content(self) -> bytes:
        file, text = self.cleaned_data["file"], self.cleaned_data["euis"]
        if file is None:
            if not text.strip() or self.cleaned_data["source"] == CSRS:
                raise Refused("file-needed", "Choose a file.", field="file")
            return str(text).encode()
        if file.size > MAX_BATCH_BYTES:
            raise Refused("file-too-large", "The file is larger than 15 MB. Split it.", field="file")
        return bytes(file.read())

    def _ending(self) -> list[Entry]:
        day: date | None = self.cleaned_data["before"]
        if day is None:
            raise Refused("day-needed", "Choose the day.", field="before")
        instant = datetime.combine(day, time.min, tzinfo=UTC)
        return _entries(Gateway.objects.filter(vendor=self.chosen_vendor(), current_not_after__lt=instant))


def _entries(gateways: GatewayQuerySet) -> list[Entry]:
    """One more than a batch may have, at most: then it is refused."""
    return [Entry(eui) for eui in gateways.order_by("eui").values_list("eui", flat=True)[: MAX_LINES + 1]]


class LockForm(StyledForm):
    """How the private keys of an archive are encrypted."""

    recipient = _Text(
        label="Your age recipient", required=False, max_length=100, help_text="age1…, as age-keygen says it."
    )
    pass_phrase = _Text(
        label="Or a pass phrase",
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. It is kept nowhere.",
    )

    def lock(self) -> AgeLock:
        recipient, pass_phrase = self.cleaned_data["recipient"], self.cleaned_data["pass_phrase"]
        field = "recipient" if recipient else "pass_phrase"
        try:
            return for_recipient(recipient) if recipient else for_pass_phrase(pass_phrase)
        except PkiError as error:
            raise Refused(error.code, error.message, field=field) from None
