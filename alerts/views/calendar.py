"""What ends, as a month."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, allowed
from alerts.calendar import month, read_month
from core import clock
from core.pages import page


@require_GET
@allowed("read")
def calendar(request: SignedInRequest) -> HttpResponse:
    now = clock.now()
    shown = month(request.user, read_month(request.GET.get("month", ""), now), now)
    return page(request, "alerts/calendar.html", {"month": shown, "today": now.date()})
