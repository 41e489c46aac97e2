"""The API's part about authorities: CA certificates, handed in and judged."""

from datetime import datetime
from ssl import DER_cert_to_PEM_cert
from typing import Annotated, Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import Field

from accounts.models import Vendor
from cas.filters import DEFAULT_SORT, SORTS, AuthorityFilter
from cas.models import Authority
from cas.services import intake
from cas.services.findings import as_rows
from core.api import ApiRequest, Id, Page, Text, filtered, listing, page_of, reads, writes
from core.bell import ring
from core.errors import Unprocessable
from core.scopes import Scope
from outbox.tasks import send_due
from pki.inspection import Inspection
from pki.intake import UploadedFile

router = Router()
PEM = "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"
MEDIA = "application/x-pem-file"


class FindingOut(Schema):
    code: str = Field(examples=["no-key-usage"])
    severity: str = Field(description="refused, warning or good", examples=["warning"])
    message: str
    advice: str


class AuthorityOut(Schema):
    id: int
    name: str = Field(examples=["Kestrel Gateway CA 2"])
    sha256: str
    vendor_id: int | None = Field(description="null: operated here.")
    origin: str = Field(examples=["uploaded"])
    state: str = Field(description="submitted, approved or refused", examples=["submitted"])
    is_root: bool
    parent_id: int | None
    serial: str
    key_type: str = Field(examples=["P-256"])
    not_before: datetime
    not_after: datetime
    submitted_at: datetime

    @classmethod
    def of(cls, authority: Authority) -> "AuthorityOut":
        return cls.model_construct(
            id=authority.pk,
            name=authority.name,
            sha256=authority.sha256,
            vendor_id=authority.vendor_id,
            origin=authority.origin,
            state=authority.state,
            is_root=authority.is_root,
            parent_id=authority.parent_id,
            serial=authority.serial,
            key_type=authority.key_type,
            not_before=authority.not_before,
            not_after=authority.not_after,
            submitted_at=authority.submitted_at,
        )


class AuthorityDetail(AuthorityOut):
    subject: str
    issuer: str
    decided_at: datetime | None
    decision_reason: str
    findings: list[FindingOut]
    pem: str = Field(examples=[PEM])


class HandingIn(Schema):
    pem: Annotated[str, Text(700_000, least=1, examples=(PEM,))] = Field(
        description="One or several CA certificates; test leaves may stand beside them. Never a private key."
    )
    vendor_id: Id | None = Field(None, description="Needed of operators; others hand in for themselves.")
    check_only: bool = Field(default=False, description="Only say what would come of it; nothing is kept.")

    model_config = {"extra": "forbid"}


class Understood(Schema):
    """What was found in it, and what became of it."""

    accepted: bool
    findings: list[FindingOut] = Field(description="About all of it.")
    certificates: list["Inspected"]
    authorities: list[AuthorityOut] = Field(description="That are new on record now.")
    known: int = Field(description="How many were on record already.")


class Inspected(Schema):
    name: str
    sha256: str
    findings: list[FindingOut]


@router.get("/authorities", **reads(Page[AuthorityOut], parameters=listing(AuthorityFilter, SORTS, DEFAULT_SORT)))
def list_authorities(request: ApiRequest) -> Any:
    """The authorities that you see, by the filters of the page."""
    rows = Authority.objects.visible_to(request.user).listed()
    chosen = AuthorityFilter(request.GET, queryset=rows, request=request)
    return page_of(request, filtered(chosen), AuthorityOut.of, sorts=SORTS, default=DEFAULT_SORT)


@router.get("/authorities/{int:id}", url_name="get_authority", **reads(AuthorityDetail))
def get_authority(request: ApiRequest, id: int) -> Any:
    """One authority, with what was found about it and its certificate."""
    return _detail(_authority(request, id))


@router.get("/authorities/{int:id}/certificate.pem", **reads(None, produces=MEDIA))
def get_authority_pem(request: ApiRequest, id: int) -> HttpResponse:
    """The CA certificate itself."""
    pem = DER_cert_to_PEM_cert(bytes(_authority(request, id).der))
    return HttpResponse(pem, content_type=MEDIA)


@router.post("/authorities", **writes({200: Understood, 201: Understood}, scope=Scope.AUTHORITIES))
def hand_in_authorities(request: ApiRequest, sent: HandingIn) -> Any:
    """Hand in CA certificates for review: all of them or none (201); 200 where nothing new was in it."""
    files = [UploadedFile("api.pem", sent.pem.encode(errors="replace"))]
    inspection = intake.inspect_upload(request.user, files)
    if sent.check_only:
        return Status(200, _understood(inspection))
    if not inspection.accepted:
        raise _refusal(inspection)
    done = intake.hand_in(request.user, _vendor(request, sent.vendor_id), files)
    ring(send_due)
    return Status(201 if done.authorities else 200, _understood(inspection, done.authorities, done.known))


def _authority(request: ApiRequest, pk: int) -> Authority:
    return get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)


def _vendor(request: ApiRequest, vendor_id: int | None) -> Vendor:
    own: Vendor | None = request.user.vendor
    if own is None and vendor_id is None:
        raise Unprocessable("vendor-needed", "Say which vendor it is for, as vendor_id.", field="vendor_id")
    return get_object_or_404(Vendor.objects.visible_to(request.user), pk=vendor_id or (own.pk if own else 0))


def _detail(authority: Authority) -> AuthorityDetail:
    return AuthorityDetail(
        **AuthorityOut.of(authority).model_dump(),
        subject=authority.subject,
        issuer=authority.issuer,
        decided_at=authority.decided_at,
        decision_reason=authority.decision_reason,
        findings=[FindingOut(**each) for each in authority.findings],
        pem=DER_cert_to_PEM_cert(bytes(authority.der)),
    )


def _understood(inspection: Inspection, new: tuple[Authority, ...] = (), known: int = 0) -> Understood:
    certificates = [
        Inspected(name=each.facts.name, sha256=each.facts.sha256, findings=_findings(each.findings))
        for each in inspection.certificates
    ]
    return Understood(
        accepted=inspection.accepted,
        findings=_findings(inspection.findings),
        certificates=certificates,
        authorities=[AuthorityOut.of(each) for each in new],
        known=known,
    )


def _findings(found: Any) -> list[FindingOut]:
    return [FindingOut(**each) for each in as_rows(found)]


def _refusal(inspection: Inspection) -> Unprocessable:
    """The first reason, with its own code."""
    every = [*inspection.findings, *(one for each in inspection.certificates for one in each.findings)]
    worst = next((each for each in every if each.severity == "refused"), None)
    if worst is None:
        return Unprocessable("refused-upload", "There is no CA certificate in it.", field="pem")
    return Unprocessable(worst.code, f"{worst.message} {worst.advice}".strip(), field="pem")
