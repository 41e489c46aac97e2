"""The page about the API: what the document says, for people."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, allowed
from certadmin.api import api
from core.api import SCOPE
from core.pages import page


@dataclass(frozen=True, slots=True)
class Line:
    verb: str
    path: str
    words: str
    scope: str


@require_GET
@allowed("read")
def api_page(request: SignedInRequest) -> HttpResponse:
    return page(request, "api/page.html", {"groups": _groups()})


@cache
def _groups() -> list[tuple[str, list[Line]]]:
    groups: defaultdict[str, list[Line]] = defaultdict(list)
    for path, operations in api.get_openapi_schema()["paths"].items():
        for verb, each in operations.items():
            groups[each["tags"][0]].append(Line(verb.upper(), path, each.get("description", ""), each[SCOPE]))
    return list(groups.items())
