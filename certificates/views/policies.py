"""Which authority issues for a vendor, and whether its requests wait."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SignedInRequest, allowed
from accounts.models import Vendor
from certificates import services
from certificates.forms import PolicyForm
from certificates.services.policy import policy_of
from core.forms import attempt
from core.pages import page


@require_GET
@allowed("read_all")
def policy_summary(request: SignedInRequest, pk: int) -> HttpResponse:
    """A part of the vendor's page."""
    vendor = get_object_or_404(Vendor.objects.visible_to(request.user), pk=pk)
    return page(request, "certificates/_policy.html", {"vendor": vendor, "policy": policy_of(vendor)})


@require_http_methods(["GET", "POST"])
@allowed("operate")
def policy(request: SignedInRequest, pk: int) -> HttpResponse:
    vendor = get_object_or_404(Vendor.objects.visible_to(request.user), pk=pk)
    form = PolicyForm(request.POST or None, policy=policy_of(vendor))
    if request.method == "POST" and form.is_valid():
        done = attempt(form, lambda: services.set_policy(vendor, actor=request.user, **form.decision()))
        if done:
            messages.success(request, "Saved.")
            return redirect("accounts:vendor", vendor.pk)
    return page(request, "certificates/policy.html", {"form": form, "vendor": vendor})
