"""Forms about certificates of servers."""

from typing import Any

from django import forms

from accounts.forms import in_words
from cas.models import Authority
from cas.services.profiles import offered
from certificates.forms import CSR, MADE_HERE, ConditionalChoice, ConditionalFile, FileOrText, pem_field
from certificates.services.server_certificates import ServerWish
from core import clock
from pki.certificate_template import NAME_ATTRIBUTES
from pki.errors import PkiError
from pki.hosts import LONGEST, MOST
from pki.key_scan import contains_private_key
from pki.profiles import KEY_TYPES, TLS_SERVER, Naming
from pki.server_csr import read_server_csr

ATTRIBUTES = {"O": "organisation", "OU": "unit", "L": "locality", "ST": "state", "C": "country"}

HOSTS_AREA = {
    "rows": 3,
    "class": "c-mono",
    "spellcheck": "false",
    "autocomplete": "off",
    "placeholder": "lns.example.com",
}


class ServerForm(FileOrText):
    """The wish for a server's certificate. Hosts are separated by blanks, commas or lines."""

    hosts = forms.CharField(
        label="Hosts",
        max_length=(LONGEST + 2) * MOST,
        widget=forms.Textarea(attrs=HOSTS_AREA),
        help_text="DNS names, wildcards such as *.example.com, and IP addresses. The first one is the common name.",
    )
    shape = forms.ChoiceField(label="Profile and lifetime")
    authority = forms.ModelChoiceField(Authority.objects.none(), label="Issuing authority", empty_label=None)
    source = forms.ChoiceField(
        label="The key",
        choices=[(MADE_HERE, "Make the key here, and download it once"), (CSR, "The server has its key: I have a CSR")],
        widget=forms.RadioSelect,
        initial=MADE_HERE,
    )
    key_type = ConditionalChoice(label="Key type", required=False, choices=[(each, each) for each in KEY_TYPES])
    csr = pem_field("CSR", "CERTIFICATE REQUEST", help_text="Only its key counts. Its names are shown as a proposal.")
    csr_file = ConditionalFile(label="Or the CSR's file", required=False)
    organisation = forms.CharField(max_length=64, required=False)
    unit = forms.CharField(label="Organisational unit", max_length=64, required=False)
    locality = forms.CharField(max_length=64, required=False)
    state = forms.CharField(label="State or province", max_length=64, required=False)
    country = forms.CharField(
        max_length=2, required=False, widget=forms.TextInput(attrs={"placeholder": "NL", "autocomplete": "off"})
    )
    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=80)
    proposed: tuple[str, ...] = ()  # the hosts in the CSR that the form does not name

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usable = Authority.objects.usable_for_servers_at(clock.now()).order_by("-not_after", "name")
        self.fields["authority"].queryset = usable  # type: ignore[attr-defined]  # a choice of rows
        self.fields["shape"].choices = [  # type: ignore[attr-defined]  # a choice
            (profile.name, [(f"{profile.name}:{days}", f"{in_words(days)}, {profile.name}") for days in profile.days])
            for profile in offered(Naming.HOSTS)
        ]
        self.fields["shape"].initial = f"{TLS_SERVER.name}:{TLS_SERVER.days[-1]}"

    @property
    def named(self) -> list[forms.BoundField]:
        """The fields of the further names."""
        return [self[field] for field in ATTRIBUTES.values()]

    @property
    def has_names(self) -> bool:
        """Beyond the organisation, which is proposed."""
        return any(each.value() for each in self.named[1:])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["content"] = self.octets(data.get("csr") or "", data.get("csr_file"))
        if data.get("source") == CSR and not data["content"]:
            self.add_error("csr", "Paste the CSR, or choose its file.")
        if data.get("source") == MADE_HERE and not data.get("key_type"):
            self.add_error("key_type", "Choose the type of the key that is made here.")
        if data.get("source") == CSR and data["content"]:
            self._propose(data["content"], (data.get("hosts") or "").lower())
        return data

    def _propose(self, content: bytes, hosts: str) -> None:
        """Say what the CSR would like to be called; where it is no good, the service says why."""
        if contains_private_key(content):
            return
        try:
            self.proposed = tuple(host for host in read_server_csr(content).hosts if host not in hosts)
        except PkiError:
            return

    def wish(self) -> ServerWish:
        """What `server_certificates.create` takes."""
        data = self.cleaned_data
        profile, _, days = data["shape"].partition(":")
        has_csr = data["source"] == CSR
        return ServerWish(
            hosts=tuple(data["hosts"].replace(",", " ").replace(";", " ").split()),
            profile=profile,
            lifetime_days=int(days),
            names=tuple((name, data[ATTRIBUTES[name]]) for name in NAME_ATTRIBUTES if data[ATTRIBUTES[name]]),
            key_type="" if has_csr else data["key_type"],
            csr=data["content"] if has_csr else None,
        )
