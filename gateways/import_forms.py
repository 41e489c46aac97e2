"""Forms about imports."""

from typing import Any

from django import forms

from accounts.models import User, Vendor
from core.errors import Refused
from core.forms import StyledForm
from gateways.models import WorkFile
from gateways.services.imports.columns import EUI, FIELDS, OF_SIGHTINGS, Columns
from gateways.services.imports.reporting import Look
from gateways.uploads import ReceivedFile


class _KeptFile(forms.FileField):
    """A file that the upload handler has put away already."""

    def to_python(self, data: Any) -> ReceivedFile | None:
        return data if isinstance(data, ReceivedFile) else None

    def clean(self, data: Any, initial: Any = None) -> Any:
        if not isinstance(data, ReceivedFile):
            raise forms.ValidationError("Choose a file.")
        if data.refusal is not None:
            raise forms.ValidationError(data.refusal.message)
        return data


class UploadForm(StyledForm):
    """Whose gateways, and the file with them."""

    vendor = forms.ModelChoiceField(Vendor.objects.all(), empty_label="Choose a vendor")
    file = _KeptFile(
        help_text="CSV with a line for each gateway, or JSON as The Things Stack exports it. At most 100 MB.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.json,.jsonl,.ndjson,text/csv,application/json"}),
    )
    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=80)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        if user.is_vendor:
            self.fields.pop("vendor")

    def chosen_vendor(self) -> Vendor:
        chosen: Vendor | None = self._user.vendor if self._user.is_vendor else self.cleaned_data["vendor"]
        if chosen is None:
            raise Refused("vendor-needed", "Choose a vendor.", field="vendor")
        return chosen

    def kept(self) -> WorkFile:
        received: ReceivedFile = self.cleaned_data["file"]
        if received.kept is None:
            raise Refused("file-needed", "Choose a file.", field="file")
        return received.kept


class ColumnsForm(StyledForm):
    """Which column has what."""

    reads_macs = forms.BooleanField(
        label="Insert FFFE into the middle of MAC addresses",
        required=False,
        help_text="As gateways do. Otherwise a line with a MAC address of 12 digits is left out.",
    )
    updates = forms.BooleanField(
        label="Change gateways that are registered already",
        required=False,
        help_text="Their name, model, notes and tags become those of the file; an empty cell changes nothing.",
    )

    def __init__(self, *args: Any, look: Look, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "not in the file"), *((str(place), name) for place, name in enumerate(look.columns))]
        for field, label in FIELDS.items():
            if field in OF_SIGHTINGS and not user.is_operator:
                continue
            shown = choices[1:] if field == EUI else choices
            widget = forms.Select(attrs={"class": "form-select"})
            self.fields[field] = forms.ChoiceField(
                choices=shown, required=field == EUI, label=label, widget=widget, initial=self.initial.get(field, "")
            )
        self.order_fields([*FIELDS, "reads_macs", "updates"])

    def columns(self) -> Columns:
        chosen = {field: self.cleaned_data.get(field, "") for field in FIELDS}
        return {field: int(place) for field, place in chosen.items() if place}
