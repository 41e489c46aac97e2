"""Asks a web server as fast as it answers, over a few connections that stay open. One thread: it shares the machine."""

import re
import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from itertools import cycle

CONNECTIONS = 8
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Asking:
    """One connection, with one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.found = b""

    def ask(self, request: bytes) -> None:
        self.found = b""
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        """Read what is there; tell whether the answer is complete. Raises for another status than 200."""
        self.found += self.socket.recv(65536)
        head, end, body = self.found.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode(errors="replace")[:300])
        length = _LENGTH.search(head)
        return length is not None and len(body) >= int(length[1])


def answers_per_second(port: int, paths: Sequence[str], *, seconds: float) -> float:
    """Go through `paths` again and again for so long; every answer has to have status 200."""
    gets = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths]
    return requests_per_second(port, gets, seconds=seconds)


def get(path: str, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode()


def posted(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def requests_per_second(port: int, sent: Sequence[bytes], *, seconds: float) -> float:
    """The same with whole requests."""
    requests = cycle(sent)
    asking = [Asking(port) for _ in range(CONNECTIONS)]
    with selectors.DefaultSelector() as selector:
        for each in asking:
            selector.register(each.socket, selectors.EVENT_READ, each)
            each.ask(next(requests))
        count, start = 0, time.perf_counter()
        while (now := time.perf_counter()) < start + seconds:
            for key, _ in selector.select(1):
                if key.data.is_answered():
                    count += 1
                    key.data.ask(next(requests))
    for each in asking:
        each.socket.close()
    return count / (now - start)
