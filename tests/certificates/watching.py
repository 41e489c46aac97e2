"""All that is written down while something fails, held against the secrets that were about."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from celery import Task
from django.db import connection
from django.test import Client

from core.logs import Formatter
from tests import canary
from tests.canary import Secret

Step = tuple[Any, str]  # a module or class, and the name of what fails in it


class Kept(logging.Handler):
    """Each line as the product writes it, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@dataclass(slots=True)
class Watch:
    """What a test gathers: logs, reports of errors, what workers are told and say, what was handed out, files."""

    patch: pytest.MonkeyPatch
    temporary: Path
    logs: Kept = field(default_factory=Kept)
    secrets: list[Secret] = field(default_factory=list)
    told: list[object] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    handed: list[bytes] = field(default_factory=list)
    failures: int = 0

    def found(self) -> list[str]:
        return canary.found(self.secrets, self.sinks())

    def sinks(self) -> dict[str, bytes]:
        return {
            "rows": canary.rows(),
            "the database's own files": _database(),
            "logs": "\n".join(self.logs.lines).encode(errors="surrogateescape"),
            "what workers are told": repr(self.told).encode(),
            "what workers answer": "\n".join(self.results).encode(),
            "reports": b"\n".join(self.reports),
            "pages and archives": b"\n".join(self.handed),
            "temporary files": canary.files_below(self.temporary),
            "mail": canary.letters(),
        }

    @contextmanager
    def failing(self, step: Step) -> Iterator[None]:
        """Let this step raise, and see that it was reached."""
        owner, name = step
        before = self.failures

        def fail(*_: object, **__: object) -> None:
            self.failures += 1
            raise RuntimeError("forced")

        with self.patch.context() as broken:
            broken.setattr(owner, name, fail)
            yield
        assert self.failures > before, f"{name} was never reached"

    def works(self, task: "Task[..., Any]", pk: int) -> None:
        """As a worker does it, failure and all."""
        done = task.apply(args=(pk,))
        self.results.append(f"{done.state} {done.result!r} {done.traceback}")
        if isinstance(done.result, BaseException):
            self.reports.append(canary.reports(done.result))

    def posts(self, client: Client, path: str, values: dict[str, Any] | None = None) -> int:
        """As a browser does it; what is streamed is read to the end, or to where it breaks off. Returns the status."""
        answer = client.post(path, values or {})
        self.handed += [answer.content] if not answer.streaming else list(self._streamed(answer))
        self.handed.append(repr(sorted(answer.headers.items())).encode())
        return answer.status_code

    def tries(self, act: Callable[[], object]) -> None:
        try:
            act()
        except RuntimeError as error:
            self.reports.append(canary.reports(error))

    def _streamed(self, answer: Any) -> Iterator[bytes]:
        try:
            yield from answer.streaming_content
        except RuntimeError as error:
            self.reports.append(canary.reports(error, answer.wsgi_request))


def _database() -> bytes:
    """Where it is a file: also what was deleted, and what is not in the tables yet."""
    if connection.vendor != "sqlite":
        return b""
    path = Path(str(connection.settings_dict["NAME"]))
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
