"""The overview and the state of every part."""

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from accounts.access import SignedInRequest, allowed
from core.pages import page


@require_safe
@allowed("read")
def overview(request: SignedInRequest) -> HttpResponse:
    return page(request, "overview/overview.html", {})


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    connection.ensure_connection()
    return JsonResponse({"ok": True})
