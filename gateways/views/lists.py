"""The list of gateways, and its export."""

from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, allowed
from core import csv, keyset
from core.pages import page
from gateways.filters import DEFAULT_SORT, SORTS, filtered
from gateways.models import Dispute, Gateway, Standing

COLUMNS = ("EUI", "Name", "Vendor", "Authority", "Ends", "State")


@require_GET
@allowed("read")
def list_gateways(request: SignedInRequest) -> HttpResponse:
    chosen, gateways = filtered(request.GET, request=request)
    shown = keyset.paginate(gateways.listed(), request.GET, sorts=SORTS, default=DEFAULT_SORT)
    disputes = Dispute.objects.open().count() if request.user.sees_all else 0
    context = {"filter": chosen, "page": shown, "disputes": disputes, "filters": _filters_in_use(request.GET)}
    return page(request, "gateways/list.html", context, fragment="gateways/_list.html")


@require_GET
@allowed("read")
def export(request: SignedInRequest) -> StreamingHttpResponse:
    """Exactly the rows of the list, in its order."""
    _, gateways = filtered(request.GET, request=request)
    ordered = keyset.sorted_as(gateways.listed(), request.GET, sorts=SORTS, default=DEFAULT_SORT)
    return csv.attachment("gateways.csv", COLUMNS, (_csv_row(gateway) for gateway in ordered.iterator(2000)))


def _filters_in_use(query: QueryDict) -> int:
    return sum(1 for name in ("vendor", "authority", "state") if query.get(name))


def _csv_row(gateway: Gateway) -> tuple[str, ...]:
    ends = gateway.current_not_after
    return (
        gateway.eui,
        gateway.name,
        gateway.vendor.name,
        gateway.current_authority.name if gateway.current_authority else "",
        ends.isoformat() if ends else "",
        Standing(gateway.standing).label,
    )
