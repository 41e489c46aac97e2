"""The API's part about what ends."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema
from pydantic import Field

from alerts.filters import DEFAULT_SORT, SORTS, NoticeFilter
from alerts.models import Notice
from core import clock
from core.api import ApiRequest, Page, filtered, listing, page_of, reads

router = Router()


class AlertOut(Schema):
    id: int
    kind: str = Field(description="authority, certificate or server", examples=["certificate"])
    subject_id: int
    subject: str = Field(examples=["58A0CBFFFE8011D4"])
    vendor_id: int | None
    threshold: str = Field(examples=["30d"])
    ends: datetime
    crossed_at: datetime

    @classmethod
    def of(cls, notice: Notice) -> "AlertOut":
        return cls.model_construct(
            id=notice.pk,
            kind=notice.subject_kind,
            subject_id=notice.subject_id,
            subject=notice.subject_name,
            vendor_id=notice.vendor_id,
            threshold=notice.threshold,
            ends=notice.not_after,
            crossed_at=notice.crossed_at,
        )


@router.get("/alerts", **reads(Page[AlertOut], parameters=listing(NoticeFilter, SORTS, DEFAULT_SORT)))
def list_alerts(request: ApiRequest) -> Any:
    """What crossed a threshold of its end and still asks for something."""
    rows = Notice.objects.visible_to(request.user).open_at(clock.now())
    chosen = NoticeFilter(request.GET, queryset=rows, request=request)
    return page_of(request, filtered(chosen), AlertOut.of, sorts=SORTS, default=DEFAULT_SORT)
