"""The list of authorities."""

from django.http import HttpResponse, QueryDict
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, allowed
from cas.filters import DEFAULT_SORT, SORTS, filtered
from cas.forms import RevokeSigningForm
from cas.models import Authority, Signing
from core import keyset
from core.pages import page

SIGNINGS = 20


@require_GET
@allowed("read")
def list_authorities(request: SignedInRequest) -> HttpResponse:
    chosen, authorities = filtered(request.GET, request=request)
    shown = keyset.paginate(authorities, request.GET, sorts=SORTS, default=DEFAULT_SORT)
    gateways = Authority.objects.filter(pk__in=[each.pk for each in shown.rows]).gateway_counts(request.user)
    context = {
        "filter": chosen,
        "page": shown,
        "rows": [(each, gateways.get(each.pk, 0)) for each in shown.rows],
        "filters": _filters_in_use(request.GET),
        **_doubtful_roots(request),
    }
    return page(request, "cas/list.html", context, fragment="cas/_list.html")


def _doubtful_roots(request: SignedInRequest) -> dict[str, object]:
    if not request.user.sees_all:
        return {}
    rows = Signing.objects.doubtful_roots().defer("tbs")
    return {"doubtful": rows[:SIGNINGS], "revoke_form": RevokeSigningForm()}


def _filters_in_use(query: QueryDict) -> int:
    return sum(1 for name in ("vendor", "state", "origin", "ends") if query.get(name))
