"""Background work of the whole: the demonstration for the person who asked for it, and what the overview counts."""

import logging

from celery import shared_task

from audit.services import beat
from certadmin.demonstration import progress
from certadmin.demonstration.loading import load
from certadmin.overview import counting
from core.errors import Refused

log = logging.getLogger(__name__)


@shared_task(name="certadmin.tasks.load_demonstration")
def load_demonstration() -> None:
    try:
        load()
    except Refused as refusal:
        progress.end(refusal.message)
    except Exception:
        log.exception("The demonstration could not be loaded")
        progress.end("It stopped half-way; the log says where. Start again with an empty data folder.")
    else:
        progress.end()


@shared_task(name="certadmin.tasks.count_fleets")
def count_fleets() -> None:
    """What the overview of a large fleet shows; twice at once counts twice, and does no harm."""
    counting.recount()
    beat("count large fleets")
