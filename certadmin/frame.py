"""The frame around every page: navigation with the counters that wait for the person."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from accounts.models import Deployment, User
from alerts.models import PRESSING, Alert
from cas.models import Authority
from certificates.models import Batch, Request
from core import clock


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    label: str
    icon: str
    roles: str = "operator vendor auditor"
    counter: str = ""
    section: str = ""
    also: tuple[str, ...] = ()  # paths of other pages below it


MOST_COUNTED = 1_000
TRUST = ("/trust/rollovers/", "/trust/proxies/", "/trust/groups/", "/trust/draft/")
MAIN = (
    Entry("overview", "Overview", "home"),
    Entry("gateways:list", "Gateways", "router"),
    Entry("accounts:vendors", "Vendors", "building-factory", "operator auditor"),
    Entry("cas:list", "Authorities", "certificate", counter="authorities"),
    Entry("trust:releases", "Trust releases", "versions", "operator auditor", also=TRUST),
    Entry("trust:stores", "Stores", "database", "operator auditor", also=("/trust/clusters/", "/trust/probes/")),
    Entry("certificates:list", "Certificates", "file-certificate"),
    Entry("certificates:servers", "Servers", "server", "operator auditor"),
    Entry("certificates:requests", "Requests", "inbox", counter="requests"),
    Entry("certificates:batches", "Batches", "stack-2", "operator auditor", counter="batches"),
    Entry("trust:preflight", "Preflight", "plane-departure"),
)
MORE = (
    Entry("alerts:list", "Alerts", "bell", counter="alerts"),
    Entry("profiles:list", "Profiles", "file-text", "operator auditor"),
    Entry("audit", "Audit", "list-details", "operator auditor"),
    Entry("accounts:settings", "Settings", "settings", "operator auditor", also=("/webhooks/", "/mails/")),
    Entry("accounts:account", "Account", "user", "operator auditor"),
    Entry("accounts:account", "Account", "user", "vendor", also=("/webhooks/",)),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of `base.html`; nothing is read from the database before a page shows it."""
    return {"frame": SimpleLazyObject(lambda: _frame(request))}


def _frame(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)  # a request that was refused early has none
    context: dict[str, Any] = {"deployment": Deployment.objects.first()}
    if isinstance(user, User):
        context["groups"] = [
            [_link(entry, user, request) for entry in entries if user.role in entry.roles and _known(entry)]
            for entries in (MAIN, MORE)
        ]
    return context


def _waiting(manager: Any, user: User) -> int:
    waiting: QuerySet[Model] = manager.visible_to(user).waiting()
    return waiting.count()


def _pressing(user: User) -> int:
    """Alerts that nobody has answered, of what has ended or does so within a week: counted up to a limit."""
    now = clock.now()
    near = Alert.objects.visible_to(user).open().filter(not_after__lte=now + PRESSING)
    return near.exclude(muted_until__gt=now)[:MOST_COUNTED].count()


COUNTERS: dict[str, Callable[[User], int]] = {
    "": lambda user: 0,
    "authorities": partial(_waiting, Authority.objects),
    "requests": partial(_waiting, Request.objects),
    "batches": partial(_waiting, Batch.objects),
    "alerts": _pressing,
}


def _known(entry: Entry) -> bool:
    try:
        return bool(reverse(entry.name))
    except NoReverseMatch:
        return False


def _link(entry: Entry, user: User, request: HttpRequest) -> dict[str, Any]:
    url = reverse(entry.name)
    here = request.path == url or (url != "/" and request.path.startswith((url, *entry.also)))
    return {"entry": entry, "url": url, "here": here, "count": COUNTERS[entry.counter](user)}
