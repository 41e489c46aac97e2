"""The API's part about certificates: asking, taking, recording and revoking."""

from ssl import DER_cert_to_PEM_cert
from typing import Any

from django.db.models import F
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Router, Status

from accounts.models import Deployment, User
from cas.tasks import renew_list
from certificates import filters, services, tasks
from certificates.models import Certificate, CertificateQuerySet, Request, RequestQuerySet
from certificates.schemas import Asking, CertificateOut, Recording, RequestOut, Revocation
from core import clock
from core.api import ApiRequest, Page, filtered, listing, page_of, reads, writes
from core.bell import ring
from core.errors import Unprocessable
from core.scopes import Scope
from gateways.api import find_gateway, read_or_refuse
from outbox.tasks import send_due

router = Router()
FORMS = {
    "leaf.pem": "application/x-pem-file",
    "leaf.der": "application/pkix-cert",
    "chain.pem": "application/x-pem-file",
}
CERTIFICATES = listing(filters.CertificateFilter, filters.CERTIFICATE_SORTS, "ends")
REQUESTS = listing(filters.RequestFilter, filters.REQUEST_SORTS, "-made")
MADE = {"made": "id"}


@router.get("/certificates", **reads(Page[CertificateOut], parameters=CERTIFICATES))
def list_certificates(request: ApiRequest) -> Any:
    """The certificates that you see, by the filters of the page; those that end first come first."""
    seen = Certificate.objects.visible_to(request.user)
    chosen = filters.CertificateFilter(request.GET, queryset=seen, request=request)
    rows = _described(filtered(chosen))
    return page_of(request, rows, CertificateOut.of, sorts=filters.CERTIFICATE_SORTS, default="ends")


@router.get("/certificates/{int:id}", url_name="get_certificate", **reads(CertificateOut))
def get_certificate(request: ApiRequest, id: int) -> Any:
    """One certificate."""
    return CertificateOut.of(find_certificate(request.user, id))


@router.get("/certificates/{int:id}/leaf.pem", **reads(None, produces=FORMS["leaf.pem"]))
def get_leaf_pem(request: ApiRequest, id: int) -> HttpResponse:
    """The certificate alone, as PEM."""
    return _file(request, id, "leaf.pem")


@router.get("/certificates/{int:id}/leaf.der", **reads(None, produces=FORMS["leaf.der"]))
def get_leaf_der(request: ApiRequest, id: int) -> HttpResponse:
    """The certificate alone, as DER."""
    return _file(request, id, "leaf.der")


@router.get("/certificates/{int:id}/chain.pem", **reads(None, produces=FORMS["chain.pem"]))
def get_chain_pem(request: ApiRequest, id: int) -> HttpResponse:
    """The certificate and the authorities above it, as PEM."""
    return _file(request, id, "chain.pem")


@router.post("/certificates/{int:id}/revoke", **writes({200: CertificateOut}, scope=Scope.CERTIFICATES))
def revoke_certificate(request: ApiRequest, id: int, sent: Revocation) -> Any:
    """Revoke it. It cannot be taken back, and The Things Stack does not look at it."""
    certificate = services.revoke(find_certificate(request.user, id), actor=request.user, reason=sent.reason)
    ring(renew_list, certificate.authority_id)
    ring(send_due)
    return CertificateOut.of(find_certificate(request.user, id))


@router.post("/gateways/{eui}/certificates", **writes({201: CertificateOut}, scope=Scope.CERTIFICATES))
def record_certificate(request: ApiRequest, eui: str, sent: Recording, response: HttpResponse) -> Any:
    """Put a certificate on record that an authority of the gateway's vendor issued, so that its end is watched."""
    gateway = find_gateway(request.user, eui)
    made = services.record_leaf(request.user, gateway, sent.pem.encode(errors="replace"))
    response["Location"] = reverse("api:get_certificate", args=[made.pk])
    return Status(201, CertificateOut.of(find_certificate(request.user, made.pk)))


@router.get("/requests", **reads(Page[RequestOut], parameters=REQUESTS))
def list_requests(request: ApiRequest) -> Any:
    """The requests for certificates that you see, by the filters of the page; the newest first."""
    seen = Request.objects.visible_to(request.user)
    chosen = filters.RequestFilter(request.GET, queryset=seen, request=request)
    rows = _told(filtered(chosen))
    return page_of(request, rows, RequestOut.of, sorts=filters.REQUEST_SORTS, default="-made")


