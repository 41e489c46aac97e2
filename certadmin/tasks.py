"""The demonstration, loaded in the background for the person who asked for it on the welcome page."""

import logging

from celery import shared_task

from certadmin.demonstration import progress
from certadmin.demonstration.loading import load
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
