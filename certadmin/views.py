"""The state of every part."""

import secrets

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET, require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from certadmin import health
from certadmin.metrics import exposition


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """JSON with the state of each part; 503 only where no page could be served."""
    parts = health.check()
    return JsonResponse(health.as_json(parts), status=200 if parts["database"].ok else 503)


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus, with the token of METRICS_TOKEN. Without one there is nothing here, but for evaluation."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        if not secrets.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
            return HttpResponse(
                "Give the token of METRICS_TOKEN.\n", status=401, headers={"WWW-Authenticate": "Bearer"}
            )
    elif settings.PRODUCTION:
        raise Http404
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
