"""When each scheduled job last succeeded."""

from audit.models import Heartbeat
from core import clock


def beat(job: str) -> None:
    """Note that `job` succeeded just now."""
    Heartbeat.objects.update_or_create(job=job, defaults={"succeeded_at": clock.now()})
