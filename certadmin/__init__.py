"""The composition root: settings, URLs, the Celery app, the overview, health and the `up` command."""

from certadmin.celery import app as celery_app

__all__ = ["celery_app"]
