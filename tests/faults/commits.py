"""The database commits, and its answer is lost on the way: whoever asked does not know whether it happened."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.faults import reader
from tests.faults.deployment import Deployment

IDLE = b"Z\x00\x00\x00\x05I"  # ReadyForQuery outside of a transaction: what was asked is committed
CHANGED = (b"COMMIT\x00", b"UPDATE 1\x00")
EVERY = 11  # a try has seven such answers: most tries of most requests are struck


def lost_answers(desk: Deployment, count: int) -> None:
    """Every eleventh answer to a change is lost, `count` times, and the connection with it."""
    desk.act("request", 0, count)
    with _line(desk.database, times=count) as line:
        through = {"CERTADMIN_DATABASE_URL": line.url, "CERTADMIN_LEASE_SECONDS": "1"}
        desk.start("worker", extra=through)
        desk.start("beat")
        desk.settle(seconds=120)
        assert line.lost, "no answer was lost"
        desk.stop()
    desk.prepare_to_act()
    reader.check(desk, issued=count)


class _Line:
    """A line to PostgreSQL that loses answers."""

    def __init__(self, database: str, times: int) -> None:
        self.parts, self.times = urlsplit(database), times
        self.seen = self.lost = 0
        self.counting = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = database.replace(f":{self.parts.port}/", f":{self.listener.getsockname()[1]}/")

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.create_connection((self.parts.hostname or "", self.parts.port or 0))
                for pump in (self._ask, self._answer):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while chunk := client.recv(65536):
                server.sendall(chunk)
        _close(client, server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while chunk := server.recv(65536):
                if self._loses(chunk):
                    break
                client.sendall(chunk)
        _close(client, server)

    def _loses(self, chunk: bytes) -> bool:
        if not (chunk.endswith(IDLE) and any(each in chunk for each in CHANGED)):
            return False
        with self.counting:
            self.seen += 1
            loses = self.seen % EVERY == 0 and self.lost < self.times
            self.lost += loses
            return loses


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def _line(database: str, *, times: int) -> Iterator[_Line]:
    line = _Line(database, times)
    threading.Thread(target=line.serve, daemon=True).start()
    try:
        yield line
    finally:
        _close(line.listener)
