"""Forms of the trust pages."""

from typing import Any

from django import forms

from core.forms import StyledForm
from core.uploads import MAX_FILE_BYTES
from pki.errors import PkiError
from pki.eui import read_eui
from trust.models import Store


class ReleaseForm(StyledForm):
    note = forms.CharField(
        label="Why", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Stays with the release for good.",
    )  # fmt: skip


class NameForm(StyledForm):
    """Typing a name is the brake before a far-reaching act."""

    name = forms.CharField(label="Type its name to go on", required=False, max_length=300)


class StoreForm(StyledForm):
    name = forms.CharField(label="Name", max_length=80, help_text="As your people call it: a region, a cluster.")
    kind = forms.ChoiceField(label="Kind", choices=Store.Kind.choices)
    directory = forms.CharField(label="Directory", required=False, max_length=400)
    bucket = forms.CharField(label="Bucket", required=False, max_length=100)
    endpoint = forms.URLField(
        label="Endpoint", required=False, max_length=200, assume_scheme="https", help_text="Empty for Amazon S3."
    )
    prefix = forms.CharField(label="Prefix", required=False, max_length=200, help_text="A folder in the bucket.")
    region = forms.CharField(label="Region", required=False, max_length=40)
    path_style = forms.BooleanField(label="Bucket in the path, not in the host name", required=False, initial=True)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        needed = "directory" if data.get("kind") == Store.Kind.DIRECTORY else "bucket"
        if not data.get(needed):
            self.add_error(needed, "This is needed for a store of this kind.")
        return data

    def store(self) -> Store:
        return Store(**self.cleaned_data)


class PreflightForm(StyledForm):
    PUBLISHED, DRAFT = "published", "draft"
    leaf = forms.CharField(
        label="Certificate or chain",
        required=False,
        max_length=MAX_FILE_BYTES,
        widget=forms.Textarea(
            attrs={"rows": 8, "class": "c-mono", "spellcheck": "false", "placeholder": "-----BEGIN CERTIFICATE-----"}
        ),
        help_text="PEM; the first block is what the network server looks at.",
    )
    file = forms.FileField(label="Or a file", required=False)
    eui = forms.CharField(
        label="EUI", required=False, max_length=100, help_text="Alone: the gateway's current certificate is checked."
    )
    against = forms.ChoiceField(
        label="Against", choices=[(PUBLISHED, "Published release"), (DRAFT, "What would be published now")]
    )
    at = forms.DateTimeField(
        label="At", required=False, help_text="Empty for now; else such as 2026-09-01 12:00 (UTC)."
    )

    def clean_eui(self) -> str:
        text = self.cleaned_data["eui"].strip()
        if not text:
            return ""
        try:
            return read_eui(text).eui
        except PkiError as error:
            raise forms.ValidationError(error.message) from error

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not (data.get("leaf") or data.get("file") or data.get("eui")) and not self.errors:
            self.add_error("leaf", "Paste a certificate, choose a file, or give an EUI.")
        return data

    def content(self) -> bytes:
        """The octets of the certificate; empty where only an EUI was given."""
        file = self.cleaned_data.get("file")
        if file:
            return bytes(file.read(MAX_FILE_BYTES))
        return str(self.cleaned_data["leaf"]).encode()
