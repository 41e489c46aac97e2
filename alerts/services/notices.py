"""The look for what ends: alerts opened, asked for again and closed, and whom that concerns, in one transaction.

Every step is one statement over all rows; the mails are composed afterwards (mailing.py), from what was committed.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Min, Value

from accounts.models import Vendor
from alerts.bulk import LOOKING, one_at_a_time
from alerts.kinds import Kind
from alerts.models import CLOSED, Alert, Notice
from alerts.services import closing, looking, telling
from alerts.services.jobs import LOOK, watch_jobs
from alerts.services.mailing import send_digests, send_immediate
from audit.services import SYSTEM, record
from core import clock

JOB = LOOK  # the heartbeat that each look leaves
NAMED = 20  # subjects that a record names


@dataclass(frozen=True, slots=True)
class Sent:
    """What one run did."""

    notices: int = 0
    mails: int = 0


def send_due() -> Sent:
    """Look for what crossed a threshold, and mail those whose hour it is."""
    notices = look()
    return Sent(notices, send_digests() + send_immediate())


def look(periods: Mapping[str, float] | None = None) -> int:
    """Write down what crossed a threshold or closed since the last look, and return the number of crossings."""
    now = clock.now()
    with transaction.atomic():
        one_at_a_time(LOOKING)
        watch_jobs(_periods() if periods is None else periods, now)
        telling.know_recipients()
        crossed = _cross(now)
        _close(now)
        telling.wake(now, uuid.uuid4())
        telling.escalate(now)
    return crossed


def _cross(now: datetime) -> int:
    run = uuid.uuid4()
    if not sum(looking.look(kind, now, run) for kind in Kind):
        return 0
    count = telling.write_notices(run, now)
    telling.tell(run)
    _record("alert.crossed", run)
    return count


def _close(now: datetime) -> None:
    run = uuid.uuid4()
    if sum(closing.close(kind, now, run) for kind in Kind):
        # that something ended for good was told as such
        Alert.objects.filter(run=run, closed_for=Alert.Reason.ENDED).update(run=uuid.uuid4())
        telling.write_notices(run, now, threshold=Value(CLOSED))
        telling.tell_closed(run)
        _record("alert.closed", run)


def _record(action: str, run: uuid.UUID) -> None:
    """One record for each vendor, kind and threshold: it counts its subjects and names the first."""
    notices = Notice.objects.filter(run=run)
    groups = list(
        notices.order_by("vendor", "subject_kind", "alert__threshold")
        .values_list("vendor", "subject_kind", "alert__threshold")
        .annotate(Count("pk"), Min("pk"))
    )
    firsts = Notice.objects.in_bulk([first for *_, first in groups])
    vendors = Vendor.objects.in_bulk({vendor_id for vendor_id, *_ in groups if vendor_id})
    for vendor_id, kind, threshold, count, first in groups:
        subjects = notices.filter(vendor=vendor_id, subject_kind=kind, alert__threshold=threshold).order_by("pk")
        one = firsts[first]
        record(
            SYSTEM,
            action,
            subject=one if count == 1 else vendors.get(vendor_id) or one,
            vendor_id=vendor_id,
            kind=kind,
            threshold=threshold,
            not_after=one.not_after,
            count=count,
            subjects=_named(subjects.values("subject_id", "subject_name", "not_after")[:NAMED]),
        )


def _named(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": row["subject_id"], "name": row["subject_name"], "not_after": row["not_after"]} for row in rows]


def _periods() -> dict[str, float]:
    return {name: float(entry["schedule"]) for name, entry in settings.CELERY_BEAT_SCHEDULE.items()}
