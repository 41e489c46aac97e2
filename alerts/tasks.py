"""The scheduled look for what ends."""

from celery import shared_task

from alerts.services.notices import JOB, send_due
from audit.services import beat
from core import bell
from outbox.tasks import send_due as send_mails


@shared_task(name="alerts.tasks.send_due_notices")
def send_due_notices() -> None:
    """Write what is due. Runs hourly and at start; the thresholds decide that each is told once."""
    if send_due().mails:
        bell.ring(send_mails)
    beat(JOB)
