"""The mailbox of the embedded mode, for whoever sits at this machine; and the page that ends mails of a kind."""

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from core.keyset import paginate
from core.pages import page
from outbox.models import Message
from outbox.services import unsubscribing

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_VIA")


def at_this_machine(view: "View[P]") -> "View[P]":
    """Answer 404 to everybody else: the mails hold invitations and links that choose a new password."""

    @wraps(view)
    def inner(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not _is_loopback(request.META.get("REMOTE_ADDR", "")) or any(name in request.META for name in FORWARDED):
            raise Http404
        return view(request, *args, **kwargs)

    return inner


@require_GET
@at_this_machine
def mailbox(request: HttpRequest) -> HttpResponse:
    found = paginate(Message.objects.all(), request.GET, sorts={"when": "id"}, default="-when")
    return page(request, "outbox/mailbox.html", {"page": found}, fragment="outbox/_messages.html")


@require_GET
@at_this_machine
def mail(request: HttpRequest, pk: int) -> HttpResponse:
    return page(request, "outbox/mail.html", {"message": get_object_or_404(Message, pk=pk)})


@require_http_methods(["GET", "POST"])
@csrf_exempt  # a mail program posts here, which has no page of ours; what it may do stands in the signed link
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """For whoever has the link from a mail. Looking changes nothing: some mail programs follow every link."""
    wish = unsubscribing.wish_of(token)
    if wish is None:
        raise Http404
    if request.method == "POST":
        act = unsubscribing.resume if request.POST.get("act") == "resume" else unsubscribing.stop
        act(wish)
    return page(request, "outbox/unsubscribe.html", {"wish": wish})


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
