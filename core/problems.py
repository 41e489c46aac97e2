"""Refusals as programs read them: application/problem+json (RFC 9457), with the same codes as on the pages."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse

from core.errors import Refused

MEDIA = "application/problem+json"


def problem(
    status: int, code: str, detail: str, *, field: str | None = None, errors: Sequence[dict[str, str]] = ()
) -> HttpResponse:
    """`code` is stable and for programs, `detail` is for people. `errors` names each wrong field with its reason."""
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"code": code, "detail": detail}
    if field:
        body["field"] = field
    if errors:
        body["errors"] = list(errors)
    return HttpResponse(json.dumps(body), content_type=MEDIA, status=status)


def problem_of(error: Refused) -> HttpResponse:
    return problem(error.status, error.code, error.message, field=error.field)
