"""Pages about whose an EUI is: blocks, claims outside of them, and disputes."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.models import Vendor
from core.bell import ring
from core.errors import Forbidden
from core.forms import attempt
from core.pages import page
from gateways import services
from gateways.forms import BlockForm, ClaimsForm
from gateways.models import Claim, ClaimQuerySet, Dispute, EuiBlock
from gateways.services.blocks import Blocks
from outbox.tasks import send_due

SHOWN, CLOSED_SHOWN = 200, 50


@require_GET
@allowed("read_all")
def disputes(request: SignedInRequest) -> HttpResponse:
    rows = Dispute.objects.select_related("gateway__vendor", "claimant", "claimed_by", "closed_by")
    open_ones = rows.open().order_by("pk")[:SHOWN]
    closed = rows.filter(closed_at__isnull=False).order_by("-closed_at")[:CLOSED_SHOWN]
    return page(request, "gateways/disputes.html", {"disputes": open_ones, "closed": closed})


@require_http_methods(["GET", "POST"])
@allowed("read")
def blocks(request: SignedInRequest) -> HttpResponse:
    """Whose which EUIs are; operators write it down here."""
    if request.method == "POST" and not request.user.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator says whose a block is.")
    form = BlockForm(request.POST or None, initial={name: request.GET.get(name) for name in ("vendor", "block")})
    if form.is_valid():
        data = dict(form.cleaned_data)
        vendor, text = data.pop("vendor"), data.pop("block")
        added = attempt(form, lambda: services.add_block(request.user, vendor, text, **data))
        if added:
            messages.success(request, f"{vendor} registers freely in {added} from now on.")
            return redirect("gateways:blocks")
    rows = EuiBlock.objects.visible_to(request.user).select_related("vendor", "granted_from__vendor", "added_by")
    if vendor_pk := _number(request.GET.get("vendor", "")):
        rows = rows.filter(vendor=vendor_pk)
    return page(request, "gateways/blocks.html", {"blocks": rows[:1000], "form": form})


@require_POST
@allowed("operate")
def remove_block(request: SignedInRequest, pk: int) -> HttpResponse:
    block = get_object_or_404(EuiBlock.objects.select_related("vendor"), pk=pk)
    services.remove_block(block, actor=request.user)
    messages.success(request, f"{block} belongs to nobody now. What was registered in it stays.")
    return redirect("gateways:blocks")


@require_GET
@allowed("read")
def claims(request: SignedInRequest) -> HttpResponse:
    return _claims(request, ClaimsForm())


@require_POST
@allowed("operate")
def decide_claims(request: SignedInRequest) -> HttpResponse:
    """Those that are ticked, or all that wait of the vendor that the page is filtered by."""
    form = ClaimsForm(request.POST)
    if form.is_valid():
        chosen = _waiting(request) if form.cleaned_data["all"] else _ticked(request)
        reason, outcome = form.cleaned_data["reason"], form.cleaned_data["outcome"]
        decided = attempt(
            form, lambda: services.decide_claims(chosen, actor=request.user, outcome=outcome, reason=reason)
        )
        if decided:
            ring(send_due)
            words = "registered" if outcome == Claim.Outcome.REGISTERED else "refused"
            more = f" {decided.taken} had been registered meanwhile, and are refused." if decided.taken else ""
            messages.success(request, f"{decided.done} {words}; the vendors get a mail.{more}")
            return redirect("gateways:claims")
    return _claims(request, form)


@require_POST
@allowed("hand_in")
def withdraw_claim(request: SignedInRequest, pk: int) -> HttpResponse:
    claim = get_object_or_404(Claim.objects.visible_to(request.user), pk=pk)
    services.withdraw_claim(claim, actor=request.user)
    messages.success(request, f"You do not ask for {claim.eui} any more.")
    return redirect("gateways:claims")


def _claims(request: SignedInRequest, form: ClaimsForm) -> HttpResponse:
    waiting, visible = _waiting(request), Claim.objects.visible_to(request.user)
    closed = visible.filter(closed_at__isnull=False).select_related("vendor", "closed_by").order_by("-closed_at")
    context = {
        "form": form,
        "rows": _rows(list(waiting.select_related("vendor", "claimed_by").order_by("pk")[:SHOWN]), request),
        "count": waiting.count(),
        "closed": closed[:CLOSED_SHOWN],
        "vendors": Vendor.objects.filter(pk__in=visible.waiting().values("vendor")) if request.user.sees_all else (),
        "chosen": request.GET.get("vendor", ""),
        "block_count": EuiBlock.objects.visible_to(request.user).count(),
    }
    return page(request, "gateways/claims.html", context, status=400 if form.errors else 200)


def _waiting(request: SignedInRequest) -> ClaimQuerySet:
    waiting = Claim.objects.visible_to(request.user).waiting()
    vendor = _number(request.GET.get("vendor", ""))
    return waiting.filter(vendor=vendor) if vendor else waiting


def _ticked(request: SignedInRequest) -> ClaimQuerySet:
    pks = [_number(pk) for pk in request.POST.getlist("pick")]
    return Claim.objects.waiting().filter(pk__in=pks)


def _number(text: str) -> int:
    """The id that stands in an address; 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0


def _rows(claims: list[Claim], request: SignedInRequest) -> list[dict[str, Any]]:
    """With what an operator decides by: in whose block it lies, and who else wants it."""
    if not request.user.sees_all:
        return [{"claim": each} for each in claims]
    held = Blocks.load()
    names = dict(Vendor.objects.values_list("pk", "name"))
    others = Claim.objects.waiting().filter(eui__in=[each.eui for each in claims]).values_list("eui", "vendor")
    rivals = {(eui, vendor) for eui, vendor in others}
    return [
        {
            "claim": each,
            "holder": names.get(held.holder_of(each.eui) or 0, ""),
            "rivals": [names[vendor] for eui, vendor in rivals if eui == each.eui and vendor != each.vendor_id],
        }
        for each in claims
    ]
