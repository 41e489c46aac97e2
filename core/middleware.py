"""Renders refused acts, once, for whoever asked: a toast, a page or JSON."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.errors import Refused
from core.problems import problem_of
from core.uploads import MAX_REQUEST_BYTES, limit_of


class BodyLimitMiddleware:
    """Answers 413 before a byte of a too large body is read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        limit = limit_of(request.path_info)
        if length.isdigit() and int(length) <= limit:
            return self.get_response(request)
        context = {"limit": limit // 1024 // 1024, "is_large": limit != MAX_REQUEST_BYTES}
        return render(request, "413.html", context, status=413)


class RefusalMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return render_refusal(request, error) if isinstance(error, Refused) else None


def render_refusal(request: HttpRequest, error: Refused) -> HttpResponse:
    """A fragment for htmx (shown as a toast), problem+json for scripts, else a page with a way on."""
    if request.headers.get("HX-Request"):
        response = render(request, "ui/_toast.html", {"error": error}, status=error.status)
        response["HX-Retarget"] = "#toasts"
        response["HX-Reswap"] = "beforeend"
        return response
    if "application/json" in request.headers.get("Accept", ""):
        return problem_of(error)
    return render(request, "errors/refused.html", {"error": error}, status=error.status)
