"""The state of every part."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from certadmin import health


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """JSON with the state of each part; 503 only where no page could be served."""
    parts = health.check()
    return JsonResponse(health.as_json(parts), status=200 if parts["database"].ok else 503)
