"""Ends a process of the product at a chosen step, and sets its clock. Only `tests.faults.settings` installs this: the
product itself has no such points. What only fails, and kills nobody, is in `failing`.

A file `<step>-<EUI>` in the folder CERTADMIN_FAULTS kills the process that comes by, once: it takes the file along.
A file with the name of a step of BATCH does so for whatever chunk comes by. A file `crash-<EUI>` stays, and crashes
every process that works on that gateway's request. The file that CERTADMIN_FAULT_CLOCK names holds how many seconds the
clock is ahead.
"""

import os
import resource
import signal
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import wraps
from pathlib import Path
from typing import Any

from django.apps import AppConfig

from core import clock

KILL = {  # the step, and the function of `certificates.services.issuing` before or after which it lies
    "before-plan": ("_plan", "before"),
    "after-plan": ("_plan", "after"),
    "after-reserve": ("_reserve", "after"),
    "before-sign": ("_advance", "after"),
    "after-sign": ("_finish", "before"),
    "in-insert": ("_tell", "after"),  # all is written and nothing is committed
    "after-insert": ("_finish", "after"),
}
BATCH = {  # the same of the services that work on a batch, whichever chunk comes by
    "batch-before-check": ("batch_checking", "_write", "before"),
    "batch-after-reserve": ("batch_issuing", "_reserve", "after"),
    "batch-after-sign": ("batch_issuing", "_finish", "before"),
    "batch-in-insert": ("batch_issuing", "_tell", "after"),
    "batch-after-insert": ("batch_issuing", "_finish", "after"),
}
SIGNED_AND_NOT_KEPT = "signed-not-kept"  # the signature is made, and its row does not have it yet
STEPS = (*KILL, SIGNED_AND_NOT_KEPT)


class Breaking(AppConfig):
    name = "tests.faults"
    label = "faults"

    def ready(self) -> None:
        if folder := os.environ.get("CERTADMIN_FAULTS"):
            _install_ends(Path(folder))
        if ahead := os.environ.get("CERTADMIN_FAULT_CLOCK"):
            _set_clock(Path(ahead))


def _install_ends(folder: Path) -> None:
    from cas.services import signing  # noqa: PLC0415  models are there only now
    from certificates.models import Request  # noqa: PLC0415
    from certificates.services import batch_checking, batch_issuing, issuing  # noqa: PLC0415
    from tests.faults import failing  # noqa: PLC0415

    failing.install(folder)
    services = {"batch_checking": batch_checking, "batch_issuing": batch_issuing}
    for step, (name, when) in KILL.items():
        _wrap(issuing, name, when, lambda request, *_, step=step: _die_once(folder / f"{step}-{request.gateway.eui}"))
    _wrap(issuing, "_issue", "before", lambda request, *_: _crash(folder / f"crash-{request.gateway.eui}"))

    for step, (module, name, when) in BATCH.items():
        _wrap(services[module], name, when, lambda *_, step=step: _die_once(folder / step))

    def _die_with_signature(row: Any, *_: Any) -> None:
        for eui in Request.objects.filter(signing=row.pk).values_list("gateway__eui", flat=True):
            _die_once(folder / f"{SIGNED_AND_NOT_KEPT}-{eui}")

    _wrap(signing, "_keep", "before", _die_with_signature)


def _wrap(module: Any, name: str, when: str, do: Callable[..., None]) -> None:
    inner = getattr(module, name)

    @wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            do(*args)
        result = inner(*args, **kwargs)
        if when == "after":
            do(*args)
        return result

    setattr(module, name, outer)


def _die_once(mark: Path) -> None:
    try:
        mark.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _crash(mark: Path) -> None:
    if mark.exists():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.abort()


def _set_clock(ahead: Path) -> None:
    """Where the clock asks for the time; `clock.now` itself stands in the defaults of columns already."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain datetime
            return datetime.now(tz) + timedelta(seconds=float(ahead.read_text()))

    clock.datetime = Ahead  # type: ignore[attr-defined]  # its own name for it
