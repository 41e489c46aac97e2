"""The log of mails: what was queued, sent and refused, with the mail server's own words.

Never what stands in a mail: invitations and password links are for their recipients only.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.mail_filters import MailFilter
from accounts.models import Deployment
from core import keyset
from core.bell import ring
from core.pages import page
from outbox.models import Message
from outbox.services import delivery
from outbox.tasks import send_due

SORTS = {"when": "id"}
BOUNCED = 12


@require_GET
@allowed("read_all")
def list_mails(request: SignedInRequest) -> HttpResponse:
    return _show(request)


@require_POST
@allowed("operate")
def try_server(request: SignedInRequest) -> HttpResponse:
    """A mail to oneself, now, and what the server says to it."""
    to = request.user.email
    named = Deployment.objects.values_list("name", flat=True).first() or "certadmin"
    return _show(request, tried=delivery.try_mail(request.user, to, deployment=named), to=to)


@require_POST
@allowed("operate")
def retry(request: SignedInRequest, pk: int) -> HttpResponse:
    message = get_object_or_404(Message, pk=pk)
    delivery.retry(request.user, message)
    ring(send_due)
    messages.success(request, f"The mail to {message.recipient} is sent once more.")
    return redirect("mails:list")


def _show(request: SignedInRequest, **more: Any) -> HttpResponse:
    chosen = MailFilter(request.GET, Message.objects.defer("text", "html"))
    found = keyset.paginate(chosen.qs, request.GET, sorts=SORTS, default="-when")
    in_use = [name for name in chosen.filters if name != "to" and request.GET.get(name)]
    bounced = Message.objects.bounced().defer("text", "html")[:BOUNCED]
    context = {"filter": chosen, "page": found, "in_use": in_use, "bounced": bounced, **more}
    return page(request, "accounts/mails.html", context, fragment="accounts/_mails.html")
