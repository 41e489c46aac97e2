"""When each scheduled job last succeeded, and which of them are silent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from audit.models import Heartbeat
from core import clock

MISSED = 5  # so many times in a row, and a minute: a job that is slow once is not silent
GRACE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Job:
    """A scheduled job; `succeeded_at` is None before its first success."""

    name: str
    period: timedelta
    succeeded_at: datetime | None

    @property
    def silent(self) -> bool:
        return self.is_silent(clock.now())

    def is_silent(self, now: datetime) -> bool:
        return self.succeeded_at is not None and now - self.succeeded_at > MISSED * self.period + GRACE


def beat(job: str) -> None:
    """Note that `job` succeeded just now."""
    Heartbeat.objects.update_or_create(job=job, defaults={"succeeded_at": clock.now()})


def jobs() -> list[Job]:
    """All that the schedule names, by one query."""
    beats = dict(Heartbeat.objects.values_list("job", "succeeded_at"))
    return [
        Job(name, timedelta(seconds=float(entry["schedule"])), beats.get(name))
        for name, entry in settings.CELERY_BEAT_SCHEDULE.items()
    ]
