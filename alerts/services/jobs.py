"""The scheduled jobs whose silence is told."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from alerts.models import Job
from audit.models import Heartbeat

LOOK = "send due notices"  # the heartbeat of the look itself
PATIENCE = 3  # so many periods without success are silence,
LEAST = timedelta(minutes=15)  # but nothing shorter
LONG_AWAY = timedelta(hours=3)


def watch_jobs(periods: Mapping[str, float], now: datetime) -> bool:
    """Note when each job succeeded last, and return whether the look itself has just come back from a standstill.
    After that nobody is late yet: all start anew."""
    beats = dict(Heartbeat.objects.values_list("job", "succeeded_at"))
    known = {job.name: job for job in Job.objects.all()}
    looked = beats.get(LOOK)
    was_away = looked is None or now - looked > LONG_AWAY
    for name, every in periods.items():
        since = (beats.get(name), known[name].last_at if name in known else None)
        last = max((each for each in since if each and each <= now), default=now)
        if was_away and not (looked and name in known and known[name].late_at <= looked):
            last = now
        late = last + max(PATIENCE * timedelta(seconds=every), LEAST)
        values = {"every": round(every), "last_at": last, "late_at": late} | (
            {"watched_since": now} if was_away else {}
        )
        Job.objects.update_or_create(name=name, defaults=values)
    Job.objects.exclude(name__in=periods).delete()
    return was_away or Job.objects.filter(watched_since__gt=now - LEAST, watched_since__lte=now).exists()
