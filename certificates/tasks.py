"""Issuing and tidying, in the background."""

import logging

from celery import shared_task

from audit.services import beat
from cas.services.signing import settle_stale
from certificates.models import Request
from certificates.services import destroy_due_keys
from certificates.services import issue as issue_one
from core.bell import ring
from outbox.tasks import send_due

log = logging.getLogger(__name__)
MOST_AT_ONCE = 500


@shared_task(name="certificates.tasks.issue")
def issue(request_id: int) -> None:
    issue_one(request_id)
    ring(send_due)


@shared_task(name="certificates.tasks.sweep")
def sweep() -> None:
    """Find requests that nobody was told of, or whose worker died."""
    waiting = Request.objects.unfinished().unheld().order_by("pk")
    for request_id in waiting.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        try:
            issue_one(request_id)
        except Exception:
            log.exception("Request %s could not be worked on", request_id)
    settle_stale()
    ring(send_due)
    beat("sweep requests")


@shared_task(name="certificates.tasks.destroy_keys")
def destroy_keys() -> None:
    destroy_due_keys()
    beat("destroy keys that were handed over")
