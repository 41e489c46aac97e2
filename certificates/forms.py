"""Forms about requests and certificates."""

from typing import Any

from django import forms

from accounts.forms import in_words
from accounts.models import Vendor
from cas.models import Authority, Signing
from cas.services.profiles import offered
from certificates.models import Approval, IssuingPolicy
from certificates.services.policy import profiles_for
from certificates.services.requests import KEY_TYPES
from certificates.services.transfer import Fate
from core import clock
from core.forms import StyledForm
from core.uploads import MAX_FILE_BYTES
from pki.findings import Finding
from pki.profiles import GATEWAY_CLIENT, Naming, Profile

MADE_HERE, CSR = "made-here", "csr"


class FileOrText(StyledForm):
    """A file, or its content pasted."""

    @staticmethod
    def octets(text: str, file: Any) -> bytes:
        return bytes(file.read(MAX_FILE_BYTES)) if file else text.encode()


class PemArea(forms.Textarea):
    """Shows again what was typed, but never a private key."""

    def format_value(self, value: Any) -> str | None:
        text = super().format_value(value)
        return None if text and "PRIVATE KEY" in text.upper() else text


class _Text(forms.CharField):
    is_conditional = True  # needed unless there is a file


class ConditionalChoice(forms.ChoiceField):
    is_conditional = True  # needed where the key is made here


class ConditionalFile(forms.FileField):
    is_conditional = True  # needed unless there is a text


def offer(form: forms.Form, profiles: list[Profile]) -> None:
    """Let the form ask for these profiles and their lifetimes; where there is only one, nobody has to choose."""
    names = [profile.name for profile in profiles]
    days = sorted({days for profile in profiles for days in profile.days})
    form.fields["profile"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]  # a choice
    form.fields["lifetime_days"].choices = [(each, in_words(each)) for each in days]  # type: ignore[attr-defined]
    if names:
        form.fields["profile"].initial = names[0]
    if len(names) > 1:
        lives = "; ".join(f"{each.name}: {', '.join(map(str, each.days))} days" for each in profiles)
        form.fields["profile"].help_text = f"What it will look like, and how long it may last. {lives}."
    else:
        form.fields["profile"].widget = forms.HiddenInput()


def pem_field(label: str, what: str, **more: Any) -> _Text:
    attributes = {"rows": 6, "class": "c-mono", "spellcheck": "false", "placeholder": f"-----BEGIN {what}-----"}
    return _Text(label=label, required=False, max_length=MAX_FILE_BYTES, widget=PemArea(attrs=attributes), **more)


class RequestForm(FileOrText):
    source = forms.ChoiceField(
        label="The key",
        choices=[
            (MADE_HERE, "Make the key here: the kit then holds everything"),
            (CSR, "The gateway has its own key: I have a CSR"),
        ],
        widget=forms.RadioSelect,
        initial=MADE_HERE,
    )
    key_type = ConditionalChoice(label="Key type", required=False, choices=[(each, each) for each in KEY_TYPES])
    csr = pem_field("CSR", "CERTIFICATE REQUEST")
    csr_file = ConditionalFile(label="Or the CSR's file", required=False)
    profile = ConditionalChoice(label="Profile", required=False)
    lifetime_days = forms.TypedChoiceField(
        label="Lifetime",
        coerce=int,
        help_text="With 90 days, renewal is by hand until rotation over the air exists.",
    )
    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=80)
    findings: tuple[Finding, ...] = ()  # what is wrong with the CSR

    def __init__(self, *args: Any, vendor: Vendor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, profiles_for(vendor))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("source") == CSR and not (data.get("csr") or data.get("csr_file")):
            self.add_error("csr", "Paste the CSR, or choose its file.")
        if data.get("source") == MADE_HERE and data.get("key_type") == "":
            self.add_error("key_type", "Choose the type of the key that is made here.")
        return data

    def wish(self) -> dict[str, Any]:
        """What `request_certificate` takes."""
        data = self.cleaned_data
        profile = data["profile"] or self.fields["profile"].initial or GATEWAY_CLIENT.name
        common = {name: data[name] for name in ("lifetime_days", "idempotency_key")} | {"profile": profile}
        if data["source"] == CSR:
            return {**common, "csr": self.octets(data["csr"], data["csr_file"])}
        return {**common, "key_type": data["key_type"]}


