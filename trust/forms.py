"""What people type about trust."""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.db.models import QuerySet

from cas.models import Authority
from core import clock
from core.forms import StyledForm
from core.uploads import MAX_FILE_BYTES
from trust.models import Cluster, Group, Review, Store


class ConditionalField(forms.CharField):
    """Needed or not by what else was filled in, so that nobody calls it optional."""

    is_conditional = True


class PublishForm(StyledForm):
    """`seen` is the seal of the draft that the person looked at."""

    note = forms.CharField(
        label="What changes, and why",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Stays with the release for good.",
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    typed = forms.CharField(label="Name of the group", required=False, max_length=80)
    reason = ConditionalField(label="Why you decide alone", required=False, max_length=500)
    password = ConditionalField(
        label="Your password", required=False, max_length=200, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )


class ReviewForm(StyledForm):
    """What an operator thinks of a draft."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    verdict = forms.ChoiceField(choices=Review.Verdict.choices)
    note = forms.CharField(
        label="What you think of it", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )


class GroupForm(StyledForm):
    name = forms.RegexField(
        r"^[a-z][a-z0-9-]{1,39}$",
        max_length=40,
        help_text="The folder and the key of the index. Small letters, digits and hyphens.",
        error_messages={"invalid": "Small letters, digits and hyphens, beginning with a letter."},
    )
    purpose = forms.CharField(required=False, max_length=200, help_text="Who reads it: The Things Stack does not.")


class EndForm(StyledForm):
    """Until when an authority is trusted in a group."""

    ends_at = forms.DateField(
        label="Last day", required=False, widget=forms.DateInput(attrs={"type": "date"}), help_text="Empty: for good."
    )
    reason = forms.CharField(required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}))

    def clean_ends_at(self) -> datetime | None:
        """The end of that day, UTC."""
        day = self.cleaned_data["ends_at"]
        return datetime.combine(day, time.max.replace(microsecond=0), tzinfo=UTC) if day else None


class TypedForm(StyledForm):
    """A name that is typed before a far-reaching act."""

    typed = forms.CharField(label="Type the name to confirm", required=False, max_length=300)
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
    reason = forms.CharField(required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["typed"].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}


class GroupsForm(StyledForm):
    """Which groups a store carries."""

    groups = forms.ModelMultipleChoiceField(
        Group.objects.all(),
        label="It carries",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one group: an empty store stops a network server."},
    )


class RepairForm(StyledForm):
    repair = forms.ChoiceField(
        label="What somebody changed is put right", choices=Store.Repair.choices, widget=forms.RadioSelect
    )


class RolloverForm(StyledForm):
    """The authority that goes, and the one that comes: once the old one is chosen, only its vendor's are offered."""

    old = forms.ModelChoiceField(Authority.objects.none(), label="Replace")
    new = forms.ModelChoiceField(
        Authority.objects.none(), label="By", help_text="Another authority of the same vendor."
    )

    def __init__(self, *args: Any, group: Group, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = Authority.objects.select_related("vendor").order_by("vendor__name", "name")
        trusted = known.filter(memberships__in=group.memberships.present())
        coming = known.for_fleet().exclude(state=Authority.State.REFUSED).filter(not_after__gt=clock.now())
        old = trusted.filter(pk=chosen).first() if (chosen := self._chosen()) else None
        offered = coming.filter(vendor=old.vendor_id).exclude(pk=old.pk) if old else coming
        self._offer("old", trusted, trusted, none="No authority is in the group")
        self._offer("new", coming, offered, none="There is no other of this vendor")

    def _chosen(self) -> int | None:
        """The old authority, as it was sent or stands in the address."""
        value = str((self.data if self.is_bound else self.initial).get("old", ""))
        return int(value) if value.isdecimal() and len(value) < 19 else None

    def _offer(self, name: str, accepted: QuerySet[Authority], offered: QuerySet[Authority], *, none: str) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = accepted
            groups = _by_vendor(offered)
            field.widget.choices = [("", "Choose an authority" if groups else none), *groups]


def _by_vendor(authorities: Iterable[Authority]) -> list[tuple[str, list[tuple[int, str]]]]:
    """The authorities of each vendor under its name."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for each in authorities:
        vendor = each.vendor.name if each.vendor else each.get_origin_display()
        groups.setdefault(vendor, []).append((each.pk, each.name))
    return list(groups.items())


class ClusterForm(StyledForm):
    name = forms.CharField(max_length=80, help_text="What people call these network servers.")
    store = forms.ModelChoiceField(Store.objects.all(), empty_label=None, help_text="What they read when they start.")


class ProbeForm(StyledForm):
    cluster = forms.ModelChoiceField(Cluster.objects.all(), empty_label=None)
    eui = forms.CharField(
        label="Gateway", max_length=200, help_text="Its EUI. Its certificate's private key was made here and is kept."
    )
    address = forms.CharField(max_length=200, help_text="Where gateways connect: host:port, such as …:8987.")
    trust = forms.CharField(
        label="Trust for the server's certificate",
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="PEM. Empty: what the system trusts.",
    )


class ConnectForm(StyledForm):
    name = forms.CharField(max_length=80, help_text="What people call it, such as the cluster that reads it.")
    kind = forms.ChoiceField(choices=Store.Kind.choices, widget=forms.RadioSelect, initial=Store.Kind.DIRECTORY)
    directory = ConditionalField(required=False, max_length=400)
    bucket = ConditionalField(required=False, max_length=100)
    folder = forms.CharField(label="Prefix", required=False, max_length=200, help_text="A folder in the bucket.")
    endpoint = forms.URLField(
        required=False, max_length=200, assume_scheme="https", help_text="Empty for Amazon S3 itself."
    )
    region = forms.CharField(required=False, max_length=40, initial="us-east-1")
    path_style = forms.BooleanField(label="Bucket in the path, not in the host name", required=False, initial=True)
    groups = forms.ModelMultipleChoiceField(Group.objects.all(), required=False, widget=forms.CheckboxSelectMultiple)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        needed = "directory" if cleaned.get("kind") == Store.Kind.DIRECTORY else "bucket"
        if not cleaned.get(needed):
            self.add_error(needed, "This kind of store needs it.")
        return cleaned

    def store(self) -> Store:
        """An unsaved row, without what belongs to the other kind."""
        kind, name = self.cleaned_data["kind"], self.cleaned_data["name"]
        if kind == Store.Kind.DIRECTORY:
            return Store(name=name, kind=kind, directory=self.cleaned_data["directory"])
        place = {each: self.cleaned_data[each] for each in ("bucket", "endpoint", "region", "path_style")}
        return Store(name=name, kind=kind, prefix=self.cleaned_data["folder"].strip("/"), **place)


class PreflightForm(StyledForm):
    PUBLISHED, DRAFT = "published", "draft"

    leaf = ConditionalField(
        label="Certificate, chain, CSR or EUI",
        required=False,
        max_length=MAX_FILE_BYTES,
        widget=forms.Textarea(
            attrs={"rows": 9, "spellcheck": "false", "wrap": "off", "placeholder": "-----BEGIN CERTIFICATE-----"}
        ),
        help_text="Of a chain the first certificate counts. An EUI means that gateway's current certificate.",
    )
    file = forms.FileField(label="Or a file", required=False)
    against = forms.ChoiceField()
    at = forms.CharField(
        label="At", required=False, max_length=40, help_text="Empty for now; else 2026-09-01 12:00 UTC."
    )

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        against = self.fields["against"]
        if isinstance(against, forms.ChoiceField):
            against.choices = choices

    def clean_at(self) -> datetime | None:
        text = self.cleaned_data["at"].strip()
        return None if not text or text.lower() == "now" else _instant(text)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        upload = cleaned.get("file")
        if upload and upload.size > MAX_FILE_BYTES:
            self.add_error("file", "The file is larger than 1 MB.")
        elif not upload and not cleaned.get("leaf", "").strip() and "leaf" not in self.errors:
            self.add_error("leaf", "Paste a certificate, choose a file, or type an EUI.")
        return cleaned

    def content(self) -> bytes | None:
        """The content of the chosen file, if there is one."""
        upload = self.cleaned_data.get("file")
        return upload.read() if upload else None

    @property
    def instant(self) -> datetime:
        return self.cleaned_data["at"] or clock.now()


def _instant(text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text.upper().removesuffix("UTC").strip())
    except ValueError as error:
        raise forms.ValidationError("Write it as 2026-09-01 12:00 UTC.") from error
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
