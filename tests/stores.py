"""Stores for the tests: a real S3 server, a way between that can be made faulty, and a reader like The Things Stack."""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import boto3
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from core.store import Bucket, ObjectStore, S3Store
from pki.bundle import index_paths, read_as_go, read_index

BUCKET = "trust"


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """An S3 server with an empty bucket; gives its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        ).create_bucket(Bucket=BUCKET)
        yield endpoint
    finally:
        server.stop()


@cache
def s3_store(endpoint: str, *, prefix: str = "", seconds: float = 5) -> S3Store:
    bucket = Bucket(BUCKET, prefix=prefix, endpoint=endpoint)
    return S3Store(bucket, access_key="key", secret_key="secret", seconds=seconds)


@dataclass
class Way:
    """An HTTP way to an S3 server. `fault` is asked for each request: "500", "cut", "lose", "slow", "half" or none."""

    to: str
    fault: Callable[[str, str], str | None] = field(default=lambda method, path: None)
    address: str = ""


@contextlib.contextmanager
def way_to(endpoint: str) -> Iterator[Way]:
    way = Way(endpoint)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"way": way}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    way.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield way
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    way: Way

    def log_message(self, *_: object) -> None:
        pass

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.way.fault(self.command, self.path)
        if fault == "500":
            self.send_error(500)
        elif fault == "cut":
            self.connection.close()
        elif fault == "lose":  # done, but nobody hears of it
            self._forward(body)
            self.connection.close()
        else:
            self._answer(*self._forward(body), fault)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.way.to).netloc, timeout=10)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, fault: str | None) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault == "slow":
            time.sleep(1.5)
        with contextlib.suppress(OSError):
            self.wfile.write(content[: len(content) // 2] if fault == "half" else content)

    do_GET = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815  the names of http.server


def read_as_network_server(store: ObjectStore) -> tuple[bytes, ...]:
    """Start as The Things Stack does: read the index and every file it names; a fault is a server that stays down."""
    index = store.get("index.yml")
    if index is None:
        raise AssertionError("index.yml is not there")
    found: list[bytes] = []
    for path in index_paths(read_index(index)):
        content = store.get(path)
        if content is None or not read_as_go(content):
            raise AssertionError(f"{path} yields no certificate")
        found += read_as_go(content)
    return tuple(found)


@contextlib.contextmanager
def polling(store: ObjectStore) -> Iterator[list[tuple[bytes, ...] | Exception]]:
    """Poll as a starting network server all the while; gives what each poll saw, faults included."""
    seen: list[tuple[bytes, ...] | Exception] = []
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            try:
                seen.append(read_as_network_server(store))
            except Exception as error:  # noqa: BLE001  each fault is one observation
                seen.append(error)

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
