"""Issuing and tidying, in the background."""

import logging
import time

from celery import shared_task

from audit.services import beat
from cas.services.operate import finish_interrupted
from cas.services.signing import settle_stale
from certificates.models import Batch, Chunk, Request
from certificates.services import destroy_due_keys
from certificates.services import issue as issue_one
from certificates.services.batch_checking import check_chunk
from certificates.services.batch_issuing import issue_chunk
from certificates.services.batches import settle_all, work_left
from certificates.services.renewal import renew_due
from certificates.services.server_certificates import finish_interrupted as finish_servers
from certificates.services.server_custody import destroy_due_keys as destroy_keys_of_servers
from core import clock
from core.bell import ring
from outbox.tasks import send_due

log = logging.getLogger(__name__)
MOST_AT_ONCE = 500
SWEEP_BUDGET = 120  # seconds; far below CELERY_TASK_TIME_LIMIT, at which the worker would be killed


@shared_task(name="certificates.tasks.issue")
def issue(request_id: int) -> None:
    issue_one(request_id)
    ring(send_due)


@shared_task(name="certificates.tasks.work_on_chunk")
def work_on_chunk(chunk_id: int) -> None:
    """Check a chunk of a batch, or issue it: whatever it waits for."""
    chunk = Chunk.objects.select_related("batch").filter(pk=chunk_id).first()
    if chunk is None:
        return
    check_chunk(chunk_id) if chunk.state == Chunk.State.NEW else issue_chunk(chunk_id)
    if chunk.state == Chunk.State.NEW:
        _ring_if_started(chunk.batch_id)
    ring(send_due)


def _ring_if_started(batch_id: int) -> None:
    """The last chunk that is checked may have started the batch; the others were rung for when it was handed in."""
    batch = Batch.objects.get(pk=batch_id)
    if batch.state == Batch.State.RUNNING:
        for pk in work_left(batch):
            ring(work_on_chunk, pk)


@shared_task(name="certificates.tasks.sweep")
def sweep() -> None:
    """Find requests that nobody was told of, or whose worker died: those that are due longest come first, so that
    nothing that waits keeps others waiting. What this run does not reach is first in the next one."""
    end = time.monotonic() + SWEEP_BUDGET
    for request_id in Request.objects.unfinished().single().due().values_list("pk", flat=True)[:MOST_AT_ONCE]:
        try:
            issue_one(request_id)
        except Exception:
            log.exception("Request %s could not be worked on", request_id)
        if time.monotonic() >= end:
            break
    _sweep_chunks(end)
    settle_stale()
    finish_interrupted()
    finish_servers()
    ring(send_due)
    beat("sweep requests")


def _sweep_chunks(end: float) -> None:
    """Chunks of batches that nobody was told of, or whose worker died, and batches that nobody moved on."""
    settle_all()
    for chunk_id in Chunk.objects.due(clock.now()).values_list("pk", flat=True)[:MOST_AT_ONCE]:
        if time.monotonic() >= end:
            return
        try:
            work_on_chunk(chunk_id)
        except Exception:
            log.exception("Chunk %s could not be worked on", chunk_id)


@shared_task(name="certificates.tasks.renew")
def renew() -> None:
    for batch in renew_due():
        for pk in work_left(batch):
            ring(work_on_chunk, pk)
    ring(send_due)
    beat("renew certificates")


@shared_task(name="certificates.tasks.destroy_keys")
def destroy_keys() -> None:
    destroy_due_keys()
    destroy_keys_of_servers()
    beat("destroy keys that were handed over")
