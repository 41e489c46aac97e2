"""Every scheduled job is there, and leaves its heartbeat under the name that the schedule gives it."""

import pytest
from django.conf import settings

from accounts.models import Deployment
from audit.models import Heartbeat
from certadmin.celery import app
from core import bell


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("job", settings.CELERY_BEAT_SCHEDULE)
def test_a_job_that_succeeds_says_so(job: str, deployment: Deployment) -> None:
    """Who waits for the heartbeat would otherwise warn for ever, or never."""
    app.loader.import_default_modules()
    with bell.in_process():
        app.tasks[settings.CELERY_BEAT_SCHEDULE[job]["task"]].apply(throw=True)
    assert Heartbeat.objects.filter(pk=job).exists()