class RecordForm(FileOrText):
    leaf = pem_field("Certificate", "CERTIFICATE", help_text="The gateway's own, signed by your authority.")
    file = ConditionalFile(label="Or its file", required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not (data.get("leaf") or data.get("file")):
            self.add_error("leaf", "Paste the certificate, or choose its file.")
        return data

    def content(self) -> bytes:
        return self.octets(self.cleaned_data["leaf"], self.cleaned_data["file"])


class DecisionForm(StyledForm):
    """Approve or refuse; alone, with a reason and the password."""

    decision = forms.ChoiceField(choices=[("approve", "Approve"), ("refuse", "Refuse")])
    sha256 = forms.CharField(widget=forms.HiddenInput, max_length=64)
    reason = forms.CharField(
        label="Reason", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Needed to refuse: the vendor gets it by mail.",
    )  # fmt: skip
    password = forms.CharField(
        label="Your password",
        required=False,
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="You are the only operator and asked for this yourself, so it is decided single-handed.",
    )


class RevokeForm(StyledForm):
    reason = forms.ChoiceField(label="Reason", choices=Signing.Reason.choices)


class RevokeManyForm(RevokeForm):
    typed = forms.CharField(label="How many", required=False, max_length=20)


class TransferForm(StyledForm):
    """To whom gateways go, and what becomes of their certificates."""

    to = forms.ModelChoiceField(Vendor.objects.all(), label="To", empty_label="Choose a vendor")
    fate = forms.ChoiceField(label="Their certificates", choices=Fate, widget=forms.RadioSelect)
    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Both vendors read it, and the audit keeps it.",
    )
    typed = forms.CharField(label="How many", required=False, max_length=20)


class RetireForm(StyledForm):
    typed = forms.CharField(label="How many", required=False, max_length=20)


class PolicyForm(StyledForm):
    authority = forms.ModelChoiceField(
        Authority.objects.none(), label="Issuing authority", required=False, empty_label="None: nothing is issued"
    )
    renews = forms.BooleanField(
        label="Renew by itself, when the profile says so",
        required=False,
        help_text="Each day's renewals are a batch: approved as above, its archive waits for the vendor. Keys that "
        "were made here are made anew; gateways with a CSR keep theirs. Old certificates stay valid until they end.",
    )

    def __init__(self, *args: Any, policy: IssuingPolicy, **kwargs: Any) -> None:
        present = {"authority": policy.authority_id, "renews": policy.renews}
        super().__init__(*args, initial=present, **kwargs)
        usable = Authority.objects.usable_at(clock.now()).order_by("name")
        self.fields["authority"].queryset = usable  # type: ignore[attr-defined]  # a choice of rows
        self._profiles = [profile.name for profile in offered(Naming.EUI)]
        for name in self._profiles:
            self.fields[_rule(name)] = forms.ChoiceField(
                label=f"Requests for {name}",
                choices=Approval,
                initial=policy.approval_of(name),
                help_text="Approved as they come: issued within seconds, and no operator sees them first.",
                widget=forms.Select(attrs={"class": "form-select"}),
            )

    @property
    def rules(self) -> list[forms.BoundField]:
        return [self[_rule(name)] for name in self._profiles]

    def decision(self) -> dict[str, Any]:
        """What `set_policy` takes."""
        data = self.cleaned_data
        approvals = {name: data[_rule(name)] for name in self._profiles}
        return {"authority": data["authority"], "renews": data["renews"], "approvals": approvals}


def _rule(profile: str) -> str:
    return f"approval-{profile}"
