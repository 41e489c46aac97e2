"""A real receiver of webhooks: each path answers in its own way, and everything that comes is kept."""

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from outbox.models import Endpoint


@dataclass
class Call:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed_with(self, secret: str) -> bool:
        """Written after the specification, without the product's code."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        made = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return made in self.headers["webhook-signature"].split()


@dataclass
class Receiver:
    """`answers` maps paths to statuses; some paths misbehave by name."""

    port: int = 0
    calls: list[Call] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    let_go: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def ids(self, path: str = "/hook") -> list[str]:
        return [call.id for call in self.calls if call.path == path]


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        names = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.calls.append(Call(self.path, names, self.rfile.read(length)))
        with contextlib.suppress(OSError):
            getattr(self, self.path.strip("/"), self.answer)()

    def answer(self) -> None:
        self._say(self.receiver.answers.get(self.path, 200), b"noted")

    def hang(self) -> None:
        self.receiver.let_go.wait(30)

    def drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.receiver.let_go.wait(0.1):
            self.wfile.write(b"x")

    def redirect(self) -> None:
        self.send_response(307)
        self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def elsewhere(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.receiver.url("/hook"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def close(self) -> None:
        self.connection.close()

    def huge(self) -> None:
        self.send_response(200)
        self.end_headers()
        end = time.monotonic() + 20
        while time.monotonic() < end and not self.receiver.let_go.is_set():
            self.wfile.write(b"y" * 65536)

    def _say(self, status: int, words: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def log_message(self, format: str, *args: Any) -> None:
        """Not into the output of the tests."""


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": made}))
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.let_go.set()
        server.shutdown()
        server.server_close()


def endpoint_at(url: str, **changes: Any) -> Endpoint:
    """The operators' endpoint for everything, from now on."""
    values = {"name": "Ticket desk", "events": sorted(ALL), "created_by_id": 1, "created_by_name": "Ines", **changes}
    return Endpoint.objects.create(url=url, **values)


ALL = ("certificate.issued", "certificate.expiring", "certificate.revoked", "release.published", "job.failing")
