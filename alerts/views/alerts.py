"""The page of what ends and is not renewed."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, allowed
from alerts.filters import DEFAULT_SORT, SORTS, filtered
from alerts.listing import rows
from alerts.services.notices import JOB
from audit.models import Heartbeat
from core import clock, keyset
from core.pages import page


@require_GET
@allowed("read")
def list_alerts(request: SignedInRequest) -> HttpResponse:
    chosen, notices = filtered(request.GET, request=request)
    shown = keyset.paginate(notices, request.GET, sorts=SORTS, default=DEFAULT_SORT)
    context = {
        "filter": chosen,
        "page": shown,
        "rows": rows(shown.rows, clock.now()),
        "is_filtered": any(request.GET.get(name) for name in chosen.filters),
        "looked_at": Heartbeat.objects.filter(pk=JOB).values_list("succeeded_at", flat=True).first(),
    }
    return page(request, "alerts/list.html", context, fragment="alerts/_list.html")
