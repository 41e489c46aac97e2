"""The API's part about trust: releases, and whether a gateway would be accepted."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Router, Schema
from pydantic import Field

from cas.api import FindingOut
from cas.services.findings import as_rows
from core.api import ApiRequest, Page, Text, listing, page_of, reads, writes
from core.errors import Unprocessable
from core.scopes import Scope
from gateways.api import find_gateway
from pki.csr import inspect_csr
from trust.models import Release
from trust.services import verdicts
from trust.services.explaining import headline
from trust.services.groups import common

router = Router()
SORTS = {"made": "id"}
MEDIA = "application/x-pem-file"
CSR_MARK = "CERTIFICATE REQUEST-----"


class ReleaseOut(Schema):
    id: int
    group: str = Field(examples=["common"])
    number: int
    note: str
    released_at: datetime
    bundle_sha256: str
    manifest_sha256: str
    audit_head: str

    @classmethod
    def of(cls, release: Release) -> "ReleaseOut":
        return cls.model_construct(
            id=release.pk,
            group=release.group.name,
            number=release.number,
            note=release.note,
            released_at=release.released_at,
            bundle_sha256=release.bundle_sha256,
            manifest_sha256=release.manifest_sha256,
            audit_head=release.audit_head,
        )


class Question(Schema):
    leaf: Annotated[str, Text(200_000, least=1)] = Field(
        description="A certificate or a CSR as PEM, or the EUI of a gateway, whose present certificate is then asked.",
        examples=["58A0CBFFFE8011D4"],
    )

    model_config = {"extra": "forbid"}


class VerdictOut(Schema):
    """What The Things Stack would decide, by what is published now."""

    accepted: bool
    rule: str = Field(description="The one that decides.", examples=["accepted"])
    headline: str = Field(examples=["Accepted"])
    message: str
    warnings: list[FindingOut]
    issuer_sha256: str | None
    against: str = Field(examples=["release 14"])


@router.get("/releases", **reads(Page[ReleaseOut], permission="read_all", parameters=listing(None, SORTS, "-made")))
def list_releases(request: ApiRequest) -> Any:
    """What was published, for operators and auditors; the newest first."""
    return page_of(request, Release.objects.listed(), ReleaseOut.of, sorts=SORTS, default="-made")


@router.get("/releases/{int:id}", **reads(ReleaseOut, permission="read_all"))
def get_release(request: ApiRequest, id: int) -> Any:
    """One release."""
    return ReleaseOut.of(get_object_or_404(Release.objects.listed(), pk=id))


@router.get("/releases/{int:id}/bundle.pem", **reads(None, permission="read_all", produces=MEDIA))
def get_release_bundle(request: ApiRequest, id: int) -> HttpResponse:
    """The CA certificates of a release, as network servers read them."""
    return HttpResponse(bytes(get_object_or_404(Release, pk=id).bundle), content_type=MEDIA)


@router.get("/gateways/{eui}/preflight", **reads(VerdictOut))
def preflight_gateway(request: ApiRequest, eui: str) -> Any:
    """Whether the network server would let this gateway in with its present certificate, and which rule decides."""
    return _judged(verdicts.of_gateway(find_gateway(request.user, eui)))


@router.post("/preflight", **writes({200: VerdictOut}, scope=Scope.READ, permission="read"))
def preflight(request: ApiRequest, sent: Question) -> Any:
    """The same for a certificate, a CSR (only what is wrong with it) or an EUI. Nothing is kept."""
    if CSR_MARK in sent.leaf:
        return _of_csr(sent.leaf)
    return _judged(verdicts.of_text(sent.leaf, viewer=request.user))


def _judged(subject: verdicts.Subject) -> VerdictOut:
    against = verdicts.published(common())
    verdict = verdicts.judge(subject, against)
    return VerdictOut(
        accepted=verdict.accepted,
        rule=verdict.rule,
        headline=headline(verdict),
        message=verdict.message,
        warnings=[FindingOut(**each) for each in as_rows(verdict.warnings)],
        issuer_sha256=verdict.issuer_sha256,
        against=against.label,
    )


def _of_csr(pem: str) -> VerdictOut:
    asked = inspect_csr(pem.encode(errors="replace"))
    findings = [FindingOut(**each) for each in as_rows(asked.findings)]
    worst = next((each for each in findings if each.severity == "refused"), None)
    if worst is None and not asked.accepted:
        raise Unprocessable("csr-unreadable", "This is no CSR.", field="leaf")
    return VerdictOut(
        accepted=asked.accepted,
        rule=worst.code if worst else "accepted",
        headline="Refused as a CSR" if worst else "A certificate can be made of it",
        message=worst.message if worst else "",
        warnings=findings,
        issuer_sha256=None,
        against="what a CSR needs",
    )
