"""The Celery app. The schedule stands in the settings."""

import os

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certadmin.settings")

app = Celery("certadmin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def look_at_once(**_: object) -> None:
    """Whatever crossed a threshold while nothing ran is told at the start, not an hour later."""
    app.send_task("alerts.tasks.send_due_notices", ignore_result=True)
