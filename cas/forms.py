"""What people type about authorities."""

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator
from django.utils.datastructures import MultiValueDict

from accounts.models import User, Vendor
from cas.models import Authority, Signing, Waiver
from cas.services.operate import Plan
from core import clock
from core.forms import StyledForm
from keys import services as vault
from keys.models import Key
from pki.intake import LARGEST_FILE
from pki.key_scan import contains_private_key
from pki.profiles import ISSUING, ROOT, Profile

KEY_TYPES = [(kind, kind) for kind in ("P-256", "P-384", "RSA 2048", "RSA 3072", "RSA 4096")]
SHA256 = 64
GATEWAYS, SERVERS = "gateways", "servers"


class ReviewForm(StyledForm):
    """A decision, bound to the certificate that was looked at."""

    sha256 = forms.CharField(min_length=SHA256, max_length=SHA256, widget=forms.HiddenInput)
    decision = forms.ChoiceField(choices=[("approve", "Approve"), ("refuse", "Refuse")], widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The vendor gets it by mail. Needed to refuse.",
    )
    password = forms.CharField(
        label="Your password",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="You are the only operator and this is your own submission, so it is noted as single-handed.",
    )

    def __init__(self, *args: Any, is_single_handed: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_single_handed:
            self.fields.pop("password")


class EvidenceForm(StyledForm):
    """One certificate, as a file or as text. What it is, the service says."""

    content = b""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.is_conditional = True  # type: ignore[attr-defined]  # read by ui/_field.html: one of the two is needed

    file = forms.FileField(
        required=False,
        label="Certificate file",
        widget=forms.ClearableFileInput(attrs={"accept": ".pem,.crt,.cer,.der,.p7b,.p7c,.txt"}),
    )
    pasted = forms.CharField(
        required=False,
        label="Or paste it",
        max_length=LARGEST_FILE,
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "class": "c-mono c-paste",
                "spellcheck": "false",
                "autocomplete": "off",
                "placeholder": "-----BEGIN CERTIFICATE-----",
            }
        ),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        file = data.get("file")
        self.content = file.read() if file else data.get("pasted", "").encode(errors="replace")
        if not self.content and not self.errors:
            self.add_error("pasted", "Nothing came: choose the certificate's file, or paste it.")
        if contains_private_key(self.content):
            self.data = MultiValueDict()  # not even shown again
        return data


class WaiveForm(StyledForm):
    """Why a piece of evidence is done without."""

    what = forms.ChoiceField(choices=Waiver.What, widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=2000,
        error_messages={"required": "Say why: the reason stays with the authority."},
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Stays with the authority, for everybody who may see it.",
    )
    password = forms.CharField(
        label="Your password",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="You are the only operator and this is your own submission, so it is noted as single-handed.",
    )

    def __init__(self, *args: Any, is_single_handed: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_single_handed:
            self.fields.pop("password")


class RevokeSigningForm(StyledForm):
    reason = forms.ChoiceField(choices=Signing.Reason, initial=Signing.Reason.UNSPECIFIED)


class RootForm(StyledForm):
    """An operated root."""

    profile: Profile = ROOT
    name = forms.CharField(max_length=64, help_text="What it signs shows it as the issuer; it cannot be changed later.")
    organisation = forms.CharField(max_length=64, required=False)
    key_type = forms.ChoiceField(
        label="Key",
        choices=KEY_TYPES,
        initial="P-256",
        help_text="P-256 unless an old gateway needs RSA. It is made here and stays in the vault.",
    )
    provider = forms.ChoiceField(
        label="Where the key lives",
        choices=[(Key.Provider.SEALED, Key.Provider.SEALED.label)],
        required=False,
        widget=forms.RadioSelect,
        help_text="In the token nobody can copy it, and it signs only while the token is there. The token needs a "
        "backup of its own.",
        error_messages={
            "invalid_choice": "No token is offered here any more: create it again, or ask whoever set it up."
        },
    )
    years = forms.IntegerField(label="Lifetime in years", min_value=1, initial=20)
    path_length = forms.IntegerField(
        label="Path length",
        min_value=1,
        max_value=3,
        initial=1,
        help_text="How many authorities may stand below each other under this root. 1 is right for nearly everyone.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        longest = self.profile.lifetimes[-1].days // 365
        years = self.fields["years"]
        years.validators.append(MaxValueValidator(longest))
        years.widget.attrs["max"] = longest
        years.help_text = f"At most {longest}."
        if token := vault.offered_token():
            self._offer(token)

    def _offer(self, token: str) -> None:
        """Whoever set a token up wants the keys in it; who takes the other way says so."""
        field = self.fields["provider"]
        sealed = (Key.Provider.SEALED, Key.Provider.SEALED.label)
        field.choices = [(Key.Provider.PKCS11, f"In the token {token}"), sealed]  # type: ignore[attr-defined]  # a choice
        field.required, field.initial = True, Key.Provider.PKCS11

    @property
    def asks_where(self) -> bool:
        return self.fields["provider"].required or "provider" in self.errors

    @property
    def plan(self) -> Plan:
        chosen = self.cleaned_data
        return Plan(
            name=chosen["name"],
            organisation=chosen["organisation"],
            key_type=chosen["key_type"],
            years=chosen["years"],
            path_length=chosen["path_length"],
            provider=chosen["provider"] or Key.Provider.SEALED.value,
        )


class IssuingForm(RootForm):
    """An issuing authority under an operated root."""

    profile = ISSUING
    field_order = ["parent", "issues_for", "name", "organisation", "key_type", "provider", "years", "path_length"]
    parent = forms.ModelChoiceField(Authority.objects.none(), label="Root", empty_label="Choose a root")
    issues_for = forms.ChoiceField(
        label="Issues for",
        choices=[(GATEWAYS, "Gateways: their client certificates"), (SERVERS, "Servers: what gateways connect to")],
        widget=forms.RadioSelect,
        initial=GATEWAYS,
        required=False,
        help_text="Never both: whoever steals the key of the one cannot pretend to be the other.",
    )
    years = forms.IntegerField(label="Lifetime in years", min_value=1, initial=10)
    path_length = forms.IntegerField(
        label="Path length",
        min_value=0,
        max_value=2,
        initial=0,
        help_text="0: it signs gateways or servers, and no further authorities.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roots = Authority.objects.operated_roots().valid_at(clock.now())
        self.fields["parent"].queryset = roots  # type: ignore[attr-defined]  # a choice of rows


class VendorForm(StyledForm):
    """For whom an operator hands in; a vendor always hands in for itself."""

    vendor = forms.ModelChoiceField(Vendor.objects.none(), empty_label="Choose a vendor")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if user.is_vendor:
            self.fields.pop("vendor")
        else:
            self.fields["vendor"].queryset = Vendor.objects.all()  # type: ignore[attr-defined]  # a choice of rows
