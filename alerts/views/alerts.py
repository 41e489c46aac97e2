"""The list of alerts."""

from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, allowed
from alerts.filters import DEFAULT_SORT, SORTS, filtered, state_of
from alerts.listing import rows, tabs
from alerts.services.notices import JOB
from audit.models import Heartbeat
from core import clock, keyset
from core.pages import page, with_address
from core.patience import TooSlow


@require_GET
@allowed("read")
def list_alerts(request: SignedInRequest) -> HttpResponse:
    chosen, alerts = filtered(request.GET, request=request)
    state, status = state_of(request.GET), 200
    context: dict[str, Any] = {
        "filter": chosen,
        "tabs": tabs(alerts, state),
        "state": state,
        "chosen_parts": sum(1 for name in chosen.filters if name != "q" and request.GET.get(name)),
        "looked_at": Heartbeat.objects.filter(pk=JOB).values_list("succeeded_at", flat=True).first(),
    }
    try:
        found = alerts.filter(state=state).select_related("vendor", "answered_by")
        shown = keyset.paginate(found, request.GET, sorts=SORTS, default=DEFAULT_SORT)
        context |= {"page": shown, "rows": rows(shown.rows, request.user, clock.now())}
    except TooSlow as slow:
        context["too_slow"], status = slow, slow.status
    answer = page(request, "alerts/list.html", context, fragment="alerts/_list.html", status=status)
    return with_address(answer, request)
