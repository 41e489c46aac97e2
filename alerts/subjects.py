"""What an alert is about: where its subject stands, what breaks with it, and what one does next."""

from dataclasses import dataclass

from django.urls import reverse

from accounts.models import User
from alerts.models import Alert, Kind

WITH_ITS_END = {  # before the end, and after it
    Kind.CERTIFICATE: ("Refused from its end on", "Refused until it is renewed"),
    Kind.SERVER: ("Nobody connects from its end on", "Nobody connects until it is renewed"),
    Kind.LIST: ("Who asks trusts no list from its end on", "Who asks is told nothing current"),
    Kind.SIGNER: ("No OCSP answer is signed from its end on", "No OCSP answer is signed"),
    Kind.TOKEN: ("Whatever uses it is refused from its end on", "Whatever uses it is refused"),
    Kind.PROBE: ("What is live is not known from its end on", "What is live is not known"),
    Kind.JOB: ("What it does is not done", "What it does is not done"),
}


LOOKS = {
    Kind.AUTHORITY: ("Open the authority", "certificate"),
    Kind.CERTIFICATE: ("Open the certificate", "file-certificate"),
    Kind.SERVER: ("Open the server", "server"),
    Kind.LIST: ("Open the authority", "certificate"),
    Kind.SIGNER: ("Open the authority", "certificate"),
    Kind.TOKEN: ("Make a new token", "key"),
    Kind.PROBE: ("Open the clusters", "server"),
    Kind.JOB: ("Look at the jobs", "clock"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do next."""

    label: str
    url: str
    icon: str
    is_post: bool = False


def url_of(alert: Alert, user: User) -> str:
    """The page of what ends."""
    kind = Kind(alert.kind)
    if kind in (Kind.AUTHORITY, Kind.LIST, Kind.SIGNER) and alert.authority_id:
        return reverse("cas:detail", args=[alert.authority_id])
    if kind is Kind.TOKEN:
        return reverse("accounts:all_tokens" if user.sees_all else "accounts:tokens")
    one = {Kind.CERTIFICATE: "certificates:detail", Kind.SERVER: "certificates:server"}.get(kind)
    if one:
        return reverse(one, args=[alert.subject_id])
    return reverse({Kind.PROBE: "trust:clusters"}.get(kind, "overview"))


def steps(alert: Alert, user: User) -> list[Step]:
    """The one or two things that help, the first of them most."""
    label, icon = LOOKS[Kind(alert.kind)]
    look = Step(label, url_of(alert, user), icon)
    if alert.state == Alert.State.CLOSED:
        return [look]
    if alert.kind == Kind.CERTIFICATE and alert.gateway_id and user.has_perm("hand_in"):
        return [Step("Request certificate", reverse("certificates:new", args=[alert.gateway_id]), "certificate"), look]
    if alert.kind == Kind.SERVER and user.is_operator:
        url = reverse("certificates:renew_server", args=[alert.subject_id])
        return [Step("Renew", url, "refresh", is_post=True), look]
    return [look]


def breaks(alert: Alert, gateways: int = 0) -> str:
    """What breaks with the end, in a few words."""
    over = alert.is_over
    if alert.kind != Kind.AUTHORITY:
        return WITH_ITS_END[Kind(alert.kind)][over]
    if not gateways:
        return "No gateway depends on it"
    return f"{gateways:,} gateway{'' if gateways == 1 else 's'} {'off the air' if over else 'with it'}"


def threshold_in_words(threshold: str) -> str:
    """`90d` as `90 days`, `third` as `a third of its life`."""
    named = {"expired": "ended", "third": "a third of its life", "closed": "all is well again"}
    if threshold in named:
        return named[threshold]
    if threshold.startswith("woken:"):
        return "the snooze is over"
    if threshold.endswith("%"):
        return f"{threshold} of its life"
    days = threshold.removesuffix("d")
    return f"{days} day{'' if days == '1' else 's'}"
