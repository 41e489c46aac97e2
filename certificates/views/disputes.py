"""Deciding who owns a disputed gateway."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from accounts.access import SignedInRequest, allowed
from certificates import services
from core.bell import ring
from core.forms import attempt
from core.pages import page
from gateways.forms import DecisionForm
from gateways.models import Dispute
from outbox.tasks import send_due


@require_http_methods(["GET", "POST"])
@allowed("operate")
def decide_dispute(request: SignedInRequest, pk: int) -> HttpResponse:
    dispute = get_object_or_404(Dispute.objects.select_related("gateway__vendor", "claimant", "claimed_by"), pk=pk)
    form = DecisionForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        decide = lambda: services.decide_dispute(dispute, actor=request.user, **form.cleaned_data)  # noqa: E731  handed on as it is
        if attempt(form, decide):
            ring(send_due)
            messages.success(request, f"The dispute about {dispute.gateway} is decided.")
            return redirect("gateways:disputes")
    return page(request, "gateways/dispute.html", {"dispute": dispute, "form": form})
