"""What a person chooses of a webhook."""

from datetime import UTC
from typing import Any

from django import forms

from core.forms import StyledForm
from outbox.hook_models import OF_VENDORS, Event

HINTS = {
    Event.ISSUED: "a gateway or server got one",
    Event.EXPIRING: "something crossed a threshold of its end",
    Event.REVOKED: "with the reason",
    Event.PUBLISHED: "a new state of a trust group",
    Event.FAILING: "a scheduled job is silent, a store does not answer",
}


class WebhookForm(StyledForm):
    name = forms.CharField(max_length=80, help_text="What listens there: “ticket desk”.")
    url = forms.CharField(
        label="Address",
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://hooks.example.com/certadmin", "class": "c-mono"}),
        help_text="Events are sent there by POST, as signed JSON.",
    )
    events = forms.MultipleChoiceField(
        label="Events",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one event."},
    )

    def __init__(self, *args: Any, vendor_id: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = OF_VENDORS if vendor_id else tuple(Event)
        choices = [(event.value, f"{event.label}: {HINTS[event]}") for event in offered]
        self.fields["events"].choices = choices  # type: ignore[attr-defined]  # a choice

    def clean_url(self) -> str:
        return str(self.cleaned_data["url"]).strip()


class ReplayForm(StyledForm):
    since = forms.DateTimeField(
        label="Tell it again since (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )

    def clean_since(self) -> Any:
        return self.cleaned_data["since"].astimezone(UTC)
