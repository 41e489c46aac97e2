"""Forms about people, vendors and the deployment."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from accounts.models import Contact, Deployment, Role, User
from core import clock
from core.forms import StyledForm
from core.uploads import MAX_FILE_BYTES
from pki.errors import PkiError
from pki.kit import check_cups_uri, check_trust_pem
from pki.profiles import GATEWAY_CLIENT


def in_words(days: int) -> str:
    """`90 days`, `1 year`, `2 years`."""
    years, rest = divmod(days, 365)
    count, unit = (days, "day") if rest or not years else (years, "year")
    return f"{count} {unit}{'' if count == 1 else 's'}"


LIFETIMES = [(life.days, in_words(life.days)) for life in GATEWAY_CLIENT.lifetimes]


def _new_password(label: str, hint: str = "") -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, help_text=hint, widget=widget, max_length=200, strip=False)


class NewPasswordForm(StyledForm):
    """A new password, twice."""

    password = _new_password("Password", "12 characters or more.")
    again = _new_password("Password again")

    def person(self) -> User:
        """Whose password it becomes: it must not be like their name or address."""
        return User(email=self.cleaned_data.get("email", ""), name=self.cleaned_data.get("name", ""))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("password"):
            try:
                validate_password(data["password"], self.person())
            except forms.ValidationError as error:
                self.add_error("password", error)
        if data.get("password") != data.get("again") and "password" not in self.errors:
            self.add_error("again", "The two are not the same.")
        return data


class DeploymentForm(StyledForm):
    """What the deployment says of itself, and what station kits need."""

    deployment_name = forms.CharField(
        label="Name of this deployment", max_length=120, help_text="Your network, as vendors know it."
    )
    cups_uri = forms.CharField(
        label="CUPS address",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "https://cups.example.com:8987", "class": "c-mono"}),
        help_text="Where gateways ask for updates; the port is needed. Station kits carry it.",
    )
    cups_trust = forms.CharField(
        label="Trust certificate of that server",
        required=False,
        max_length=MAX_FILE_BYTES,
        widget=forms.Textarea(
            attrs={"rows": 5, "class": "c-mono", "spellcheck": "false", "placeholder": "-----BEGIN CERTIFICATE-----"}
        ),
        help_text="The CA that signed the server's certificate, as PEM. Station kits carry it as cups.trust.",
    )
    cups_trust_file = forms.FileField(
        label="… or as a file", required=False, widget=forms.FileInput(attrs={"accept": ".pem,.crt,.cer,.trust"})
    )

    def clean_cups_uri(self) -> str:
        text = str(self.cleaned_data["cups_uri"]).strip()
        try:
            if text:
                check_cups_uri(text)
        except PkiError as error:
            raise forms.ValidationError(error.message) from error
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        file = data.pop("cups_trust_file", None)
        text = file.read(MAX_FILE_BYTES).decode("utf-8-sig", "replace") if file else data.get("cups_trust", "")
        text = text.replace("\0", "").strip()
        data["cups_trust"] = f"{text}\n".replace("\r\n", "\n") if text else ""
        try:
            if text:
                check_trust_pem(data["cups_trust"].encode(), now=clock.now())
        except PkiError as error:
            self._refuse_trust(error)
        return data

    def _refuse_trust(self, error: PkiError) -> None:
        """Beside the field, which is then empty: what was in it may have been a private key."""
        self.data = {name: value for name, value in self.data.items() if name != "cups_trust"}
        self.add_error("cups_trust", error.message)

    def fill(self, deployment: Deployment) -> Deployment:
        data = self.cleaned_data
        deployment.name, deployment.cups_uri = data["deployment_name"], data["cups_uri"]
        deployment.cups_trust = data["cups_trust"]
        return deployment


class SetupForm(NewPasswordForm, DeploymentForm):
    name = forms.CharField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label="Your e-mail", widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    field_order = ("name", "email", "password", "again", "deployment_name", "cups_uri", "cups_trust", "cups_trust_file")


class SettingsForm(DeploymentForm):
    default_lifetime_days = forms.TypedChoiceField(
        label="Lifetime of gateway certificates",
        coerce=int,
        choices=LIFETIMES,
        help_text="Proposed for each request. 90 days mean renewal by hand until rotation over the air exists.",
    )

    def fill(self, deployment: Deployment) -> Deployment:
        deployment.default_lifetime_days = self.cleaned_data["default_lifetime_days"]
        return super().fill(deployment)


class AcceptForm(NewPasswordForm):
    name = forms.CharField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ("name", "password", "again")


class VendorForm(StyledForm):
    name = forms.CharField(label="Name", max_length=120)
    notes = forms.CharField(label="Notes", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
    reply_to = forms.EmailField(
        label="Its answers go to",
        required=False,
        help_text="Where mails to this vendor are answered: the address of who looks after it. Empty: the sender's.",
    )


class ContactForm(StyledForm):
    name = forms.CharField(label="Name", max_length=120)
    email = forms.EmailField(label="E-mail")
    rank = forms.ChoiceField(label="Mails", choices=Contact.Rank, required=False)

    def clean_rank(self) -> int:
        return int(self.cleaned_data["rank"] or Contact.Rank.FIRST)


class VendorInvitationForm(StyledForm):
    email = forms.EmailField(label="Invite by e-mail")


class StaffInvitationForm(StyledForm):
    email = forms.EmailField(label="Invite by e-mail")
    role = forms.ChoiceField(
        label="Role", choices=[(Role.OPERATOR.value, "Operator"), (Role.AUDITOR.value, "Auditor: reads everything")]
    )


class NameForm(StyledForm):
    name = forms.CharField(label="Your name", max_length=120)


class ChangePasswordForm(NewPasswordForm):
    old = forms.CharField(
        label="Present password",
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("old", "password", "again")


class ReauthenticateForm(StyledForm):
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
