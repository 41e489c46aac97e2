"""Pages about gateways."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SignedInRequest, allowed
from accounts.models import Vendor
from audit.models import Record
from core import clock, csv, keyset
from core.forms import attempt
from core.pages import page
from core.templatetags.ui import span_in_words
from gateways import services
from gateways.filters import DEFAULT_SORT, SORTS, filtered
from gateways.forms import DescriptionForm, RegisterForm
from gateways.models import Dispute, Gateway, Standing
from pki.eui import InvalidEui, read_eui, to_dashed, to_id6

HISTORY = 12
COLUMNS = ("EUI", "Name", "Vendor", "Authority", "Ends", "State")


@require_GET
@allowed("read")
def list_gateways(request: SignedInRequest) -> HttpResponse:
    chosen, gateways = filtered(request.GET, request=request)
    shown = keyset.paginate(gateways.listed(), request.GET, sorts=SORTS, default=DEFAULT_SORT)
    disputes = Dispute.objects.open().count() if request.user.sees_all else 0
    context = {"filter": chosen, "page": shown, "disputes": disputes, "filters": _filters_in_use(request.GET)}
    return page(request, "gateways/list.html", context, fragment="gateways/_list.html")


@require_GET
@allowed("read")
def export(request: SignedInRequest) -> StreamingHttpResponse:
    """Exactly the rows of the list, in its order."""
    _, gateways = filtered(request.GET, request=request)
    ordered = keyset.sorted_as(gateways.listed(), request.GET, sorts=SORTS, default=DEFAULT_SORT)
    return csv.attachment("gateways.csv", COLUMNS, (_csv_row(gateway) for gateway in ordered.iterator(2000)))


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def register(request: SignedInRequest) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    form = RegisterForm(posted, user=request.user, initial={"vendor": request.GET.get("vendor")})
    if form.is_valid() and form.reading:
        data, eui = form.cleaned_data, form.reading.eui
        vendor: Vendor = request.user.vendor or data["vendor"]
        gateway = attempt(form, lambda: services.register(request.user, vendor, eui, data["name"]))
        if gateway:
            messages.success(request, f"Gateway {gateway.eui} is registered.")
            return redirect("gateways:detail", gateway.pk)
    return page(request, "gateways/register.html", {"form": form, **_taken(form, request)})


@require_GET
@allowed("hand_in")
def reading(request: SignedInRequest) -> HttpResponse:
    """What was understood of an EUI while it is typed."""
    context: dict[str, Any] = {"typed": request.GET.get("eui", "").strip()}
    if context["typed"]:
        try:
            understood = read_eui(context["typed"])
            context |= {"reading": understood, "dashed": to_dashed(understood.eui), "id6": to_id6(understood.eui)}
        except InvalidEui as error:
            context["problem"] = error.message
    return page(request, "gateways/_reading.html", context)


@require_GET
@allowed("read")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    gateways = Gateway.objects.visible_to(request.user).select_related("vendor", "current_authority", "registered_by")
    gateway = get_object_or_404(gateways, pk=pk)
    records = Record.objects.about("gateway", pk)
    if request.user.is_vendor:
        records = records.of_vendor(gateway.vendor_id)
    context = {
        "gateway": gateway,
        "dashed": to_dashed(gateway.eui),
        "id6": to_id6(gateway.eui),
        "ending": _ending(gateway),
        "is_disputed": Dispute.objects.open().filter(gateway=gateway).exists(),
        "records": records[:HISTORY],
    }
    return page(request, "gateways/detail.html", context)


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def edit(request: SignedInRequest, pk: int) -> HttpResponse:
    gateway = get_object_or_404(Gateway.objects.visible_to(request.user), pk=pk)
    form = DescriptionForm(request.POST or None, initial={"name": gateway.name, "notes": gateway.notes})
    if form.is_valid():
        services.describe(gateway, actor=request.user, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("gateways:detail", gateway.pk)
    return page(request, "gateways/edit.html", {"gateway": gateway, "form": form})


@require_GET
@allowed("read_all")
def disputes(request: SignedInRequest) -> HttpResponse:
    rows = Dispute.objects.select_related("gateway__vendor", "claimant", "claimed_by", "closed_by")
    open_ones = rows.open().order_by("pk")[:200]
    closed = rows.filter(closed_at__isnull=False).order_by("-closed_at")[:50]
    return page(request, "gateways/disputes.html", {"disputes": open_ones, "closed": closed})


def _ending(gateway: Gateway) -> str:
    end = gateway.current_not_after
    return f"Certificate ends in {span_in_words(end - clock.now())}" if end else ""


def _filters_in_use(query: QueryDict) -> int:
    return sum(1 for name in ("vendor", "authority", "state") if query.get(name))


def _csv_row(gateway: Gateway) -> tuple[str, ...]:
    ends = gateway.current_not_after
    return (
        gateway.eui,
        gateway.name,
        gateway.vendor.name,
        gateway.current_authority.name if gateway.current_authority else "",
        ends.isoformat() if ends else "",
        Standing(gateway.standing).label,
    )


def _taken(form: RegisterForm, request: SignedInRequest) -> dict[str, Any]:
    """Where the EUI turned out to be one of the person's own gateways: that gateway."""
    if form.reading is None or not form.errors:
        return {}
    own = Gateway.objects.visible_to(request.user).filter(eui=form.reading.eui).first()
    return {"registered": own}
