"""One URL serves the page and its fragment."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def wants_fragment(request: HttpRequest) -> bool:
    """Tell whether htmx asked for a part of the page (not for a boosted or restored whole one)."""
    headers = request.headers
    return "HX-Request" in headers and "HX-Boosted" not in headers and "HX-History-Restore-Request" not in headers


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    fragment: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render `template`, or only `fragment` where htmx asked for the part."""
    chosen = fragment if fragment and wants_fragment(request) else template
    response = render(request, chosen, dict(context), status=status)
    if fragment:
        patch_vary_headers(response, ["HX-Request"])
    return response


def with_address(response: HttpResponse, request: HttpRequest) -> HttpResponse:
    """Tell htmx what stands in the address bar for this part: the path with what was chosen, and nothing empty."""
    if wants_fragment(request):
        query = request.GET.copy()
        for name, values in request.GET.lists():
            query.setlist(name, [value for value in values if value])
        said = query.urlencode()
        response["HX-Push-Url"] = f"{request.path}?{said}" if said else request.path
    return response
