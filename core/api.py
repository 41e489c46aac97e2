"""What the apps' parts of the API share: who may call an operation, what it answers, and lists by cursor."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import django_filters
from annotated_types import GroupedMetadata
from django import forms
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Schema
from ninja.security import HttpBearer
from pydantic import AfterValidator, Field
from pydantic_core import to_json

from core import keyset
from core.errors import Forbidden, Unprocessable
from core.scopes import Scope

T = TypeVar("T")
M = TypeVar("M", bound=Model)
LARGEST_ID = 2**63 - 1
MOST_ROWS = 500
USUAL_ROWS = 50
MAX_BODY = "x-max-body"  # octets, in the document: larger ones are refused before they are read
STREAMED = "x-streamed"  # in the document: the operation reads the body itself, piece by piece
SCOPE = "x-scope"  # that a token needs
NO_NUL = r"^[^\u0000]*$"


def _storable(text: str) -> str:
    """Raise for a NUL, which no column takes."""
    if "\0" in text:
        raise ValueError("contains a NUL character")
    return text


@dataclass(frozen=True, slots=True)
class Text(GroupedMetadata):
    """In an annotation: a text of `least` to `most` characters, without NUL."""

    most: int
    least: int = 0
    pattern: str = NO_NUL
    description: str | None = None
    examples: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[object]:
        about: Any = {"pattern": self.pattern}
        more: Any = {"description": self.description} if self.description else {}
        if self.examples:
            more["examples"] = list(self.examples)
        yield Field(min_length=self.least, max_length=self.most, json_schema_extra=about, **more)
        yield AfterValidator(_storable)


Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class Wrong(Schema):
    field: str
    message: str


class Problem(Schema):
    """RFC 9457. `code` is stable and the same as on the pages; `detail` says what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | None = None
    errors: list[Wrong] | None = None

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "type": "about:blank", "title": "Conflict", "status": 409, "code": "eui-registered",
                    "detail": "This gateway is registered already.", "field": "eui",
                }
            ]
        }
    }  # fmt: skip


class Page(Schema, Generic[T]):
    """Some of the rows. `next` is the cursor of those behind them; without one, these are the last."""

    items: list[T]
    next: str | None


