"""Gateways that go to another vendor, or out of use: first what it would do, then the act, over the list's filter."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from cas.models import Authority
from cas.tasks import renew_list
from certificates import services
from certificates.forms import RetireForm, TransferForm
from certificates.services import retiring
from certificates.services import transfer as transferring
from core.bell import ring
from core.forms import attempt
from core.pages import page
from gateways.filters import selected
from gateways.models import Gateway
from outbox.tasks import send_due


@require_http_methods(["GET", "POST"])
@allowed("operate")
def transfer(request: SignedInRequest) -> HttpResponse:
    chosen = selected(request.GET, request=request)
    form = TransferForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        to = form.cleaned_data["to"]
        count = attempt(form, lambda: transferring.transfer(chosen, actor=request.user, **form.cleaned_data))
        if count:
            _ring()
            messages.success(request, f"{count:,} gateways belong to {to} now. Both vendors get a mail.")
            return redirect("gateways:list")
    context = {"form": form, "preview": transferring.preview(chosen), "most": transferring.MOST}
    return page(request, "certificates/transfer.html", context)


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def retire(request: SignedInRequest) -> HttpResponse:
    chosen = selected(request.GET, request=request)
    form = RetireForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        count = attempt(form, lambda: services.retire(chosen, actor=request.user, **form.cleaned_data))
        if count:
            _ring()
            messages.success(request, f"{count:,} gateways are out of use, and their certificates are revoked.")
            return redirect("gateways:list")
    context = {"form": form, "preview": transferring.preview(chosen.in_use()), "most": retiring.MOST}
    return page(request, "certificates/retire.html", context)


@require_POST
@allowed("hand_in")
def take_back(request: SignedInRequest, pk: int) -> HttpResponse:
    gateway = get_object_or_404(Gateway.objects.visible_to(request.user), pk=pk)
    services.take_back(gateway, actor=request.user)
    messages.success(request, f"{gateway} is in use again. It needs a new certificate.")
    return redirect("gateways:detail", pk)


def _ring() -> None:
    """What was revoked stands on the lists at once; and mails wait."""
    for pk in Authority.objects.filter(key__isnull=False).values_list("pk", flat=True):
        ring(renew_list, pk)
    ring(send_due)
