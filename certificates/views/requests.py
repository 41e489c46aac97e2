"""Asking for certificates, and deciding."""

import uuid

from django.contrib import messages
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.models import Deployment, User
from audit.models import Record
from cas.tasks import renew_list
from certificates import filters, services, tasks
from certificates.forms import DecisionForm, RequestForm, RevokeForm
from certificates.models import Request
from certificates.services.policy import policy_of
from certificates.services.requests import CsrRefused
from core import csv, keyset
from core.bell import ring
from core.errors import Refused
from core.forms import attempt
from core.pages import page
from gateways.models import Gateway
from outbox.tasks import send_due

POLL_DONE = 286  # htmx stops polling
SLOWEST_POLL = 10
COLUMNS = ("Request", "EUI", "Vendor", "Authority", "Key", "Days", "Asked for by", "Asked for", "State")


@require_GET
@allowed("read")
def list_requests(request: SignedInRequest) -> HttpResponse:
    chosen, rows = filters.requests(request.GET, request=request)
    shown = keyset.paginate(rows.listed(), request.GET, sorts=filters.REQUEST_SORTS, default="-made")
    context = {
        "filter": chosen,
        "page": shown,
        "filters": filters_in_use(request.GET, "state", "vendor"),
        "waiting": []
        if any(request.GET.values())
        else Request.objects.visible_to(request.user).waiting().listed().order_by("pk")[:10],
    }
    return page(request, "certificates/requests.html", context, fragment="certificates/_requests.html")


@require_GET
@allowed("read")
def export(request: SignedInRequest) -> StreamingHttpResponse:
    """Exactly the rows of the list, in its order."""
    _, rows = filters.requests(request.GET, request=request)
    ordered = keyset.sorted_as(rows.listed(), request.GET, sorts=filters.REQUEST_SORTS, default="-made")
    return csv.attachment("requests.csv", COLUMNS, (_csv_row(each) for each in ordered.iterator(2000)))


def _csv_row(wish: Request) -> tuple[str | int, ...]:
    return (
        wish.pk,
        wish.gateway.eui,
        wish.vendor.name,
        wish.authority.name,
        wish.key_type,
        wish.lifetime_days,
        wish.requested_by.name if wish.requested_by else "",
        wish.requested_at.isoformat(),
        wish.get_state_display(),
    )


def filters_in_use(query: QueryDict, *names: str) -> int:
    return sum(1 for name in names if query.get(name))


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def new(request: SignedInRequest, pk: int) -> HttpResponse:
    gateway = get_object_or_404(Gateway.objects.visible_to(request.user).select_related("vendor"), pk=pk)
    posted = request.POST if request.method == "POST" else None
    form = RequestForm(posted, request.FILES or None, initial=proposed_values(), vendor=gateway.vendor)
    if form.is_valid():
        made = attempt(form, lambda: _ask(request.user, gateway, form))
        if made:
            ring(tasks.issue, made.pk)
            return redirect("certificates:request", made.pk)
    context = {"form": form, "gateway": gateway, "policy": policy_of(gateway.vendor)}
    return page(request, "certificates/new.html", context)


def _ask(actor: User, gateway: Gateway, form: RequestForm) -> Request:
    try:
        return services.request_certificate(actor, gateway, **form.wish())
    except CsrRefused as refusal:
        form.findings = refusal.findings
        raise


def proposed_values() -> dict[str, object]:
    """A key for this showing of the form: sent twice, it is one request."""
    deployment = Deployment.objects.first()
    days = deployment.default_lifetime_days if deployment else 365
    return {"idempotency_key": uuid.uuid4().hex, "lifetime_days": days}


@require_GET
@allowed("read")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    return _detail(request, _request(request.user, pk))


def _request(user: User, pk: int) -> Request:
    related = ("gateway", "vendor", "authority", "requested_by", "decided_by", "signing")
    return get_object_or_404(Request.objects.visible_to(user).select_related(*related), pk=pk)


def _detail(request: SignedInRequest, wish: Request, form: DecisionForm | None = None) -> HttpResponse:
    context = {
        "wish": wish,
        "form": form or DecisionForm(initial={"sha256": wish.content_sha256}),
        "is_own": wish.requested_by_id == request.user.pk,
        "others": User.objects.active_operators().exclude(pk=wish.requested_by_id or 0),
        "poll": {"wait": 1, "next": 1},
        "revoke_form": RevokeForm(),
        "records": Record.objects.about("request", wish.pk)[:12],
    }
    return page(request, "certificates/request.html", context)


@require_GET
@allowed("read")
def progress(request: SignedInRequest, pk: int) -> HttpResponse:
    """How far it is; when it is over, the page reloads itself once."""
    wish = _request(request.user, pk)
    context = {"wish": wish, "poll": poll_of(request.GET.get("n", ""))}
    status = POLL_DONE if wish.is_settled else 200
    response = page(request, "certificates/_progress.html", context, status=status)
    if wish.is_settled:
        response["HX-Refresh"] = "true"
    return response


def poll_of(count: str) -> dict[str, int]:
    """How many seconds until the page asks again: every second at first, then ever more seldom."""
    asked = int(count) if count.isascii() and count.isdecimal() and len(count) < 5 else 0
    return {"wait": min(1 + asked // 5, SLOWEST_POLL), "next": asked + 1}


@require_POST
@allowed("operate")
@sensitive_post_parameters("password")
def decide(request: SignedInRequest, pk: int) -> HttpResponse:
    wish = _request(request.user, pk)
    form = DecisionForm(request.POST)
    if not form.is_valid() or attempt(form, lambda: _decide(wish, request.user, form)) is None:
        return _detail(request, wish, form)
    ring(tasks.issue, wish.pk)
    ring(send_due)
    return redirect("certificates:request", wish.pk)


def _decide(wish: Request, actor: User, form: DecisionForm) -> Request:
    data = form.cleaned_data
    if data["decision"] == "refuse":
        return services.refuse_request(wish, actor=actor, reason=data["reason"])
    return services.approve_request(
        wish, actor=actor, expected_sha256=data["sha256"], password=data["password"], reason=data["reason"]
    )


@require_POST
@allowed("operate")
def retry(request: SignedInRequest, pk: int) -> HttpResponse:
    wish = services.retry_request(_request(request.user, pk), actor=request.user)
    ring(tasks.issue, wish.pk)
    return redirect("certificates:request", wish.pk)


@require_POST
@allowed("operate")
def revoke(request: SignedInRequest, pk: int) -> HttpResponse:
    """Revoke by serial what may exist."""
    form = RevokeForm(request.POST)
    if not form.is_valid():
        raise Refused("reason-needed", "Choose a reason from the list.")
    wish = services.revoke_request(_request(request.user, pk), actor=request.user, reason=form.cleaned_data["reason"])
    ring(renew_list, wish.authority_id)
    messages.success(request, f"Serial {wish.serial} is revoked.")
    return redirect("certificates:request", wish.pk)
