"""The API's part about what ends."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema
from pydantic import Field

from alerts.filters import DEFAULT_SORT, SORTS, StatedAlertFilter
from alerts.models import Alert
from core.api import ApiRequest, Page, filtered, listing, page_of, reads

router = Router()


class AlertOut(Schema):
    id: int
    kind: str = Field(description="certificate, authority, server, list, signer, token, probe or job")
    subject_id: int
    subject: str = Field(examples=["58A0CBFFFE8011D4"])
    vendor_id: int | None
    state: str = Field(description="open, acknowledged, snoozed or closed")
    threshold: str = Field(description="the newest that was crossed", examples=["30d"])
    ends: datetime
    renew_by: datetime
    crossed_at: datetime
    snoozed_until: datetime | None
    muted_until: datetime | None

    @classmethod
    def of(cls, alert: Alert) -> "AlertOut":
        return cls.model_construct(
            id=alert.pk,
            kind=alert.kind,
            subject_id=alert.subject_id,
            subject=alert.name,
            vendor_id=alert.vendor_id,
            state=alert.state,
            threshold=alert.threshold,
            ends=alert.not_after,
            renew_by=alert.renew_by,
            crossed_at=alert.crossed_at,
            snoozed_until=alert.snoozed_until,
            muted_until=alert.muted_until,
        )


@router.get("/alerts", **reads(Page[AlertOut], parameters=listing(StatedAlertFilter, SORTS, DEFAULT_SORT)))
def list_alerts(request: ApiRequest) -> Any:
    """What crossed a threshold of its end and still asks for something; closed ones where `state` asks for them."""
    seen = Alert.objects.visible_to(request.user)
    rows = seen if request.GET.get("state") else seen.live()
    chosen = StatedAlertFilter(request.GET, queryset=rows, request=request)
    return page_of(request, filtered(chosen), AlertOut.of, sorts=SORTS, default=DEFAULT_SORT)
