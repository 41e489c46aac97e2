"""Certificates: lists, what they are, and handing them over."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from ssl import DER_cert_to_PEM_cert
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import reauthentication
from accounts.access import SignedInRequest, allowed
from accounts.models import Deployment, User
from audit.models import Record
from cas.tasks import renew_list
from certificates import filters, services
from certificates.drawing import draw_history, draw_path
from certificates.export_bulk import copied_rows
from certificates.forms import RecordForm, RevokeForm, RevokeManyForm
from certificates.models import Certificate, Request, Standing, standing_of
from certificates.presented import presented
from certificates.services import bulk_revocation
from certificates.views.requests import filters_in_use
from core import clock, csv, keyset
from core.bell import ring
from core.forms import attempt
from core.pages import page, with_address
from core.patience import TooSlow
from gateways.models import Gateway
from outbox.tasks import send_due

MOST_ON_AXIS = 12
UNSETTLED = [Request.State.REQUESTED, Request.State.APPROVED, Request.State.RESERVED, Request.State.MAY_EXIST]
LABELS = {state: state.label for state in Standing}
ORIGINS = dict(Certificate.Origin.choices)
FIELDS = (
    "gateway__eui", "gateway__name", "gateway__vendor_id", "vendor_id", "vendor__name", "authority__name", "serial",
    "not_before", "not_after", "revoked_at", "is_superseded", "origin",
)  # fmt: skip
COLUMNS = ("EUI", "Gateway", "Vendor", "Authority", "Serial", "Valid from", "Ends", "State", "Origin")


@require_GET
@allowed("read")
def list_certificates(request: SignedInRequest) -> HttpResponse:
    chosen, rows = filters.certificates(request.GET, request=request)
    names = ("state", "vendor", *chosen.more)
    context: dict[str, Any] = {"filter": chosen, "filters": filters_in_use(request.GET, *names)}
    status = 200
    try:
        listed = rows.listed(clock.now())
        context["page"] = keyset.paginate(listed, request.GET, sorts=filters.CERTIFICATE_SORTS, default="ends")
    except TooSlow as slow:
        context["too_slow"], status = slow, slow.status
    answer = page(request, "certificates/list.html", context, fragment="certificates/_list.html", status=status)
    return with_address(answer, request)


@require_GET
@allowed("read")
def export(request: SignedInRequest) -> StreamingHttpResponse:
    """Exactly the rows of the list, in its order."""
    now = clock.now()
    _, chosen = filters.certificates(request.GET, request=request)
    sorts, rows = filters.CERTIFICATE_SORTS, chosen.with_successor(now)
    parts = keyset.exported(rows, request.GET, columns=FIELDS, sorts=sorts, default="ends")
    texts = csv.of_list(COLUMNS, parts, in_words=partial(_in_words, now=now), copied=partial(copied_rows, now=now))
    return csv.streamed("certificates.csv", texts)


def _in_words(rows: Sequence[tuple[Any, ...]], now: datetime) -> Iterator[tuple[object, ...]]:
    for eui, name, owner, vendor_id, vendor, authority, serial, since, ends, revoked, superseded, origin in rows:
        state = LABELS[standing_of(ends, revoked, now, is_superseded=superseded)]
        shown = name if owner == vendor_id else ""  # what the new owner wrote is none of the former one's business
        yield eui, shown, vendor, authority, serial, csv.iso(since), csv.iso(ends), state, ORIGINS[origin]


@require_GET
@allowed("read")
def of_gateway(request: SignedInRequest, pk: int) -> HttpResponse:
    """A gateway's certificates over time: a part of the gateway's page."""
    gateway = get_object_or_404(Gateway.objects.visible_to(request.user), pk=pk)
    related = ("gateway", "authority")
    seen = Certificate.objects.visible_to(request.user).filter(gateway=gateway)
    own = seen.with_successor(clock.now()).select_related(*related).defer("der", "authority__der")
    shown = list(own.order_by("-not_after")[:MOST_ON_AXIS])
    open_requests = Request.objects.visible_to(request.user).filter(gateway=gateway, state__in=UNSETTLED)
    context = {
        "gateway": gateway,
        "presented": presented(gateway, seen),
        "certificates": shown,
        "axis": draw_history(shown) if shown else None,
        "wishes": open_requests.select_related("requested_by")[:5],
    }
    return page(request, "certificates/_of_gateway.html", context)


def _certificate(user: User, pk: int) -> Certificate:
    related = ("gateway", "vendor", "authority", "key", "request", "revoked_by")
    visible = Certificate.objects.visible_to(user).with_successor(clock.now()).select_related(*related)
    return get_object_or_404(visible, pk=pk)


@require_GET
@allowed("read")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    certificate = _certificate(request.user, pk)
    deployment = Deployment.objects.first()
    context = {
        "certificate": certificate,
        "axis": draw_path(certificate),
        "may_handle": request.user.is_operator or request.user.vendor_id == certificate.vendor_id,
        "can_make_kit": bool(deployment and deployment.cups_uri and deployment.cups_trust),
        "records": Record.objects.about("certificate", certificate.pk)[:12],
    }
    return page(request, "certificates/detail.html", context)


@require_GET
@allowed("read")
def download(request: SignedInRequest, pk: int, form: str) -> HttpResponse:
    """The leaf as PEM or DER, or the chain: public things."""
    certificate = _certificate(request.user, pk)
    chain = [bytes(certificate.der), *(bytes(each.der) for each in certificate.authority.chain())]
    bodies = {
        "leaf.der": chain[0],
        "leaf.pem": DER_cert_to_PEM_cert(chain[0]).encode(),
        "chain.pem": "".join(map(DER_cert_to_PEM_cert, chain)).encode(),
    }
    if form not in bodies:
        raise Http404
    kind = "application/pkix-cert" if form.endswith("der") else "application/x-pem-file"
    return _file(bodies[form], f"{certificate.gateway.eui}-{form}", kind)


def _file(body: bytes, name: str, kind: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(body, content_type=kind, headers={"Content-Disposition": disposition})


@require_POST
@never_cache
@allowed("hand_in")
def kit(request: SignedInRequest, pk: int) -> HttpResponse:
    certificate = _certificate(request.user, pk)
    make = lambda: services.station_kit(certificate, actor=request.user)  # noqa: E731  handed on as it is
    return _hand_over(request, certificate, make, f"{certificate.gateway.eui}-kit.zip", "application/zip")


@require_POST
@never_cache
@allowed("hand_in")
def key(request: SignedInRequest, pk: int) -> HttpResponse:
    certificate = _certificate(request.user, pk)
    make = lambda: services.private_key_pem(certificate, actor=request.user)  # noqa: E731  handed on as it is
    return _hand_over(request, certificate, make, f"{certificate.gateway.eui}-key.pem", "application/x-pem-file")


def _hand_over(
    request: SignedInRequest, certificate: Certificate, make: Callable[[], bytes], name: str, kind: str
) -> HttpResponse:
    """A private key only to somebody whose password was given within the last 15 minutes."""
    if certificate.has_sealed_key and not reauthentication.recently(request):
        back = reverse("certificates:detail", args=[certificate.pk])
        return redirect(f"{reverse('accounts:reauthenticate')}?{urlencode({'next': back})}")
    return _file(make(), name, kind)


@require_POST
@allowed("hand_in")
def receipt(request: SignedInRequest, pk: int) -> HttpResponse:
    services.confirm_receipt(_certificate(request.user, pk), actor=request.user)
    messages.success(request, "Confirmed: the private key is destroyed here. Only the gateway has it now.")
    return redirect("certificates:detail", pk)


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def record(request: SignedInRequest, pk: int) -> HttpResponse:
    gateway = get_object_or_404(Gateway.objects.visible_to(request.user).select_related("vendor"), pk=pk)
    form = RecordForm(request.POST if request.method == "POST" else None, request.FILES or None)
    if form.is_valid():
        content = form.content()
        certificate = attempt(form, lambda: services.record_leaf(request.user, gateway, content))
        if certificate:
            messages.success(request, "Recorded: its end is watched from now on.")
            return redirect("certificates:detail", certificate.pk)
    return page(request, "certificates/record.html", {"form": form, "gateway": gateway})


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def revoke(request: SignedInRequest, pk: int) -> HttpResponse:
    """First who honours it, then the act."""
    certificate = _certificate(request.user, pk)
    form = RevokeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        revoked = attempt(form, lambda: services.revoke(certificate, actor=request.user, reason=reason))
        if revoked:
            ring(renew_list, certificate.authority_id)
            ring(send_due)
            messages.success(request, "Revoked. Who honours it stands on this page.")
            return redirect("certificates:detail", pk)
    return page(request, "certificates/revoke.html", {"form": form, "certificate": certificate})


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def revoke_many(request: SignedInRequest) -> HttpResponse:
    """What the filter of the list shows: first what it would do, then the act."""
    chosen = filters.selected_certificates(request.GET, request=request)
    form = RevokeManyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        authorities = list(chosen.order_by().values_list("authority", flat=True).distinct())
        count = attempt(form, lambda: bulk_revocation.revoke_many(chosen, actor=request.user, **form.cleaned_data))
        if count:
            for authority_id in authorities:
                ring(renew_list, authority_id)
            ring(send_due)
            messages.success(request, f"{count:,} certificates are revoked.")
            return redirect("certificates:list")
    context = {"form": form, "preview": bulk_revocation.preview(chosen), "most": bulk_revocation.MOST}
    return page(request, "certificates/revoke_many.html", context)
