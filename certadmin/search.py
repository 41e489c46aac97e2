"""Ctrl+K: one field over gateways, their tags and models, authorities, certificates, servers, vendors, requests and
batches; results while typing. At a million gateways each look is one into an index: certificates by their serial are
asked for authority by authority, which is how their index begins."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.access import SignedInRequest, allowed
from accounts.models import User, Vendor
from cas.models import Authority
from certificates.models import Batch, Certificate, Request, ServerCertificate
from core import clock, patience
from gateways.filters import proposals
from gateways.models import Gateway

EACH = 5  # results of a kind
LONGEST = 100
SHORTEST = 4  # digits of a serial number or fingerprint
LONGEST_NUMBER = 9
TWO = 2


@dataclass(frozen=True, slots=True)
class Hit:
    kind: str
    icon: str
    title: str
    more: str
    url: str


@require_safe
@allowed("read")
def search(request: SignedInRequest) -> HttpResponse:
    """The dialog without `q`, its results with it."""
    asked = request.GET.get("q")
    if asked is None:
        return render(request, "search/_dialog.html")
    words = asked.replace("\0", "").strip()[:LONGEST]  # PostgreSQL takes no NUL
    return render(request, "search/_hits.html", {"asked": words, "hits": find(words, request.user) if words else []})


def find(words: str, user: User) -> list[Hit]:
    """Return what `user` may see and `words` may mean. Raises `TooSlow`."""
    bare = re.sub(r"^0x", "", words.strip(), flags=re.IGNORECASE)
    is_hex = re.fullmatch(r"[0-9a-fA-F:\- ]+", bare) is not None
    digits = re.sub(r"[^0-9a-f]", "", bare.lower()) if is_hex else ""
    digits = digits if len(digits) >= SHORTEST else ""
    with patience.at_most(patience.LIMIT):
        return [
            *_gateways(words, user),
            *_labels(words, user),
            *_authorities(words, digits, user),
            *_certificates(words, digits, user),
            *_servers(words, user),
            *_vendors(words, user),
            *_numbered(words, user),
        ]


def _gateways(words: str, user: User) -> Iterable[Hit]:
    if len(words) <= TWO:  # the index of parts knows three: with less, too many would be looked at
        return
    matching = Gateway.objects.visible_to(user).select_related("vendor").matching(words)
    # any of them: to sort thousands for five is most of the time that this may take
    with patience.by_indexes():
        any_of_them = list(matching.order_by()[:EACH])
    for gateway in sorted(any_of_them, key=lambda each: each.eui):
        more = ", ".join(part for part in (gateway.name, gateway.vendor.name) if part)
        yield Hit("Gateway", "router", gateway.eui, more, reverse("gateways:detail", args=[gateway.pk]))


def _labels(words: str, user: User) -> Iterable[Hit]:
    """Tags and models: each leads to the list of its gateways."""
    known = proposals(user)
    for kind, names in (("tag", known.tags), ("model", known.models)):
        for name in [each for each in names if words.lower() in each.lower()][:EACH]:
            yield Hit(
                kind.capitalize(),
                "list-details",
                name,
                "gateways",
                f"{reverse('gateways:list')}?{urlencode({kind: name})}",
            )


def _numbered(words: str, user: User) -> Iterable[Hit]:
    """A request or a batch by its number."""
    number = words.lstrip("#").strip()
    if not (number.isascii() and number.isdecimal() and len(number) <= LONGEST_NUMBER):
        return
    for batch in Batch.objects.visible_to(user).filter(pk=int(number)).select_related("vendor"):
        url = reverse("certificates:batch", args=[batch.pk])
        yield Hit("Batch", "stack-2", f"Batch {batch.pk}", batch.vendor.name, url)
    for wish in Request.objects.visible_to(user).filter(pk=int(number)).select_related("gateway").defer("csr"):
        url = reverse("certificates:request", args=[wish.pk])
        yield Hit("Request", "inbox", f"Request {wish.pk}", f"for {wish.gateway.eui}", url)


def _authorities(words: str, digits: str, user: User) -> Iterable[Hit]:
    meant = Q(name__icontains=words) | Q(subject__icontains=words)
    if digits:
        meant |= Q(sha256__startswith=digits) | Q(serial=digits.lstrip("0"))
    for authority in Authority.objects.visible_to(user).filter(meant).defer("der")[:EACH]:
        more = authority.get_state_display()
        yield Hit("Authority", "certificate", authority.name, more, reverse("cas:detail", args=[authority.pk]))


def _certificates(words: str, digits: str, user: User) -> Iterable[Hit]:
    serials = {digits.lstrip("0")} | ({f"{int(words):x}"} if _is_decimal(words) else set())
    if not digits:
        return
    authorities = Authority.objects.for_fleet().values_list("pk", flat=True)
    by_serial = Q(authority__any_of=list(authorities), serial__in=serials)
    seen = Certificate.objects.visible_to(user).defer("der").select_related("gateway", "vendor")
    # two looks, since each has its own index
    found = [*seen.filter(by_serial)[:EACH], *seen.filter(sha256__startswith=digits)[:EACH]]
    for certificate in found[:EACH]:
        more = f"of {certificate.gateway.eui}, {certificate.vendor.name}"
        url = reverse("certificates:detail", args=[certificate.pk])
        yield Hit("Certificate", "file-certificate", certificate.serial, more, url)


def _is_decimal(words: str) -> bool:
    return words.isascii() and words.isdecimal()


def _servers(words: str, user: User) -> Iterable[Hit]:
    found = ServerCertificate.objects.visible_to(user).naming(words).listed(clock.now()).order_by("-pk")
    for server in found[:EACH]:
        more = f"{server.standing.label.lower()}, by {server.authority.name}"
        yield Hit("Server", "server", server.host, more, reverse("certificates:server", args=[server.pk]))


def _vendors(words: str, user: User) -> Iterable[Hit]:
    if not user.sees_all:
        return
    for vendor in Vendor.objects.filter(name__icontains=words)[:EACH]:
        yield Hit("Vendor", "building-factory", vendor.name, "", reverse("accounts:vendor", args=[vendor.pk]))
