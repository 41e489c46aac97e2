"""The API: each app's part under one roof, one document, and one rendering of what goes wrong."""

import logging
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.renderers import BaseRenderer
from pydantic_core import to_json

from accounts.api import router as accounts
from alerts.api import router as alerts
from audit.api import router as audit
from cas.api import router as cas
from certificates.api import router as certificates
from certificates.fleet_api import router as fleet
from core.api import SCOPE
from core.errors import Refused
from core.problems import MEDIA, problem, problem_of
from gateways.api import router as gateways
from gateways.import_api import router as imports
from trust.api import router as trust

log = logging.getLogger(__name__)
IDEMPOTENCY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "Sent again with the same request within 24 hours, it is not done again: the answer is the same. "
    "Private keys and files are not kept for that: they are handed out again, as long as they are there.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
DESCRIPTION = (
    "Gateways, their certificates and who trusts them. Send a token of yours (Account, Tokens) as "
    "`Authorization: Bearer cad_…`. Lists are read by cursor; refusals are RFC 9457 problems whose `code` is stable."
)


class Renderer(BaseRenderer):
    """As pydantic writes JSON, which is faster than the standard library's."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> Any:
        return to_json(data)


class Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**options)
        for path in document["paths"].values():
            for verb, operation in path.items():
                _finish(verb, operation)
        return document


def _finish(verb: str, operation: dict[str, Any]) -> None:
    produced = operation.pop("produces", None)
    if produced:
        operation["responses"][200]["content"] = {produced: {"schema": {"type": "string", "format": "binary"}}}
    operation["security"] = [{"Token": [operation[SCOPE]]}]
    for status, answer in operation["responses"].items():
        if int(status) >= 400:
            answer["content"] = {MEDIA: next(iter(answer["content"].values()))}
    if verb == "post" and IDEMPOTENCY not in operation["parameters"]:
        operation["parameters"].append(IDEMPOTENCY)


api = Api(
    title="certadmin",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    docs_url=None,
    renderer=Renderer(),
    openapi_url="openapi.json",
)
api.add_router("", accounts, tags=["Who calls"])
api.add_router("", gateways, tags=["Gateways"])
api.add_router("", imports, tags=["Imports"])
api.add_router("", fleet, tags=["Many at once"])
api.add_router("", certificates, tags=["Certificates"])
api.add_router("", cas, tags=["Authorities"])
api.add_router("", trust, tags=["Trust"])
api.add_router("", alerts, tags=["Alerts"])
api.add_router("", audit, tags=["Audit"])


@api.exception_handler(Refused)
def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return problem_of(error)


@api.exception_handler(Http404)
def missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem(404, "not-found", "There is nothing like this, or it is not yours.")


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Each field with its reason; what was sent is not sent back."""
    errors = [{"field": _field(each["loc"]), "message": str(each["msg"])} for each in error.errors]
    words = "; ".join(f"{each['field']}: {each['message']}" for each in errors[:3])
    return problem(422, "invalid", words[:500], field=errors[0]["field"] if errors else None, errors=errors[:100])


def _field(place: tuple[Any, ...]) -> str:
    """Where it is, without `body` and the name of our own argument."""
    names = [str(each) for each in place]
    kept = names[2:] if names[0] == "body" else names[1:]
    return ".".join(kept) or names[0]


@api.exception_handler(HttpError)
def unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The one that django-ninja raises by itself: the body is no JSON."""
    return problem(400, "not-json", "The body is no JSON.")


@api.exception_handler(Exception)
def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("The API failed at %s", request.path, exc_info=error)
    return problem(500, "internal", "Something went wrong here. It is in the log; try again later.")
