"""The Celery app and the one schedule."""

import os

from celery import Celery
from celery.signals import worker_ready
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certadmin.settings")

app = Celery("certadmin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule(sender: Celery, **_: object) -> None:
    """Each entry may run twice, late or never; what it does is decided by rows."""
    sender.conf.beat_schedule = {
        "seal the audit record": {"task": "audit.tasks.seal", "schedule": settings.SEAL_SECONDS},
        "sweep the outbox": {"task": "outbox.tasks.sweep", "schedule": settings.SWEEP_SECONDS},
        "sweep requests": {"task": "certificates.tasks.sweep", "schedule": settings.SWEEP_SECONDS},
        "destroy keys that were handed over": {"task": "certificates.tasks.destroy_keys", "schedule": 600},
        "sweep lists of revoked certificates": {"task": "cas.tasks.sweep_lists", "schedule": settings.SWEEP_SECONDS},
        "renew certificates": {"task": "certificates.tasks.renew", "schedule": 6 * 3600},
        "sweep publications": {"task": "trust.tasks.sweep", "schedule": settings.SWEEP_SECONDS},
        "check the stores": {"task": "trust.tasks.check_stores", "schedule": settings.STORE_CHECK_SECONDS},
        "ask the clusters": {"task": "trust.tasks.ask_clusters", "schedule": settings.STORE_CHECK_SECONDS},
        "forget old answers of the API": {"task": "accounts.tasks.forget_answers", "schedule": 3600},
        "send due notices": {"task": "alerts.tasks.send_due_notices", "schedule": 3600},
    }


@worker_ready.connect
def look_at_once(**_: object) -> None:
    """Whatever crossed a threshold while nothing ran is told at the start, not an hour later."""
    app.send_task("alerts.tasks.send_due_notices", ignore_result=True)
