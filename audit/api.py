"""The API's part about the record of who did what."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema
from pydantic import Field

from audit.filters import RecordFilter
from audit.models import Record
from core.api import ApiRequest, Page, filtered, listing, page_of, reads
from core.scopes import Scope

router = Router()
SORTS = {"when": "id"}


class RecordOut(Schema):
    id: int
    at: datetime
    actor: str = Field(examples=["Ines Maurer"])
    role: str = Field(examples=["operator"])
    action: str = Field(examples=["gateway.registered"])
    words: str = Field(examples=["Gateway 58A0CBFFFE8011D4 registered"])
    subject_kind: str
    subject_id: str
    subject: str
    vendor_id: int | None
    details: dict[str, Any]
    seal: int | None = Field(description="Its place in the chain; null until it is sealed, some seconds later.")
    hash: str | None

    @classmethod
    def of(cls, row: Record) -> "RecordOut":
        seal = getattr(row, "seal", None)
        return cls.model_construct(
            id=row.pk,
            at=row.at,
            actor=row.actor_name,
            role=row.actor_kind,
            action=row.action,
            words=row.sentence,
            subject_kind=row.subject_kind,
            subject_id=row.subject_id,
            subject=row.subject_name,
            vendor_id=row.vendor_id,
            details=row.details,
            seal=seal.position if seal else None,
            hash=seal.hash if seal else None,
        )


@router.get(
    "/audit",
    **reads(
        Page[RecordOut], scope=Scope.AUDIT, permission="read_all", parameters=listing(RecordFilter, SORTS, "-when")
    ),
)
def list_records(request: ApiRequest) -> Any:
    """Who did what, by the filters of the page; the newest first."""
    chosen = RecordFilter(request.GET, Record.objects.select_related("seal"))
    return page_of(request, filtered(chosen), RecordOut.of, sorts=SORTS, default="-when")
