"""The overview, and its forecast as a table."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from accounts.access import SignedInRequest, allowed
from accounts.models import User, Vendor
from audit.models import Record
from audit.services import jobs
from cas.models import Authority
from certadmin.overview import access, publishing, waiting
from certadmin.overview.chart import draw
from certadmin.overview.counting import counted, remember
from certadmin.overview.forecast import busy
from certadmin.overview.todo import Finder, collect
from core import clock
from core.pages import page

EVENTS = 6
# noise here: each is told by another record, or by somebody's coming and going
UNTOLD = ("gateway.certified", "gateway.certificate-revoked", "person.signed-in", "person.signed-out")
FINDERS: tuple[Finder, ...] = (
    access.lost,
    access.authorities,
    waiting.silence,
    publishing.stores,
    publishing.delayed,
    publishing.unpublished,
    access.untrusted,
    access.certificates,
    access.keys_to_collect,
    waiting.reviews,
    waiting.requests,
    waiting.claims,
    waiting.disputes,
    waiting.may_exist,
    waiting.kits,
    access.without_certificate,
)


@require_safe
@allowed("read")
def overview(request: SignedInRequest) -> HttpResponse:
    user, now = request.user, clock.now()
    found = counted(user, now)
    context = {
        "now": now,
        "counted": found,
        "todos": collect(user, now, tuple(remember(finder, found) for finder in FINDERS)),
        "fleet": found.fleet,
        "forecast": found.forecast,
        "chart": draw(found.forecast),
        "events": _events(user),
        "jobs": jobs() if user.sees_all else [],
        "is_new": not found.fleet.total and _is_new(user),
    }
    return page(request, "overview/overview.html", context)


@require_safe
@allowed("read")
def forecast_table(request: SignedInRequest) -> HttpResponse:
    found = counted(request.user, clock.now())
    weeks = busy(found.forecast.weeks, found.forecast.authorities)
    return page(request, "overview/forecast.html", {"weeks": weeks, "counted": found})


def _events(user: User) -> list[Record]:
    records = Record.objects.of_vendor(user.vendor_id) if user.vendor_id else Record.objects.all()
    return list(records.exclude(action__in=UNTOLD).order_by("-pk")[:EVENTS])


def _is_new(user: User) -> bool:
    """Before the first vendor, or a vendor's first authority: the page explains the first steps instead."""
    if user.sees_all:
        return not Vendor.objects.exists()
    return not Authority.objects.filter(vendor=user.vendor).exists()
