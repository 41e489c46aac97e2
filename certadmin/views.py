"""The overview and the state of every part."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from accounts.access import SignedInRequest, allowed
from certadmin import health
from core.pages import page


@require_safe
@allowed("read")
def overview(request: SignedInRequest) -> HttpResponse:
    return page(request, "overview/overview.html", {})


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """JSON with the state of each part; 503 only where no page could be served."""
    parts = health.check()
    return JsonResponse(health.as_json(parts), status=200 if parts["database"].ok else 503)
