"""What anybody may read, without signing in: lists of revoked certificates (RFC 5280)."""

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from cas.models import RevocationList
from cas.services.revocation_lists import length, pieces

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
