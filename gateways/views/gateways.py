"""Pages about one gateway."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SignedInRequest, allowed
from accounts.models import Vendor
from audit.models import Record
from core import clock
from core.forms import attempt
from core.pages import page
from core.templatetags.ui import span_in_words
from gateways import services
from gateways.forms import DescriptionForm, RegisterForm
from gateways.models import Claim, Dispute, Gateway
from pki.eui import InvalidEui, notations, read_eui, to_dashed, to_id6

HISTORY = 12


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def register(request: SignedInRequest) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    form = RegisterForm(posted, user=request.user, initial={"vendor": request.GET.get("vendor")})
    if form.is_valid() and form.reading:
        data, eui = form.cleaned_data, form.reading.eui
        vendor: Vendor = request.user.vendor or data["vendor"]
        about = {"name": data["name"], "model": data["model"]}
        made = attempt(form, lambda: services.register_or_claim(request.user, vendor, eui, **about))
        if isinstance(made, Claim):
            messages.success(request, f"{eui} lies outside of your blocks: an operator decides, and you get a mail.")
            return redirect("gateways:claims")
        if made:
            messages.success(request, f"Gateway {eui} is registered.")
            return redirect("gateways:detail", made.pk)
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
        "notations": notations(gateway.eui),
        "tags": gateway.tags.all(),
        "ending": _ending(gateway),
        "is_disputed": Dispute.objects.open().filter(gateway=gateway).exists(),
        "records": [*records[:HISTORY], *_import_records(gateway)],
    }
    return page(request, "gateways/detail.html", context)


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def edit(request: SignedInRequest, pk: int) -> HttpResponse:
    gateway = get_object_or_404(Gateway.objects.visible_to(request.user), pk=pk)
    tags = ", ".join(gateway.tags.values_list("name", flat=True))
    written = {"name": gateway.name, "model": gateway.model, "tags": tags, "notes": gateway.notes}
    form = DescriptionForm(request.POST or None, initial=written)
    if form.is_valid():
        services.describe(gateway, actor=request.user, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("gateways:detail", gateway.pk)
    return page(request, "gateways/edit.html", {"gateway": gateway, "form": form})


def _import_records(gateway: Gateway) -> Iterable[Record]:
    """Where it came out of a file, what happened is written down of the import, once for all of its gateways."""
    if gateway.registered_in_id is None:
        return ()
    return Record.objects.about("import", gateway.registered_in_id).filter(action="import.applied")[:1]


def _ending(gateway: Gateway) -> str:
    end = gateway.current_not_after
    return f"Certificate ends in {span_in_words(end - clock.now())}" if end else ""


def _taken(form: RegisterForm, request: SignedInRequest) -> dict[str, Any]:
    """Where the EUI turned out to be one of the person's own gateways: that gateway."""
    if form.reading is None or not form.errors:
        return {}
    own = Gateway.objects.visible_to(request.user).filter(eui=form.reading.eui).first()
    return {"registered": own}
