"""Forms about files of cfssl."""

from dataclasses import replace
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict

from cas.forms import RootForm
from cas.services.operate import Plan
from certificates.forms import ConditionalFile, FileOrText
from core.forms import StyledForm
from pki.certificate_template import NAME_ATTRIBUTES
from pki.cfssl import AuthorityRequest, Reading, read_cfssl
from pki.cfssl_json import LARGEST
from pki.errors import PkiError
from pki.key_scan import contains_private_key

AUTO, AUTHORITY, SERVER = "auto", "authority", "server"
MEANS = {AUTO: None, AUTHORITY: True, SERVER: False}
ATTRIBUTES = {"OU": "unit", "L": "locality", "ST": "state", "C": "country"}


class CfsslForm(FileOrText):
    """The file, or its text, and what it is for."""

    reading: Reading | None = None
    content = ""
    file = ConditionalFile(label="File", required=False, widget=forms.ClearableFileInput(attrs={"accept": ".json"}))
    pasted = forms.CharField(
        label="Or paste it",
        required=False,
        max_length=LARGEST,
        widget=forms.Textarea(
            attrs={"rows": 8, "class": "c-mono", "spellcheck": "false", "placeholder": '{"names": …}'}
        ),
    )
    kind = forms.ChoiceField(
        label="A request is for",
        choices=[
            (AUTO, "What its content says"),
            (AUTHORITY, "An authority (ca.json)"),
            (SERVER, "A server (cert.json)"),
        ],
        widget=forms.RadioSelect,
        initial=AUTO,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pasted"].is_conditional = True  # type: ignore[attr-defined]  # read by ui/_field.html

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        content = self.octets(data.get("pasted") or "", data.get("file"))
        if not content:
            self.add_error("pasted", "Choose the file, or paste it.")
        elif not self.errors:
            self._read(content, data.get("kind") or AUTO)
        return data

    def _read(self, content: bytes, kind: str) -> None:
        try:
            self.reading = read_cfssl(content, is_authority=MEANS[kind])
            self.content = content.decode("utf-8-sig")
        except PkiError as error:
            self.add_error("pasted", error.message)
        if contains_private_key(content):
            self.data = MultiValueDict()  # not even shown again


class CfsslAuthorityForm(RootForm):
    """The root that a request becomes, as the operator wants it."""

    content = forms.CharField(widget=forms.HiddenInput, max_length=LARGEST)
    unit = forms.CharField(label="Organisational unit", max_length=64, required=False)
    locality = forms.CharField(max_length=64, required=False)
    state = forms.CharField(label="State or province", max_length=64, required=False)
    country = forms.CharField(max_length=2, required=False)
    with_servers = forms.BooleanField(
        label="Make an authority for servers under it, too",
        required=False,
        help_text="The root of cfssl signs servers itself. Here an authority does it, and the root stays apart.",
    )

    @classmethod
    def values_of(cls, asked: AuthorityRequest) -> dict[str, object]:
        """What the form proposes."""
        names = dict(asked.names)
        return {
            "name": asked.proposed,
            "organisation": names.get("O", ""),
            "key_type": asked.key_type,
            "years": asked.years,
            "path_length": asked.path_length,
            "with_servers": True,
            **{field: names.get(name, "") for name, field in ATTRIBUTES.items()},
        }

    @property
    def plan(self) -> Plan:
        data = self.cleaned_data
        given = {name: data[field] for name, field in ATTRIBUTES.items() if data[field]}
        return replace(super().plan, others=tuple((name, given[name]) for name in NAME_ATTRIBUTES if name in given))


class CfsslProfilesForm(StyledForm):
    """Which of the profiles in a configuration are made."""

    content = forms.CharField(widget=forms.HiddenInput, max_length=LARGEST)
    chosen = forms.MultipleChoiceField(
        label="Make these",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )

    def __init__(self, *args: Any, reading: Reading, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["chosen"].choices = [(each.name, each.name) for each in reading.profiles]  # type: ignore[attr-defined]  # a choice
        # what changes all authorities that come is chosen by hand
        self.fields["chosen"].initial = [each.name for each in reading.profiles if not each.is_ca]
