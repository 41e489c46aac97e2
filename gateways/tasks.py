"""Imports, in the background."""

import logging

from celery import shared_task

from audit.services import beat
from gateways.models import Import
from gateways.services import imports

log = logging.getLogger(__name__)


@shared_task(name="gateways.tasks.work_on_import")
def work_on_import(import_id: int) -> None:
    """Check or write an import, whatever it waits for."""
    imports.work_on(import_id)


@shared_task(name="gateways.tasks.sweep_imports")
def sweep_imports() -> None:
    """Imports that nobody was told of, or whose worker died; and files that were kept long enough."""
    imports.expire_imports()
    for import_id in Import.objects.due().values_list("pk", flat=True):
        try:
            imports.work_on(import_id)
        except Exception:
            log.exception("Import %s could not be worked on", import_id)
    beat("sweep imports")
