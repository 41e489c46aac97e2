"""Sending what is due: on the bell, and on a schedule for what no bell announced."""

from celery import shared_task

from audit.services import beat
from outbox.services import deliver_due


@shared_task(name="outbox.tasks.send_due")
def send_due() -> None:
    deliver_due()


@shared_task(name="outbox.tasks.sweep")
def sweep() -> None:
    deliver_due()
    beat("sweep the outbox")
