"""The welcome page's offer of the demonstration, and how far it is."""

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import SignedInRequest, allowed
from accounts.models import Vendor
from certadmin.demonstration import progress
from certadmin.tasks import load_demonstration
from core.bell import ring
from core.pages import wants_fragment


@require_http_methods(["GET", "POST"])
@allowed("operate")
def demonstration(request: SignedInRequest) -> HttpResponse:
    """GET answers the fragment, POST starts the loading. Absent in production."""
    if settings.PRODUCTION:
        raise Http404
    if request.method == "POST":
        if _is_trial() and progress.begin():
            ring(load_demonstration)
        if not wants_fragment(request):
            return redirect("welcome")
    return render(request, "demonstration/_offer.html", {"progress": progress.now(), "is_trial": _is_trial()})


def _is_trial() -> bool:
    """Nobody works here yet."""
    return not Vendor.objects.exists()
