"""Webhooks: the operators' own, and each vendor's. What they do lies in `outbox`; who may is decided here."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.models import User, Vendor
from accounts.webhook_forms import ReplayForm, WebhookForm
from core import keyset
from core.bell import ring
from core.forms import attempt
from core.pages import page
from outbox.hook_models import EndpointQuerySet
from outbox.models import Endpoint, HookDelivery
from outbox.services import webhooks
from outbox.tasks import call_webhooks

SORTS = {"when": "id"}


def visible_to(user: User) -> EndpointQuerySet:
    return Endpoint.objects.all() if user.sees_all else Endpoint.objects.of(user.vendor_id)


@require_GET
@allowed("read")
def list_webhooks(request: SignedInRequest) -> HttpResponse:
    endpoints = list(visible_to(request.user))
    names = Vendor.objects.in_bulk({each.vendor_id for each in endpoints if each.vendor_id})
    rows = [{"endpoint": each, "vendor": names.get(each.vendor_id or 0)} for each in endpoints]
    return page(request, "accounts/webhooks.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@never_cache
@allowed("hand_in")
def new(request: SignedInRequest) -> HttpResponse:
    """The page that follows shows the secret, this once."""
    owner = request.user.vendor_id
    form = WebhookForm(request.POST or None, vendor_id=owner)
    if request.method == "POST" and form.is_valid():
        made = attempt(form, lambda: webhooks.add_endpoint(request.user, vendor_id=owner, **form.cleaned_data))
        if made:
            return _show(request, made, secret=webhooks.secret(made))
    return page(request, "accounts/new_webhook.html", {"form": form})


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def edit(request: SignedInRequest, pk: int) -> HttpResponse:
    endpoint = _fetch(request, pk)
    values = {"name": endpoint.name, "url": endpoint.url, "events": endpoint.events}
    form = WebhookForm(request.POST or None, vendor_id=endpoint.vendor_id, initial=values)
    change = partial(webhooks.change_endpoint, request.user, endpoint)
    changed = attempt(form, lambda: change(**form.cleaned_data)) if form.is_valid() else None
    if changed:
        ring(call_webhooks)
        messages.success(request, f"{endpoint.name} is changed.")
        return redirect("webhooks:detail", pk)
    return page(request, "accounts/edit_webhook.html", {"form": form, "endpoint": endpoint})


@require_GET
@allowed("read")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    return _show(request, _fetch(request, pk))


@require_POST
@allowed("hand_in")
def test(request: SignedInRequest, pk: int) -> HttpResponse:
    """Call it now, and show what it says."""
    endpoint = _fetch(request, pk)
    return _show(request, endpoint, tried=webhooks.ping(endpoint))


@require_POST
@allowed("hand_in")
def pause(request: SignedInRequest, pk: int) -> HttpResponse:
    endpoint = _fetch(request, pk)
    webhooks.pause(request.user, endpoint)
    messages.success(request, f"{endpoint.name} is paused. What happens meanwhile is told once it goes on.")
    return redirect("webhooks:detail", pk)


@require_POST
@allowed("hand_in")
def resume(request: SignedInRequest, pk: int) -> HttpResponse:
    endpoint = _fetch(request, pk)
    webhooks.resume(request.user, endpoint)
    ring(call_webhooks)
    messages.success(request, f"{endpoint.name} goes on, with everything since the pause.")
    return redirect("webhooks:detail", pk)


@require_POST
@never_cache
@allowed("hand_in")
@sensitive_variables("secret")
def rotate(request: SignedInRequest, pk: int) -> HttpResponse:
    endpoint = _fetch(request, pk)
    return _show(request, endpoint, secret=webhooks.rotate(request.user, endpoint))


@require_POST
@allowed("hand_in")
def remove(request: SignedInRequest, pk: int) -> HttpResponse:
    endpoint = _fetch(request, pk)
    webhooks.remove(request.user, endpoint)
    messages.success(request, f"{endpoint.name} is removed. It is told nothing any more.")
    return redirect("webhooks:list")


@require_POST
@allowed("hand_in")
def replay(request: SignedInRequest, pk: int) -> HttpResponse:
    """Everything since an instant, once more."""
    endpoint, form = _fetch(request, pk), ReplayForm(request.POST)
    if form.is_valid():
        since = form.cleaned_data["since"]
        attempt(form, lambda: webhooks.replay_since(request.user, endpoint, since))
    if form.errors:
        return _show(request, endpoint, replay=form)
    ring(call_webhooks)
    messages.success(request, f"{endpoint.name} is told again what happened since then.")
    return redirect("webhooks:detail", pk)


@require_POST
@allowed("hand_in")
def again(request: SignedInRequest, pk: int, delivery_pk: int) -> HttpResponse:
    """One event, once more."""
    endpoint = _fetch(request, pk)
    delivery = get_object_or_404(endpoint.deliveries.select_related("endpoint"), pk=delivery_pk)
    webhooks.replay(request.user, delivery)
    ring(call_webhooks)
    messages.success(request, "It is sent once more, under the same id.")
    return redirect("webhooks:detail", pk)


def _fetch(request: SignedInRequest, pk: int) -> Endpoint:
    return get_object_or_404(visible_to(request.user), pk=pk)


def _show(request: SignedInRequest, endpoint: Endpoint, **more: Any) -> HttpResponse:
    endpoint.refresh_from_db()
    found = endpoint.deliveries.all()
    state = request.GET.get("state", "")
    if state in HookDelivery.State.values:
        found = found.filter(state=state)
    context: Mapping[str, Any] = {
        "endpoint": endpoint,
        "vendor": Vendor.objects.filter(pk=endpoint.vendor_id or 0).first(),
        "page": keyset.paginate(found, request.GET, sorts=SORTS, default="-when"),
        "states": HookDelivery.State.choices,
        "state": state,
        "replay": ReplayForm(),
        "may_change": request.user.has_perm("hand_in"),
        **more,
    }
    return page(request, "accounts/webhook.html", context, fragment="accounts/_webhook_calls.html")
