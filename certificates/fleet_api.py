"""The API's part about many at once: batches of certificates, transfers, and gateways out of use."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Router, Status

from accounts.models import User, Vendor
from cas.models import Authority
from cas.tasks import renew_list
from certificates import services, tasks
from certificates.api import usual_days
from certificates.models import Batch, Line
from certificates.schemas import BatchAsking, BatchDetail, BatchOut, Counted, LineOut, Transfer
from certificates.services import batch_sources, batches, transfer
from certificates.services.batches import Entry, Wish
from core.api import ApiRequest, Page, listing, page_of, reads, writes
from core.bell import ring
from core.errors import Unprocessable
from core.scopes import Scope
from gateways.api import canonical, detail_of, find_gateway, read_or_refuse, vendor_for
from gateways.models import Gateway
from gateways.schemas import GatewayDetail
from outbox.tasks import send_due

router = Router()
MADE, LINES = {"made": "id"}, {"number": "number"}
MAX_BATCH = 15 * 1024 * 1024


@router.get("/batches", **reads(Page[BatchOut], parameters=listing(None, MADE, "-made")))
def list_batches(request: ApiRequest) -> Any:
    """The batches that you see; the newest first."""
    return page_of(request, Batch.objects.visible_to(request.user), BatchOut.of, sorts=MADE, default="-made")


@router.post("/batches", **writes({202: BatchDetail}, scope=Scope.CERTIFICATES, max_body=MAX_BATCH))
def hand_in_batch(request: ApiRequest, sent: BatchAsking, response: HttpResponse) -> Any:
    """Ask for many certificates. First each line is checked; ask for the batch again to see how far it is."""
    vendor = vendor_for(request.user, sent.vendor_id)
    source = "CSRs sent to the API" if sent.csrs else "EUIs sent to the API"
    wish = Wish(source, usual_days(sent.lifetime_days), sent.key_type or "", sent.profile)
    batch = batches.create_batch(request.user, vendor, _entries(sent), wish, idempotency_key=request.idempotency_key)
    for pk in batches.work_left(batch):
        ring(tasks.work_on_chunk, pk)
    response["Location"] = reverse("api:get_batch", args=[batch.pk])
    return Status(202, _detail(batch))


@router.get("/batches/{int:id}", url_name="get_batch", **reads(BatchDetail))
def get_batch(request: ApiRequest, id: int) -> Any:
    """One batch: how far it is."""
    return _detail(_batch(request.user, id))


@router.get("/batches/{int:id}/refused", **reads(Page[LineOut], parameters=listing(None, LINES, "number")))
def list_refused_lines(request: ApiRequest, id: int) -> Any:
    """The lines of a batch that are refused, and why."""
    rows = Line.objects.filter(chunk__batch=_batch(request.user, id)).refused()
    return page_of(request, rows, LineOut.of, sorts=LINES, default="number")


@router.post("/batches/{int:id}/cancel", **writes({200: BatchDetail}, scope=Scope.CERTIFICATES))
def cancel_batch(request: ApiRequest, id: int) -> Any:
    """Begin nothing new of it. What was issued stays."""
    return _detail(batches.cancel_batch(_batch(request.user, id), actor=request.user))


@router.post("/gateways/{eui}/retire", **writes({200: GatewayDetail}, scope=Scope.GATEWAYS))
def retire_gateway(request: ApiRequest, eui: str) -> Any:
    """Take a gateway out of use: its certificates are revoked."""
    gateway = find_gateway(request.user, eui)
    services.retire(Gateway.objects.filter(pk=gateway.pk), actor=request.user, typed="1")
    _ring()
    return detail_of(canonical(eui), request.user)


@router.post("/gateways/{eui}/take-back", **writes({200: GatewayDetail}, scope=Scope.GATEWAYS))
def take_back_gateway(request: ApiRequest, eui: str) -> Any:
    """Use a retired gateway again. It needs a new certificate."""
    services.take_back(find_gateway(request.user, eui), actor=request.user)
    return detail_of(canonical(eui), request.user)


@router.post("/transfers", **writes({200: Counted}, scope=Scope.GATEWAYS, permission="operate"))
def transfer_gateways(request: ApiRequest, sent: Transfer) -> Any:
    """Give gateways to another vendor: all that are named, or none. Operators only."""
    euis = sorted({read_or_refuse(each) for each in sent.euis})
    chosen = Gateway.objects.visible_to(request.user).filter(eui__any_of=euis)
    to = get_object_or_404(Vendor, pk=sent.to)
    if chosen.count() != len(euis):
        raise Unprocessable("gateway-unknown", "Some of these are not registered. Nothing was moved.", field="euis")
    typed = str(len(euis))  # whoever writes them one by one knows how many they are
    how = {"fate": sent.certificates, "reason": sent.reason, "typed": typed}
    count = transfer.transfer(chosen, to=to, actor=request.user, **how)
    _ring()
    return Counted(count=count)


def _entries(sent: BatchAsking) -> list[Entry]:
    if (sent.csrs is None) == (sent.euis is None):
        raise Unprocessable("csrs-or-euis", "Send CSRs, or EUIs and the type of their keys.", field="csrs")
    if sent.csrs is not None:
        return batch_sources.csrs("\n".join(sent.csrs).encode(errors="replace"))
    return [Entry(each.strip()) for each in sent.euis or ()]


def _batch(user: User, pk: int) -> Batch:
    return get_object_or_404(Batch.objects.visible_to(user).listed(), pk=pk)


def _detail(batch: Batch) -> BatchDetail:
    about: dict[str, Any] = {**BatchOut.of(batch).model_dump(), **batch.chunks.counts()}
    return BatchDetail.model_construct(**about)


def _ring() -> None:
    """What was revoked stands on the lists at once; and mails wait."""
    for pk in Authority.objects.filter(key__isnull=False).values_list("pk", flat=True):
        ring(renew_list, pk)
    ring(send_due)
