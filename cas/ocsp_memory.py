"""Answers about certificates, kept in the memory of a web process: given out before Django is asked.

An answer is true as long as nothing was revoked. Each authority counts its revocations in the transaction that makes
them; the view reads the sum before it looks anything up, and says it here. What was kept under another sum is not given
out, nor is anything once nobody has asked for the sum for a second: then a request goes to the view. So a revocation in
any process is known in all of them a second later.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import clock

PREFIX = "/ocsp/"
MOST = 20_000  # answers, of a kilobyte each
BELIEVED = 1.0  # seconds
StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Remembered:
    """One answer to GET: the sum of revocations under which it was true, and the headers but for the age."""

    mark: int
    der: bytes
    headers: tuple[tuple[str, str], ...]
    etag: str
    fresh_until: datetime  # then it is signed anew
    next_update: datetime


class Memory:
    """Of one process; its threads share it."""

    def __init__(self) -> None:
        self._answers: dict[str, Remembered] = {}
        self._mark = -1
        self._believed_until = 0.0

    def confirm(self, mark: int) -> None:
        """The sum of revocations is `mark` at this moment, or was just before."""
        self._mark, self._believed_until = mark, time.monotonic() + BELIEVED

    def keep(self, path: str, answer: Remembered) -> None:
        while len(self._answers) >= MOST:
            self._answers.pop(next(iter(self._answers), ""), None)
        self._answers[path] = answer

    def find(self, path: str) -> Remembered | None:
        """What was answered on this path, if it is known to be true still."""
        answer = self._answers.get(path)
        if answer is None or answer.mark != self._mark or time.monotonic() >= self._believed_until:
            return None
        return answer if clock.now() < answer.fresh_until else None


MEMORY = Memory()


def in_front_of(application: Application) -> Application:
    """The same application, which answers what is remembered before Django is asked."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(PREFIX) and environ.get("REQUEST_METHOD") == "GET":
            found = MEMORY.find(path)
            if found is not None:
                return _give(found, environ, start_response)
        return application(environ, start_response)

    return answer


def _give(found: Remembered, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    seconds = max(0, int((found.next_update - clock.now()).total_seconds()))
    headers = [*found.headers, ("Cache-Control", f"max-age={seconds}, public, no-transform, must-revalidate")]
    if environ.get("HTTP_IF_NONE_MATCH") == found.etag:
        start_response("304 Not Modified", [each for each in headers if not each[0].startswith("Content-")])
        return []
    start_response("200 OK", headers)
    return [found.der]
