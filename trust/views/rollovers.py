"""Change-overs: where each vendor stands on its way from one authority to the next."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from accounts.access import SignedInRequest, allowed
from core.forms import attempt
from core.pages import page
from trust.forms import RolloverForm
from trust.models import Rollover
from trust.services import rollovers
from trust.services.groups import common

LISTED = 50


@require_GET
@allowed("read_all")
def list_rollovers(request: SignedInRequest) -> HttpResponse:
    return _show(request, RolloverForm(group=common(), initial={"old": request.GET.get("old", "")}))


@require_POST
@allowed("operate")
def start(request: SignedInRequest) -> HttpResponse:
    form = RolloverForm(request.POST, group=common())
    made = None
    if form.is_valid():
        made = attempt(form, lambda: rollovers.start(request.user, common(), **form.cleaned_data))
    if made is None:
        return _show(request, form)
    messages.success(request, f"{made.new.name} replaces {made.old.name}. The next step is shown here.")
    return redirect("trust:rollovers")


@require_POST
@allowed("operate")
def stop(request: SignedInRequest, pk: int) -> HttpResponse:
    rollover = get_object_or_404(Rollover.objects.listed(), pk=pk)
    rollovers.stop(request.user, rollover)
    messages.success(request, "It is no longer followed. What is trusted stays as it is.")
    return redirect("trust:rollovers")


def _show(request: SignedInRequest, form: RolloverForm) -> HttpResponse:
    rows = rollovers.standings(list(Rollover.objects.open().listed()[:LISTED]))
    steps = rollovers.Step.__members__  # the class itself is something that a template calls
    context = {"rows": rows, "form": form, "Step": steps}
    return page(request, "trust/rollovers.html", context, fragment="trust/_successor.html")
