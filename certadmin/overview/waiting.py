"""What waits for an operator's decision, and what the deployment lacks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Min, QuerySet
from django.urls import reverse

from accounts.models import Deployment, User
from audit.services import jobs
from cas.models import Authority, Signing
from certadmin.overview.todo import Todo, listed, plural
from certificates.models import Request
from core.templatetags.ui import day, span_in_words, utc
from gateways.models import Claim, Dispute, Gateway
from pki.profiles import AUTHORITIES


def reviews(user: User, now: datetime) -> list[Todo]:
    if not user.is_operator:
        return []
    found = _by_vendor(Authority.objects.waiting(), "submitted_at")
    if not found.count:
        return []
    since = f"{'The oldest' if found.count > 1 else 'It'} has waited {span_in_words(now - found.oldest)}."
    return [
        Todo(
            tone="idle",
            icon="certificate",
            title=f"{plural(found.count, 'authority', 'authorities')} to review",
            text=f"{listed(found.names)}. {since}",
            action="Review",
            url=found.url("cas:detail", everything=f"{reverse('cas:list')}?state=submitted"),
        )
    ]


def requests(user: User, now: datetime) -> list[Todo]:
    if not user.is_operator:
        return []
    found = _by_vendor(Request.objects.waiting(), "requested_at")
    if not found.count:
        return []
    return [
        Todo(
            tone="idle",
            icon="inbox",
            title=f"{plural(found.count, 'request')} to approve",
            text=f"{listed(found.names)}. {'Oldest from' if found.count > 1 else 'Made on'} {day(found.oldest)}.",
            action="Approve requests" if found.count > 1 else "Look at it",
            url=found.url("certificates:request", everything=_requests(Request.State.REQUESTED)),
        )
    ]


def disputes(user: User, now: datetime) -> list[Todo]:
    if not user.is_operator:
        return []
    found = _by_vendor(Dispute.objects.open(), "claimed_at", vendor="claimant")
    if not found.count:
        return []
    return [
        Todo(
            tone="warn",
            icon="alert-triangle",
            title=f"{plural(found.count, 'gateway is', 'gateways are')} claimed twice",
            text=f"By {listed(found.names)}, since {day(found.oldest)}. No certificate is made meanwhile.",
            action="Decide",
            url=reverse("gateways:disputes"),
        )
    ]


def claims(user: User, now: datetime) -> list[Todo]:
    """What vendors registered outside of their blocks."""
    if not user.is_operator:
        return []
    found = _by_vendor(Claim.objects.waiting(), "claimed_at")
    if not found.count:
        return []
    return [
        Todo(
            tone="warn",
            icon="router",
            title=f"{plural(found.count, 'gateway')} outside of any block of {listed(found.names)}",
            text=f"Since {day(found.oldest)}. Until you decide, there is no gateway and no certificate.",
            action="Decide",
            url=reverse("gateways:claims"),
        )
    ]


def may_exist(user: User, now: datetime) -> list[Todo]:
    """Signatures whose outcome nobody knows: they can be revoked by serial."""
    if not user.is_operator:
        return []
    open_ones = Signing.objects.may_exist().filter(revoked_at__isnull=True)
    authorities = open_ones.filter(profile__in=AUTHORITIES).count()
    gateways = open_ones.count() - authorities
    found = []
    if gateways:
        found.append(_doubtful(plural(gateways, "certificate"), gateways, _requests(Request.State.MAY_EXIST)))
    if authorities:
        words = plural(authorities, "authority", "authorities")
        found.append(_doubtful(words, authorities, reverse("cas:list")))
    return found


def _doubtful(what: str, count: int, url: str) -> Todo:
    return Todo(
        tone="warn",
        icon="alert-triangle",
        title=f"{what} may exist",
        text="Recorded and perhaps signed, never delivered. Finish or revoke by serial.",
        action="Look at them" if count > 1 else "Look at it",
        url=url,
    )


def silence(user: User, now: datetime) -> list[Todo]:
    """Scheduled jobs that have not succeeded in time: what they do is not done."""
    silent = [job for job in jobs() if job.is_silent(now)] if user.is_operator else []
    if not silent:
        return []
    first = min(silent, key=lambda job: job.succeeded_at or now)
    one = f"The job “{first.name}” is silent"
    return [
        Todo(
            tone="bad",
            icon="bell",
            title=one if len(silent) == 1 else f"{len(silent)} scheduled jobs are silent",
            text=f"“{first.name}” last ran {utc(first.succeeded_at)}. Do the worker and the beat run?",
            action="Look at the jobs",
            url=f"{reverse('overview')}#jobs",
        )
    ]


def kits(user: User, now: datetime) -> list[Todo]:
    """Station kits cannot be made without the address of the CUPS server."""
    if not user.is_operator:
        return []
    deployment = Deployment.objects.first()
    if deployment is None or (deployment.cups_uri and deployment.cups_trust) or not Gateway.objects.exists():
        return []
    return [
        Todo(
            tone="idle",
            icon="settings",
            title=f"The CUPS {'trust certificate' if deployment.cups_uri else 'address'} is missing",
            text="Station kits need the address of your CUPS server and the certificate it chains to.",
            action="Open the settings",
            url=reverse("accounts:settings"),
        )
    ]


def _requests(state: str) -> str:
    return f"{reverse('certificates:requests')}?{urlencode({'state': state})}"


@dataclass(frozen=True, slots=True)
class _Waiting:
    count: int
    names: list[str]  # of whose they are, most first
    oldest: Any
    first: int | None

    def url(self, name: str, *, everything: str) -> str:
        """The one thing's own page, or the list of `everything`."""
        return reverse(name, args=[self.first]) if self.count == 1 else everything


def _by_vendor(waiting: "QuerySet[Any, Any]", since: str, *, vendor: str = "vendor") -> _Waiting:
    """What waits, by whose it is: one query."""
    rows = (
        waiting.order_by()
        .values_list(f"{vendor}__name")
        .annotate(count=Count("pk"), oldest=Min(since), first=Min("pk"))
    )
    found = sorted(rows, key=lambda row: -row[1])
    return _Waiting(
        count=sum(row[1] for row in found),
        names=[row[0] or "Operated here" for row in found],
        oldest=min((row[2] for row in found), default=None),
        first=min((row[3] for row in found), default=None),
    )
