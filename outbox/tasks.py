"""Sending what is due: on the bell, and on a schedule for what no bell announced."""

from celery import shared_task

from audit.services import beat
from outbox.services import deliver_due
from outbox.services.announcing import announce_pending
from outbox.services.calling import call_due
from outbox.services.webhooks import forget


@shared_task(name="outbox.tasks.send_due")
def send_due() -> None:
    deliver_due()


@shared_task(name="outbox.tasks.sweep")
def sweep() -> None:
    deliver_due()
    beat("sweep the outbox")


@shared_task(name="outbox.tasks.call_webhooks")
def call_webhooks() -> None:
    """Read what was sealed since the last time, and tell the endpoints. Runs on the bell and on a schedule."""
    announce_pending()
    call_due()
    beat("call the webhooks")


@shared_task(name="outbox.tasks.forget_webhooks")
def forget_webhooks() -> None:
    forget()
    beat("forget old calls of webhooks")
