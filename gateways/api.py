"""The API's part about gateways: registering, describing, sightings, and whose an EUI is."""

from dataclasses import asdict
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Router, Status

from accounts.models import User, Vendor
from core.api import ApiRequest, Page, filtered, listing, page_of, reads, writes
from core.errors import Unprocessable
from core.scopes import Scope
from gateways import services
from gateways.filters import DEFAULT_SORT, SORTS, GatewayFilter
from gateways.models import Claim, EuiBlock, Gateway
from gateways.one import tell
from gateways.schemas import (
    BlockOut,
    ClaimOut,
    Description,
    GatewayDetail,
    GatewayOut,
    Registration,
    Sightings,
    SightingsOut,
)
from gateways.services.sightings import Told, record_sightings
from gateways.services.tagging import read_tags
from pki.eui import InvalidEui, read_eui

router = Router()
NEWEST = {"made": "id"}


@router.get("/gateways", **reads(Page[GatewayOut], parameters=listing(GatewayFilter, SORTS, DEFAULT_SORT)))
def list_gateways(request: ApiRequest) -> Any:
    """The gateways that you see, by the filters of the page."""
    chosen = GatewayFilter(request.GET, queryset=Gateway.objects.visible_to(request.user), request=request)
    rows = filtered(chosen).select_related("vendor")
    return page_of(request, rows, GatewayOut.of, sorts=SORTS, default=DEFAULT_SORT)


@router.post("/gateways", **writes({201: GatewayDetail, 202: ClaimOut}, scope=Scope.GATEWAYS))
def register_gateway(request: ApiRequest, sent: Registration, response: HttpResponse) -> Any:
    """Register a gateway (201). Outside of your blocks it becomes a claim (202), which an operator decides."""
    user, eui = request.user, read_or_refuse(sent.eui, reads_mac=sent.reads_mac)
    vendor = vendor_for(user, sent.vendor_id)
    made = services.register_or_claim(user, vendor, eui, sent.name, model=sent.model)
    if isinstance(made, Claim):
        response["Location"] = reverse("api:get_claim", args=[made.pk])
        return Status(202, ClaimOut.of(made))
    response["Location"] = reverse("api:get_gateway", args=[made.eui])
    return Status(201, detail_of(made.eui, request.user))


@router.get("/gateways/{eui}", url_name="get_gateway", **reads(GatewayDetail))
def get_gateway(request: ApiRequest, eui: str) -> Any:
    """One gateway, by its EUI in any notation."""
    return detail_of(canonical(eui), request.user)


@router.patch("/gateways/{eui}", url_name="get_gateway", **writes({200: GatewayDetail}, scope=Scope.GATEWAYS))
def describe_gateway(request: ApiRequest, eui: str, sent: Description) -> Any:
    """Change what you wrote about a gateway."""
    gateway = find_gateway(request.user, eui)
    name = gateway.name if sent.name is None else sent.name
    notes = gateway.notes if sent.notes is None else sent.notes
    tags = None if sent.tags is None else read_tags(",".join(sent.tags))
    services.describe(gateway, actor=request.user, name=name, notes=notes, model=sent.model, tags=tags)
    return detail_of(gateway.eui, request.user)


@router.get("/claims", **reads(Page[ClaimOut], parameters=listing(None, NEWEST, "-made")))
def list_claims(request: ApiRequest) -> Any:
    """What was claimed outside of blocks, and what became of it."""
    return page_of(request, Claim.objects.visible_to(request.user), ClaimOut.of, sorts=NEWEST, default="-made")


@router.get("/claims/{int:id}", url_name="get_claim", **reads(ClaimOut))
def get_claim(request: ApiRequest, id: int) -> Any:
    """One claim."""
    return ClaimOut.of(get_object_or_404(Claim.objects.visible_to(request.user), pk=id))


@router.get("/blocks", **reads(Page[BlockOut], parameters=listing(None, {"first": "first"}, "first")))
def list_blocks(request: ApiRequest) -> Any:
    """The blocks of EUIs that you own; operators and auditors see all."""
    rows = EuiBlock.objects.visible_to(request.user)
    return page_of(request, rows, BlockOut.of, sorts={"first": "first"}, default="first")


@router.post(
    "/sightings", **writes({200: SightingsOut}, scope=Scope.SIGHTINGS, permission="operate", max_body=3 * 1024 * 1024)
)
def tell_sightings(request: ApiRequest, sent: Sightings) -> Any:
    """Say where gateways were seen: up to 10,000 at once, from a proxy's or a network server's log."""
    rows = [Told(each.eui, each.at, each.sha256) for each in sent.sightings]
    return SightingsOut(**asdict(record_sightings(request.user, rows)))


def read_or_refuse(text: str, *, reads_mac: bool = False) -> str:
    """The canonical EUI of what was sent in a body. A MAC address is none yet, unless it is said how that is read."""
    try:
        reading = read_eui(text)
    except InvalidEui as error:
        raise Unprocessable(error.code, error.message, field="eui") from None
    if reading.question and not reads_mac:
        words = f"{reading.question} Send all 16 digits, such as {reading.eui}, or reads_mac."
        raise Unprocessable("eui-ambiguous", words, field="eui")
    return reading.eui


def find_gateway(user: User, text: str) -> Gateway:
    """The gateway of this EUI, where the person may see it; raises Http404."""
    return get_object_or_404(Gateway.objects.visible_to(user).select_related("vendor"), eui=canonical(text))


def vendor_for(user: User, vendor_id: int | None) -> Vendor:
    """The vendor that something is done for: one's own, or the one that an operator names."""
    if user.vendor is not None:
        if vendor_id not in (None, user.vendor_id):
            raise Http404
        return user.vendor
    if vendor_id is None:
        raise Unprocessable("vendor-needed", "Say which vendor it is for, as vendor_id.", field="vendor_id")
    return get_object_or_404(Vendor, pk=vendor_id)


def detail_of(eui: str, user: User) -> GatewayDetail:
    """All that is told of the gateway of the canonical `eui`; raises Http404 where the person does not see it."""
    told = tell(eui, viewer=user)
    if told is None:
        raise Http404
    about = dict(GatewayOut.of(told.gateway))
    return GatewayDetail.model_construct(**about, notes=told.gateway.notes, tags=told.tags, disputed=told.is_disputed)


def canonical(text: str) -> str:
    """The EUI of an address; raises Http404 for what is none."""
    try:
        return read_eui(text).eui
    except InvalidEui as error:
        raise Http404 from error
