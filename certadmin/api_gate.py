"""The way to the API: a token, limits, and the answers that were given before. None of the pages' middlewares is asked:
there is no session, no cookie and so nothing to forge."""

import hashlib
import logging
import re
import uuid
from collections.abc import Callable
from typing import cast

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve

from accounts.calls import CALLS, Taken
from accounts.models import ApiToken
from accounts.services import answers
from accounts.services.api_tokens import acting_as, find_token, note_use
from audit.services import through
from certadmin.api_rules import Rule, rules
from core.api import ApiRequest, Caller
from core.errors import Refused, Unprocessable
from core.problems import problem, problem_of

log = logging.getLogger(__name__)
PREFIX = "/api/v1/"
DOCUMENT = "openapi-json"
BEARER = "bearer "
KEY = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,254}")
Act = Callable[[], HttpResponse]


class ApiMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        response = _answer(cast("ApiRequest", request))
        response["Cache-Control"] = "no-store"
        if not response.streaming:
            response["Content-Length"] = str(len(response.content))
        return response


def _answer(request: ApiRequest) -> HttpResponse:
    try:
        return _let_in(request)
    except Refused as refusal:
        return problem_of(refusal)
    except Http404:
        return problem(404, "not-found", "There is nothing at this address.")
    except Exception:
        log.exception("The API failed at %s", request.path)
        return problem(500, "internal", "Something went wrong here. It is in the log; try again later.")


def _let_in(request: ApiRequest) -> HttpResponse:
    match = _resolve(request)
    if match and match.url_name == DOCUMENT and request.method in ("GET", "HEAD"):
        return cast("HttpResponse", match.func(request, *match.args, **match.kwargs))
    token = _token(request)
    if token is None:
        return _unknown()
    taken = CALLS.take(token)
    response = _allowed(request, token, match) if taken.allowed else _too_many(taken)
    response["RateLimit-Limit"], response["RateLimit-Remaining"] = str(taken.limit), str(taken.remaining)
    response["RateLimit-Reset"] = str(taken.reset)
    return response


def _resolve(request: ApiRequest) -> ResolverMatch | None:
    try:
        request.resolver_match = resolve(request.path_info)
    except Resolver404:
        return None
    return request.resolver_match


def _token(request: ApiRequest) -> ApiToken | None:
    given = request.headers.get("Authorization", "")
    token = find_token(given[len(BEARER) :].strip()) if given.lower().startswith(BEARER) else None
    if token is not None:
        note_use(token)
        request.user = acting_as(token)
        request.caller = Caller(request.user, frozenset(token.scopes))
    return token


def _unknown() -> HttpResponse:
    """The same for no token, a wrong one, and one that has ended: nothing is learned from it."""
    words = "Send a token of yours as “Authorization: Bearer cad_…”. It is made on the Account page."
    response = problem(401, "token-needed", words)
    response["WWW-Authenticate"] = 'Bearer realm="certadmin"'
    return response


def _too_many(taken: Taken) -> HttpResponse:
    words = f"This token made {taken.limit} calls within this minute. Go on in {taken.reset} seconds."
    response = problem(429, "too-many-calls", words)
    response["Retry-After"] = str(taken.reset)
    return response


def _allowed(request: ApiRequest, token: ApiToken, match: ResolverMatch | None) -> HttpResponse:
    try:
        if match is None:
            return problem(404, "not-found", "There is nothing at this address.")
        rule = rules().get((match.route, request.method or ""))
        if rule is not None:
            _check(request, rule)
        with through(api_token=token.name):
            is_streamed = rule is not None and rule.is_streamed
            return _once(request, token, lambda: _call(request, match), is_streamed=is_streamed)
    except Refused as refusal:
        return problem_of(refusal)


def _check(request: ApiRequest, rule: Rule) -> None:
    """What the document says of addresses and bodies, before anything of a body is read."""
    for name, values in request.GET.lists():
        if name not in rule.lengths:
            raise Unprocessable("parameter-unknown", f"There is no parameter {name[:80]!r} here.", field=name[:80])
        if len(values) > 1 or not 1 <= len(values[0]) <= rule.lengths[name]:
            words = f"Give {name} once, with 1 to {rule.lengths[name]} characters."
            raise Unprocessable("parameter-refused", words, field=name)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > rule.max_body:
        raise TooLarge("too-large", f"What is sent here has at most {rule.max_body:,} octets. Split it.")
    if int(length) and rule.kinds and request.content_type not in rule.kinds:
        raise WrongKind("media-type-refused", f"Send this as {' or '.join(sorted(rule.kinds))}.")
    if rule.is_streamed:
        return
    request._body = request.read(int(length))


class TooLarge(Refused):
    status = 413


class WrongKind(Refused):
    status = 415


def _call(request: ApiRequest, match: ResolverMatch) -> HttpResponse:
    response = cast("HttpResponse", match.func(request, *match.args, **match.kwargs))
    if response.status_code != 405:
        return response
    refusal = problem(405, "method-refused", f"{request.method} is not for this address.")
    refusal["Allow"] = response["Allow"]
    return refusal


def _once(request: ApiRequest, token: ApiToken, act: Act, *, is_streamed: bool) -> HttpResponse:
    """Do it, or give the answer that the same request got before. What is streamed compares files by itself."""
    key = request.headers.get("Idempotency-Key")
    # hashed, so that every key fits, however long
    named = hashlib.sha256(key.encode()).hexdigest() if key else uuid.uuid4().hex
    request.idempotency_key = f"api:{token.pk}:{named}"
    if key is None or request.method != "POST":
        return act()
    if not KEY.fullmatch(key):
        raise Unprocessable("idempotency-key-refused", "An Idempotency-Key has 1 to 255 printable ASCII characters.")
    if is_streamed:
        return act()
    kept = answers.begin(token, key, _fingerprint(request))
    if kept.status is not None:
        return _replayed(kept.status, kept.content_type, kept.location, kept.body)
    response = None
    try:
        response = act()
    finally:
        if response is None or not _is_kept(response):
            answers.let_go(kept)
    if _is_kept(response):
        kind, place = response["Content-Type"], response.get("Location", "")
        answers.keep(
            kept, status=response.status_code, content_type=kind, location=place, body=response.content.decode()
        )
    return response


def _is_kept(response: HttpResponse) -> bool:
    """What was done, and can be told again: files and private keys are not kept."""
    return 200 <= response.status_code < 300 and response.get("Content-Type", "").startswith("application/json")


def _replayed(status: int, kind: str, location: str, body: str) -> HttpResponse:
    response = HttpResponse(body, status=status, content_type=kind)
    response["Idempotency-Replayed"] = "true"
    if location:
        response["Location"] = location
    return response


def _fingerprint(request: ApiRequest) -> str:
    digest = hashlib.sha256()
    for part in (request.method, request.get_full_path(), request.content_type):
        digest.update(hashlib.sha256(str(part).encode()).digest())
    digest.update(request.body)
    return digest.hexdigest()
