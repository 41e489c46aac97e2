"""Pages about whose an EUI is."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, allowed
from core.pages import page
from gateways.models import Dispute


@require_GET
@allowed("read_all")
def disputes(request: SignedInRequest) -> HttpResponse:
    rows = Dispute.objects.select_related("gateway__vendor", "claimant", "claimed_by", "closed_by")
    open_ones = rows.open().order_by("pk")[:200]
    closed = rows.filter(closed_at__isnull=False).order_by("-closed_at")[:50]
    return page(request, "gateways/disputes.html", {"disputes": open_ones, "closed": closed})
