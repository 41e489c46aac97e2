"""What anybody may read, without signing in: lists of revoked certificates (RFC 5280), and answers about one (OCSP)."""

import base64
import hashlib
import logging

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from cas.models import RevocationList
from cas.ocsp_memory import MEMORY, Remembered
from cas.services.ocsp import Answer, answer, revocations
from cas.services.revocation_lists import length, pieces
from core import clock
from pki.ocsp import MOST_OCTETS, Status, error

log = logging.getLogger(__name__)
SECONDS_CACHED = 60  # within which a revocation is known everywhere


@require_safe
def revocation_list(request: HttpRequest, sha256: str) -> HttpResponseBase:
    """The newest list of an authority in DER (RFC 2585), a few pages in memory at a time."""
    found = RevocationList.objects.signed().filter(authority__sha256=sha256).newest_first().first()
    if found is None or found.signed_at is None:
        raise Http404
    kind, headers = "application/pkix-crl", _headers(found)
    response: HttpResponseBase = HttpResponse(content_type=kind, headers=headers)
    if request.method == "GET":
        response = StreamingHttpResponse(pieces(found), content_type=kind, headers=headers)
    made = int(found.signed_at.timestamp())
    # the stubs know of no streamed responses
    return get_conditional_response(request, headers["ETag"], made, response)  # type: ignore[arg-type,return-value]


def _headers(found: RevocationList) -> dict[str, str]:
    """The tag is the digest of all that is signed: of one list there is one signature."""
    return {
        "Cache-Control": f"public, max-age={SECONDS_CACHED}, no-transform",
        "Content-Length": str(length(found)),
        "ETag": f'"{found.tbs_digest[:64]}"',
        "Expires": http_date(found.next_update.timestamp()),
        "Last-Modified": http_date(found.signed_at.timestamp() if found.signed_at else None),
    }


@csrf_exempt  # its callers are TLS stacks, and nothing of a person's depends on it
@require_http_methods(["GET", "POST"])
def ocsp(request: HttpRequest, encoded: str = "") -> HttpResponseBase:
    """Answer an OCSPRequest: the body of a POST, or base64 in the path of a GET (RFC 6960 appendix A.1).

    Whatever comes, an OCSPResponse goes out. A GET may make us sign and keep an answer, which changes nothing that
    anybody owns.
    """
    try:
        mark = revocations()  # before the answer: what is revoked meanwhile has another one
        MEMORY.confirm(mark)
        made = answer(_asked(request, encoded))
    except Exception:  # the caller understands OCSP and nothing else, and learns nothing of what is wrong
        log.exception("An OCSP request could not be answered")
        mark, made = -1, Answer(error(Status.INTERNAL_ERROR))
    return _told(request, made, mark)


def _asked(request: HttpRequest, encoded: str) -> bytes:
    if request.method == "POST":
        return request.read(MOST_OCTETS + 1)
    try:
        return base64.b64decode(encoded[: 2 * MOST_OCTETS], validate=True)
    except ValueError:
        return b""


def _told(request: HttpRequest, made: Answer, mark: int) -> HttpResponseBase:
    """The headers of RFC 5019 section 6.2; what was made for one caller, or is an error, is kept by nobody."""
    response = HttpResponse(made.der, content_type="application/ocsp-response")
    if made.produced_at is None or made.next_update is None or made.fresh_until is None:
        response["Cache-Control"] = "no-store"
        return response
    produced, tag = int(made.produced_at.timestamp()), f'"{hashlib.sha256(made.der).hexdigest()}"'
    response["Content-Length"] = str(len(made.der))
    response["Expires"] = http_date(made.next_update.timestamp())
    response["ETag"], response["Last-Modified"] = tag, http_date(produced)
    if request.method == "GET":
        known = Remembered(mark, made.der, tuple(response.items()), tag, made.fresh_until, made.next_update)
        MEMORY.keep(request.path_info, known)
    seconds = max(0, int((made.next_update - clock.now()).total_seconds()))
    response["Cache-Control"] = f"max-age={seconds}, public, no-transform, must-revalidate"
    if request.method == "POST":
        return response
    found: HttpResponseBase | None = get_conditional_response(request, tag, produced, response)
    return found or response
