"""Sealing on a schedule."""

from celery import shared_task

from audit.services import beat, seal_pending


@shared_task(name="audit.tasks.seal")
def seal() -> None:
    seal_pending()
    beat("seal the audit record")
