"""What people get: their own wishes, and whom mails do not reach."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.models import User
from alerts.models import Delivery, Recipient
from alerts.rule_forms import WishesForm
from alerts.services.mailing import zone_of
from alerts.services.wishes import clear_bounce, recipient_of, set_wishes
from alerts.timeline import next_digest
from core import clock, keyset
from core.pages import page


@require_http_methods(["GET", "POST"])
@allowed("read")
def mine(request: SignedInRequest) -> HttpResponse:
    recipient = recipient_of(request.user)
    typed = {"hour": recipient.hour, "zone": recipient.zone, "wants": recipient.wants}
    form = WishesForm(request.POST if request.method == "POST" else None, initial=typed)
    if form.is_valid():
        set_wishes(request.user, **form.cleaned_data)
        messages.success(request, "Saved. It counts from the next mail on.")
        return redirect("alerts:mine")
    context = {
        "form": form,
        "recipient": recipient,
        "zone": zone_of(""),
        "next_at": next_digest(recipient, clock.now()),
        "waiting": Delivery.objects.pending().filter(recipient=recipient.email).count(),
        "is_told": request.user.role != "auditor",
    }
    return page(request, "alerts/mine.html", context, status=400 if form.errors else 200)


@require_GET
@allowed("read_all")
def recipients(request: SignedInRequest) -> HttpResponse:
    """Those that mails do not reach first, then all others by address."""
    bouncing = list(Recipient.objects.bouncing().order_by("-bounced_since"))
    shown = keyset.paginate(
        Recipient.objects.filter(bounced_since__isnull=True), request.GET, sorts={"email": "email"}, default="email"
    )
    emails = [row.email for row in (*bouncing, *shown.rows)]
    people = User.objects.filter(email__in=emails).select_related("vendor")
    who = {person.email.lower(): person for person in people}
    context = {
        "bouncing": [(row, who.get(row.email)) for row in bouncing],
        "rows": [(row, who.get(row.email)) for row in shown.rows],
        "page": shown,
    }
    return page(request, "alerts/recipients.html", context)


@require_POST
@allowed("operate")
def clear(request: SignedInRequest, pk: int) -> HttpResponse:
    recipient = get_object_or_404(Recipient, pk=pk)
    clear_bounce(request.user, recipient)
    messages.success(request, f"{recipient.email} gets mails as before. The next one tells whether they arrive.")
    return redirect("alerts:recipients")