READ_PROBLEMS = (401, 403, 404, 409, 422, 429, 500)
WRITE_PROBLEMS = (400, 401, 403, 404, 409, 413, 415, 422, 429, 500)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a person of `accounts`, as far as the token goes."""

    user: Any
    scopes: frozenset[str]


class ApiRequest(HttpRequest):
    """The request as an operation sees it."""

    user: Any  # whom the token acts as
    caller: Caller | None
    idempotency_key: str  # as it was sent, else one of our own


class Token(HttpBearer):
    """Lets in a token with this scope, of somebody with this permission."""

    def __init__(self, scope: Scope, permission: str) -> None:
        super().__init__()
        self.scope, self.permission = scope, permission

    def __call__(self, request: HttpRequest) -> Caller | None:
        caller: Caller | None = getattr(request, "caller", None)
        if caller is None:
            return None
        if self.scope not in caller.scopes:
            raise Forbidden("scope-missing", f"This token is not for “{self.scope}”. Make one that is.")
        if not caller.user.has_perm(self.permission):
            raise Forbidden("not-for-your-role", "Your role cannot do this. Ask an operator.")
        return caller

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        return self(request)


def reads(model: Any, *, scope: Scope = Scope.READ, permission: str = "read", **extra: Any) -> dict[str, Any]:
    """What a reading operation is declared with."""
    return _declared(scope, permission, {200: model}, READ_PROBLEMS, extra)


def writes(
    answers: Mapping[int, Any], *, scope: Scope, permission: str = "hand_in", max_body: int = 1024 * 1024, **extra: Any
) -> dict[str, Any]:
    """What a changing operation is declared with; `answers` are its models by status."""
    return _declared(scope, permission, answers, WRITE_PROBLEMS, {MAX_BODY: max_body, **extra})


def _declared(
    scope: Scope, permission: str, answers: Mapping[int, Any], problems: tuple[int, ...], extra: dict[str, Any]
) -> dict[str, Any]:
    models = {**answers, **dict.fromkeys(problems, Problem)}
    extra = {SCOPE: scope.value, **extra}
    return {"auth": Token(scope, permission), "response": models, "openapi_extra": extra}


def listing(filters: type[Any] | None, sorts: Mapping[str, str], default: str) -> list[dict[str, Any]]:
    """The parameters of a list, for the document: those of its filter on the pages, the order, and the place."""
    orders = [sign + name for name in sorts for sign in ("", "-")]
    return [
        *(_parameter(name, each) for name, each in (filters.base_filters.items() if filters else ())),
        _in_query("sort", {"type": "string", "enum": orders, "default": default}, "By what, `-` to descend."),
        _in_query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": USUAL_ROWS}, "Rows."),
        _in_query("cursor", {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 600}, "`next` of a page."),
    ]


def _parameter(name: str, each: Any) -> dict[str, Any]:
    return _in_query(name, _schema_of(each), str(each.label or each.extra.get("label") or name.replace("_", " ")))


def _in_query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"in": "query", "name": name, "schema": schema, "required": False, "description": description}


def _schema_of(each: Any) -> dict[str, Any]:
    if isinstance(each, django_filters.ModelChoiceFilter):
        return {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
    if isinstance(each, django_filters.ChoiceFilter):
        return _choices(each.extra["choices"])
    if isinstance(each, django_filters.DateFilter):
        return {"type": "string", "format": "date"}
    if isinstance(each, django_filters.BooleanFilter):
        return {"type": "string", "enum": ["true", "false"]}
    if isinstance(each, django_filters.NumberFilter):
        return {"type": "integer", "minimum": -100_000, "maximum": 100_000}
    return {"type": "string", "minLength": 1, "maxLength": 200, "pattern": NO_NUL}


def _choices(choices: Any) -> dict[str, Any]:
    if callable(choices) and not isinstance(choices, type):
        return {"type": "string", "minLength": 1, "maxLength": 200}  # known only when asked
    pairs = choices.choices if hasattr(choices, "choices") else choices
    return {"type": "string", "enum": [str(value) for value, _ in pairs]}


def filtered(chosen: Any) -> Any:
    """The rows that a filter finds; raises where it does not understand what was asked for, or where that is a filter
    for others."""
    for name in chosen.base_filters:
        if name in chosen.data and name not in chosen.filters:
            raise Unprocessable("filter-refused", f"{name} is no filter for your role: leave it out.", field=name)
    if not chosen.is_valid():
        name, words = next(iter(chosen.errors.items()))
        raise Unprocessable("filter-refused", f"{name}: {' '.join(map(str, words))}", field=name)
    return chosen.qs


class _PlaceForm(forms.Form):
    """Which rows of a list, and how many."""

    limit = forms.IntegerField(required=False, min_value=1, max_value=MOST_ROWS)
    cursor = forms.CharField(required=False, max_length=600)
    sort = forms.CharField(required=False, max_length=40)


def page_of(
    request: HttpRequest,
    rows: QuerySet[M],
    make: Callable[[M], T],
    *,
    sorts: Mapping[str, str],
    default: str,
) -> HttpResponse:
    """A page of `rows` in the order and from the place that the request names, each made into what is answered. Written
    as JSON here: what we made ourselves need not be checked again, row by row."""
    form = _PlaceForm(request.GET)
    if not form.is_valid():
        name, words = next(iter(form.errors.items()))
        raise Unprocessable("place-refused", f"{name}: {' '.join(map(str, words))}", field=name)
    sort = form.cleaned_data["sort"] or default
    if sort.removeprefix("-") not in sorts:
        raise Unprocessable("sort-unknown", f"This list is sorted by {' or '.join(sorts)}.", field="sort")
    found, after = _window(rows, form.cleaned_data["cursor"], sorts=sorts, sort=sort, size=form.cleaned_data["limit"])
    page = {"items": [make(row) for row in found], "next": _seal(sort, after) if after else None}
    return HttpResponse(to_json(page), content_type="application/json")


def _window(
    rows: QuerySet[M], cursor: str, *, sorts: Mapping[str, str], sort: str, size: int | None
) -> tuple[list[M], str | None]:
    try:
        place = _open(cursor, sort) if cursor else ""
        return keyset.window(rows, place, sorts=sorts, sort=sort, size=size or USUAL_ROWS)
    except ValueError:
        message = "This is no cursor of this list in this order. Begin without one."
        raise Unprocessable("cursor-refused", message, field="cursor") from None


def _seal(sort: str, place: str) -> str:
    return base64.urlsafe_b64encode(f"{sort} {place}".encode()).decode().rstrip("=")


def _open(cursor: str, sort: str) -> str:
    """The place that `_seal` wrote down; raises ValueError for anything else."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not written by us") from error
    named, _, place = text.partition(" ")
    if named != sort or not place:
        raise ValueError("of another order")
    return place
