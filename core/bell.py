"""The doorbell: tells a worker that there is work. It never raises; the schedule repairs what it could not say."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

from core import broker

log = logging.getLogger(__name__)

QUIET_SECONDS = 30.0
_in_process: ContextVar[bool] = ContextVar("bell_in_process", default=False)
_quiet_until = 0.0


def ring(task: "Task[..., Any]", *row_ids: int) -> None:
    """Ask for `task` on `row_ids` once the present transaction has committed."""
    transaction.on_commit(lambda: _call(task, row_ids))


@contextmanager
def in_process() -> Iterator[None]:
    """Run what is rung for here and at once, without a broker: the demonstration and many tests."""
    token = _in_process.set(True)
    try:
        yield
    finally:
        _in_process.reset(token)


def _call(task: "Task[..., Any]", row_ids: tuple[int, ...]) -> None:
    if _in_process.get():
        task.apply(args=row_ids, throw=True)
    elif time.monotonic() >= _quiet_until:
        _publish(task, row_ids)


def _publish(task: "Task[..., Any]", row_ids: tuple[int, ...]) -> None:
    # asked first, because Celery's own client would try for seconds while a person waits
    if not broker.answers():
        return _be_quiet("no answer")
    try:
        task.apply_async(args=row_ids, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        _be_quiet(type(error).__name__)


def _be_quiet(reason: str) -> None:
    global _quiet_until  # noqa: PLW0603  one breaker for the process is the point
    _quiet_until = time.monotonic() + QUIET_SECONDS
    log.warning("The broker does not answer; the schedule will find the work (%s)", reason)