@router.post("/requests", **writes({202: RequestOut}, scope=Scope.CERTIFICATES))
def ask_for_certificate(request: ApiRequest, sent: Asking, response: HttpResponse) -> Any:
    """Ask for a certificate. Ask for the request again until it says `issued`, then take `certificate_id`."""
    gateway = find_gateway(request.user, read_or_refuse(sent.eui, reads_mac=True))
    if (sent.csr is None) == (sent.key_type is None):
        raise Unprocessable("csr-or-key", "Send a CSR, or the type of a key that is made here.", field="csr")
    made = services.request_certificate(
        request.user,
        gateway,
        lifetime_days=usual_days(sent.lifetime_days),
        idempotency_key=request.idempotency_key,
        csr=sent.csr.encode(errors="replace") if sent.csr is not None else None,
        key_type=sent.key_type or "",
        profile=sent.profile,
    )
    ring(tasks.issue, made.pk)
    response["Location"] = reverse("api:get_request", args=[made.pk])
    return Status(202, RequestOut.of(_request(request.user, made.pk)))


@router.get("/requests/{int:id}", url_name="get_request", **reads(RequestOut))
def get_request(request: ApiRequest, id: int) -> Any:
    """One request: how far it is."""
    return RequestOut.of(_request(request.user, id))


@router.post("/certificates/{int:id}/kit", **writes({200: None}, scope=Scope.KEYS, produces="application/zip"))
def take_kit(request: ApiRequest, id: int) -> HttpResponse:
    """The files that a Basics Station reads, with the private key where it waits here. Who takes it is recorded."""
    certificate = find_certificate(request.user, id)
    return _attached(services.station_kit(certificate, actor=request.user), f"{certificate.gateway.eui}-kit.zip")


@router.post("/certificates/{int:id}/key", **writes({200: None}, scope=Scope.KEYS, produces="application/x-pem-file"))
def take_key(request: ApiRequest, id: int) -> HttpResponse:
    """The private key alone, where it waits here. Who takes it is recorded."""
    certificate = find_certificate(request.user, id)
    octets = services.private_key_pem(certificate, actor=request.user)
    return _attached(octets, f"{certificate.gateway.eui}-key.pem", "application/x-pem-file")


@router.post("/certificates/{int:id}/receipt", **writes({200: CertificateOut}, scope=Scope.KEYS))
def confirm_receipt(request: ApiRequest, id: int) -> Any:
    """Say that the gateway has its private key: ours is destroyed."""
    services.confirm_receipt(find_certificate(request.user, id), actor=request.user)
    return CertificateOut.of(find_certificate(request.user, id))


def find_certificate(user: User, pk: int) -> Certificate:
    return get_object_or_404(_described(Certificate.objects.visible_to(user)).select_related("authority"), pk=pk)


def usual_days(days: int | None) -> int:
    """What was asked for, or what the deployment proposes."""
    deployment = Deployment.objects.first() if days is None else None
    return days or (deployment.default_lifetime_days if deployment else 365)


def _described(rows: CertificateQuerySet) -> CertificateQuerySet:
    """With what is told of each."""
    return rows.with_successor(clock.now()).select_related("gateway", "key").defer("gateway__notes")


def _told(rows: RequestQuerySet) -> RequestQuerySet:
    told = rows.select_related("gateway").annotate(certificate_pk=F("certificate__pk"))
    return told.defer("csr", "public_key", "gateway__notes")


def _request(user: User, pk: int) -> Request:
    return get_object_or_404(_told(Request.objects.visible_to(user)), pk=pk)


def _file(request: ApiRequest, pk: int, form: str) -> HttpResponse:
    certificate = find_certificate(request.user, pk)
    chain = [bytes(certificate.der), *(bytes(each.der) for each in certificate.authority.chain())]
    bodies = {
        "leaf.der": chain[0],
        "leaf.pem": DER_cert_to_PEM_cert(chain[0]).encode(),
        "chain.pem": "".join(map(DER_cert_to_PEM_cert, chain)).encode(),
    }
    if form not in bodies:
        raise Http404
    return _attached(bodies[form], f"{certificate.gateway.eui}-{form}", FORMS[form])


def _attached(octets: bytes, name: str, kind: str = "application/zip") -> HttpResponse:
    return HttpResponse(octets, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
