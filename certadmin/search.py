"""Ctrl+K: one field over gateways, authorities, certificates, servers and vendors; results while typing."""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import SignedInRequest, allowed
from accounts.models import User, Vendor
from cas.models import Authority
from certificates.models import Certificate, ServerCertificate
from core import clock
from gateways.models import Gateway
from pki.errors import PkiError
from pki.eui import read_eui

EACH = 5  # results of a kind
LONGEST = 100


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
    """Return what `user` may see and `words` may mean."""
    digits = re.sub(r"[^0-9a-f]", "", words.lower())
    is_hex = len(digits) >= 4 and re.fullmatch(r"[0-9a-fA-F:\- ]+", words) is not None
    return [
        *_gateways(words, digits if is_hex else "", user),
        *_authorities(words, digits if is_hex else "", user),
        *_certificates(digits if is_hex else "", user),
        *_servers(words, user),
        *_vendors(words, user),
    ]


def _gateways(words: str, digits: str, user: User) -> Iterable[Hit]:
    meant = Q(name__icontains=words)
    if digits:
        meant |= Q(eui__startswith=digits.upper()) | Q(eui__endswith=digits.upper())
    with contextlib.suppress(PkiError):  # no EUI: then a name
        meant |= Q(eui=read_eui(words).eui)
    for gateway in Gateway.objects.visible_to(user).filter(meant).select_related("vendor")[:EACH]:
        more = ", ".join(part for part in (gateway.name, gateway.vendor.name) if part)
        yield Hit("Gateway", "router", gateway.eui, more, reverse("gateways:detail", args=[gateway.pk]))


def _authorities(words: str, digits: str, user: User) -> Iterable[Hit]:
    meant = Q(name__icontains=words) | Q(subject__icontains=words)
    if digits:
        meant |= Q(sha256__startswith=digits) | Q(serial=digits.lstrip("0"))
    for authority in Authority.objects.visible_to(user).filter(meant).defer("der")[:EACH]:
        more = authority.get_state_display()
        yield Hit("Authority", "certificate", authority.name, more, reverse("cas:detail", args=[authority.pk]))


def _certificates(digits: str, user: User) -> Iterable[Hit]:
    if not digits:
        return
    meant = Q(serial=digits.lstrip("0")) | Q(sha256__startswith=digits)
    for certificate in (
        Certificate.objects.visible_to(user).filter(meant).defer("der").select_related("gateway", "vendor")[:EACH]
    ):
        more = f"of {certificate.gateway.eui}, {certificate.vendor.name}"
        url = reverse("certificates:detail", args=[certificate.pk])
        yield Hit("Certificate", "file-certificate", certificate.serial, more, url)


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
