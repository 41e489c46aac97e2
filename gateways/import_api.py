"""The API's part about imports: a file is sent as it is, looked at line by line, and written once somebody says so."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.models import User
from core import csv
from core.api import STREAMED, ApiRequest, Id, Page, listing, page_of, reads, writes
from core.bell import ring
from core.errors import Refused
from core.scopes import Scope
from gateways import tasks
from gateways.api import vendor_for
from gateways.models import Import
from gateways.services import imports

router = Router()
MADE = {"made": "id"}
AT_ONCE = 1024 * 1024
AS_IT_COMES: dict[str, Any] = {STREAMED: True}
FILE = {
    "required": True,
    "description": "The file itself: CSV with a line of names, or JSON as The Things Stack exports it.",
    "content": {
        "text/csv": {
            "schema": {"type": "string", "minLength": 1},
            "example": "eui,name,model,tags\n58-A0-CB-FF-FE-80-11-D4,Kvitfjell mast,KR-16 Mast,coast\n",
        },
        "application/json": {
            "schema": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "example": [{"ids": {"gateway_id": "kvitfjell", "eui": "58A0CBFFFE8011D4"}, "name": "Kvitfjell mast"}],
        },
    },
}


class Wish(Schema):
    vendor_id: Id | None = Field(None, description="Needed of operators; others import for themselves.")
    reads_macs: Literal["true", "false"] = Field("false", description="FFFE belongs into its MAC addresses.")
    updates: Literal["true", "false"] = Field("false", description="What is registered already is described anew.")


class ImportOut(Schema):
    id: int
    vendor_id: int
    file: str = Field(examples=["api.csv"])
    state: str = Field(
        description="uploaded, checking, checked (waits for `apply`), applying, done, failed or cancelled",
        examples=["checked"],
    )
    total: int = Field(description="Lines; an estimate until all were read.")
    done: int = Field(description="Lines of the present step.")
    new: int
    changed: int
    same: int
    claims: int = Field(description="Outside of the vendor's blocks: an operator decides about them.")
    errors: int = Field(description="Lines that are left out; the report says why.")
    notice: str
    failure: str
    made_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, made: Import) -> "ImportOut":
        return cls.model_construct(
            id=made.pk,
            vendor_id=made.vendor_id,
            file=made.name,
            state=made.state,
            total=made.total,
            done=made.done,
            new=made.new,
            changed=made.changed,
            same=made.same,
            claims=made.claims,
            errors=made.errors,
            notice=made.notice,
            failure=made.failure,
            made_at=made.made_at,
            ended_at=made.ended_at,
        )


@router.get("/imports", **reads(Page[ImportOut], parameters=listing(None, MADE, "-made")))
def list_imports(request: ApiRequest) -> Any:
    """The imports that you see; the newest first."""
    return page_of(request, Import.objects.visible_to(request.user), ImportOut.of, sorts=MADE, default="-made")


@router.post(
    "/imports",
    **writes({202: ImportOut}, scope=Scope.GATEWAYS, max_body=imports.MAX_BYTES, requestBody=FILE, **AS_IT_COMES),
)
def begin_import(request: ApiRequest, wish: Query[Wish], response: HttpResponse) -> Any:
    """Hand in a file of gateways, up to 100 MB, sent as it is. Every line is looked at; nothing is written before
    `apply`."""
    vendor = vendor_for(request.user, wish.vendor_id)
    name = "api.json" if request.content_type == "application/json" else "api.csv"
    file = imports.receive(name, iter(lambda: request.read(AT_ONCE), b""))
    made = imports.begin_import(request.user, vendor, file, idempotency_key=request.idempotency_key)
    if made.state == Import.State.UPLOADED:
        made = _check(made, request.user, wish)
        ring(tasks.work_on_import, made.pk)
    response["Location"] = reverse("api:get_import", args=[made.pk])
    return Status(202, ImportOut.of(made))


@router.get("/imports/{int:id}", url_name="get_import", **reads(ImportOut))
def get_import(request: ApiRequest, id: int) -> Any:
    """One import: how far it is."""
    return ImportOut.of(_import(request.user, id))


@router.get("/imports/{int:id}/report.csv", **reads(None, produces="text/csv"))
def get_import_report(request: ApiRequest, id: int) -> StreamingHttpResponse:
    """The lines that are left out, as the file had them, with the reason behind."""
    made = _import(request.user, id)
    if made.report is None:
        raise Refused("no-report", "There is no report: it is not checked yet, or a day old.")
    rows = imports.report_rows(made, everything=False)
    head = [csv.harmless(name) for name in next(rows)]  # names that somebody else chose
    return csv.attachment(f"import-{made.pk}-report.csv", head, rows)


@router.post("/imports/{int:id}/apply", **writes({202: ImportOut}, scope=Scope.GATEWAYS))
def apply_import(request: ApiRequest, id: int) -> Any:
    """Write what the check promised: all of it, or nothing."""
    made = imports.apply_import(_import(request.user, id), actor=request.user)
    ring(tasks.work_on_import, made.pk)
    return Status(202, ImportOut.of(made))


@router.post("/imports/{int:id}/cancel", **writes({200: ImportOut}, scope=Scope.GATEWAYS))
def cancel_import(request: ApiRequest, id: int) -> Any:
    """Stop it: nothing of it is written, and its file is deleted."""
    return ImportOut.of(imports.cancel_import(_import(request.user, id), actor=request.user))


def _check(made: Import, actor: User, wish: Wish) -> Import:
    """With the columns that were guessed by their names; where there is no EUI among them, nothing is left behind."""
    chosen = {"reads_macs": wish.reads_macs == "true", "updates": wish.updates == "true"}
    try:
        return imports.check_import(made, actor=actor, columns=made.columns, **chosen)
    except Refused as refusal:
        if refusal.code == "import-moved-on":  # the same was sent twice at once: the other one has it in hand
            return Import.objects.listed().get(pk=made.pk)
        imports.cancel_import(made, actor=actor)
        raise


def _import(user: User, pk: int) -> Import:
    return get_object_or_404(Import.objects.visible_to(user).listed().select_related("file", "report"), pk=pk)
