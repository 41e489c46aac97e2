"""The scheduled look for what ends, and the mails about it."""

from celery import shared_task

from alerts.services.mailing import send_digests as digests
from alerts.services.mailing import send_immediate
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


@shared_task(name="alerts.tasks.send_digests")
def send_digests() -> None:
    """The mails of those whose hour has come. Rows say who had one today, however often this runs."""
    if digests() + send_immediate():
        bell.ring(send_mails)
    beat("send digests")
