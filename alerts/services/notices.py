"""The look for what ends: alerts opened, asked for again and closed, and whom that concerns, in one transaction.

Every step is one statement over all rows; the mails are composed afterwards (mailing.py), from what was committed.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Value, Window
from django.db.models.functions import RowNumber

from alerts.bulk import LOOKING, one_at_a_time
from alerts.kinds import FAILURES, Kind
from alerts.models import CLOSED, Alert, Delivery, Notice
from alerts.services import closing, looking, telling
from alerts.services.jobs import LOOK, watch_jobs
from alerts.services.mailing import send_digests, send_immediate
from audit.services import SYSTEM, record
from core import clock
from core.bulk import refresh_statistics

JOB = LOOK  # the heartbeat that each look leaves
NAMED = 20  # subjects that a record names
MANY = 10_000  # new rows, of which the database's statistics say nothing yet
GROUP = ("vendor", "subject_kind", "alert__threshold")


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
    """Write down what crossed a threshold or closed since the last look, and return the number of crossings.

    After a long standstill what the product does by itself gets until the next look to be done.
    """
    now = clock.now()
    with transaction.atomic():
        one_at_a_time(LOOKING)
        was_away = watch_jobs(_periods() if periods is None else periods, now)
        telling.know_recipients()
        run = uuid.uuid4()
        crossed = _cross([kind for kind in Kind if not (was_away and kind in FAILURES)], now, run)
        _close(now, but=run)
        telling.wake(now, uuid.uuid4())
        telling.escalate(now)
    return crossed


def _cross(kinds: Iterable[Kind], now: datetime, run: uuid.UUID) -> int:
    if not sum(looking.look(kind, now, run) for kind in kinds):
        return 0
    count = telling.write_notices(run, now)
    telling.tell(run)
    if count > MANY:
        refresh_statistics(Alert, Notice, Delivery)
    _record("alert.crossed", run)
    return count


def _close(now: datetime, *, but: uuid.UUID) -> None:
    run = uuid.uuid4()
    if sum(closing.close(kind, now, run, but=but) for kind in Kind):
        # that something ended for good was told as such
        Alert.objects.filter(run=run, closed_for=Alert.Reason.ENDED).update(run=uuid.uuid4())
        telling.write_notices(run, now, threshold=Value(CLOSED))
        telling.tell_closed(run)
        _record("alert.closed", run)


def _record(action: str, run: uuid.UUID) -> None:
    """One record for each vendor, kind and threshold: it counts its subjects and names the first."""
    groups: dict[tuple[int | None, str, str], list[Notice]] = defaultdict(list)
    place = Window(RowNumber(), partition_by=[F(name) for name in GROUP], order_by=F("pk").asc())
    counted = Window(Count("pk"), partition_by=[F(name) for name in GROUP])
    first = Notice.objects.filter(run=run).annotate(place=place, in_all=counted).filter(place__lte=NAMED)
    for notice in first.select_related("vendor", "alert").order_by("pk"):
        groups[notice.vendor_id, notice.subject_kind, notice.alert.threshold].append(notice)
    for (vendor_id, kind, threshold), some in groups.items():
        one, count = some[0], some[0].in_all  # type: ignore[attr-defined]  # annotated
        record(
            SYSTEM,
            action,
            subject=one if count == 1 else one.vendor or one,
            vendor_id=vendor_id,
            kind=kind,
            threshold=threshold,
            not_after=one.not_after,
            count=count,
            subjects=[{"id": each.subject_id, "name": each.subject_name, "not_after": each.not_after} for each in some],
        )


def _periods() -> dict[str, float]:
    return {name: float(entry["schedule"]) for name, entry in settings.CELERY_BEAT_SCHEDULE.items()}
