"""The one way out: every HTTP call to another machine.

Resolved once and pinned, no redirects, bounded in time and size.
An address that a person typed may point anywhere; private ranges are refused unless the host is configured.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import urllib3
from django.conf import settings
from urllib3.exceptions import HTTPError

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_CHUNK = 64 * 1024
_PORTS = {"http": 80, "https": 443}


class NoAnswer(Exception):
    """The other side could not be reached, or its answer is of no use; `message` says why in one sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class HandshakeRefused(NoAnswer):
    """The other side ended TLS with an alert; `alert` is its name, such as `unknown ca`."""

    def __init__(self, message: str, alert: str) -> None:
        super().__init__(message)
        self.alert = alert


class AddressRefused(NoAnswer):
    """The address leads where this product does not go."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def send(  # noqa: PLR0913  the request, and the bounds that each caller chooses
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    seconds: float = 15.0,
    tls: ssl.SSLContext | None = None,
    private: Collection[str] | None = None,
    keep: int | None = None,
) -> Answer:
    """Send one request and return whatever status comes back. Raises `NoAnswer` where none comes within `seconds`.

    `tls` says what to trust and which client certificate to show; without it, the system's trust and none. `private`
    names the hosts that may lie in a private network; without it, those of the settings. With `keep` no more than the
    first octets of the answer are read, however long it is.
    """
    parts = split(url)
    deadline = time.monotonic() + seconds
    address = resolve(url, private)
    pool = _pool(parts, address, seconds, tls)
    try:
        with _cut_off(pool, deadline):
            response = pool.urlopen(
                method,
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                body=body,
                headers={**headers, "Host": parts.netloc},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
            if time.monotonic() >= deadline:  # cut off within its headers, which then look complete
                raise TimeoutError
            return Answer(response.status, dict(response.headers), _read(response, deadline, keep))
    except (HTTPError, OSError) as error:
        if alert := _alert(error):
            raise HandshakeRefused(f"{parts.netloc} ends TLS with “{alert}”.", alert) from error
        late = time.monotonic() >= deadline
        why = f"within {seconds:.0f} s" if late else f"({type(error).__name__})"
        raise NoAnswer(f"{parts.netloc} does not answer {why}.") from error
    finally:
        pool.close()


class _Handle:
    """A second handle on the connection of a pool. The time-outs of a socket begin anew with each octet: who drips one
    after the other would hold a worker for hours."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None

    def keep(self, connected: socket.socket) -> socket.socket:
        self.socket = connected.dup()  # TLS takes the first one over
        return connected

    def cut(self) -> None:
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()


class _Plain(urllib3.connection.HTTPConnection):
    handle: _Handle

    def _new_conn(self) -> socket.socket:
        return self.handle.keep(super()._new_conn())


class _Secure(urllib3.connection.HTTPSConnection):
    handle: _Handle

    def _new_conn(self) -> socket.socket:
        return self.handle.keep(super()._new_conn())


@contextmanager
def _cut_off(pool: urllib3.HTTPConnectionPool, deadline: float) -> Iterator[None]:
    """Inside the block the pool's connection ends at `deadline`, whatever it is doing."""
    handle = _Handle()
    kind = _Secure if isinstance(pool, urllib3.HTTPSConnectionPool) else _Plain
    pool.ConnectionCls = type("Handled", (kind,), {"handle": handle})
    timer = threading.Timer(max(deadline - time.monotonic(), 0), handle.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        handle.close()


def resolve(url: str, private: Collection[str] | None = None) -> str:
    """Return the address that the host of `url` has now. Raises `AddressRefused` for where we do not go."""
    parts = split(url)
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host or parts.username is not None:
        raise AddressRefused("Give an address such as https://s3.example.com, without a user name.")
    addresses = _look_up(host, _port(parts))
    known = settings.PRIVATE_HOSTS if private is None else private
    if host not in known and not all(_is_public(each) for each in addresses):
        raise AddressRefused(f"{host} lies in a private network. If that is meant, name it in CERTADMIN_PRIVATE_HOSTS.")
    return addresses[0]


def split(url: str) -> SplitResult:
    """The parts of an address that can be sent as it stands. Raises `AddressRefused`."""
    if not url.isascii():
        raise AddressRefused("Write the address in ASCII: a host with other letters as xn--…, a path with %.")
    try:
        return urlsplit(url)
    except ValueError:
        raise AddressRefused("This is no address. Give one such as https://hooks.example.com.") from None


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoAnswer(f"The name {host} cannot be resolved.") from error
    return [str(address[0]) for *_, address in found]


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_global and not parsed.is_multicast


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise AddressRefused("The port of the address is not a number up to 65535.") from error


def _alert(error: BaseException | None) -> str:
    """The TLS alert that the other side sent (RFC 8446 section 6), from wherever in the chain of causes it stands."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, ssl.SSLError) and "ALERT" in str(error.reason):
            return str(error.reason).partition("ALERT_")[2].lower().replace("_", " ")
        nested = [each for each in error.args if isinstance(each, BaseException)]
        error, seen = (nested[0] if nested else error.__cause__ or error.__context__), seen + 1
    return ""


def _pool(parts: SplitResult, address: str, seconds: float, tls: ssl.SSLContext | None) -> urllib3.HTTPConnectionPool:
    """A pool of one connection to the pinned address; the certificate is that of the name."""
    timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds)
    if parts.scheme == "http":
        return urllib3.HTTPConnectionPool(address, _port(parts), timeout=timeout, maxsize=1)
    return urllib3.HTTPSConnectionPool(
        address,
        _port(parts),
        timeout=timeout,
        maxsize=1,
        server_hostname=parts.hostname,
        assert_hostname=parts.hostname,
        cert_reqs="CERT_REQUIRED",
        ssl_context=tls,
    )


def _read(response: urllib3.BaseHTTPResponse, deadline: float, keep: int | None) -> bytes:
    """The body, unless it is too long or drips; of a longer one its beginning, where no more is wanted."""
    if keep is not None:
        with suppress(HTTPError, OSError):  # the status is there, and is what counts
            return response.read(keep, decode_content=False)
        return b""
    parts, size = [], 0
    for chunk in response.stream(_CHUNK, decode_content=False):
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise NoAnswer("The answer is larger than 16 MB.")
        if time.monotonic() > deadline:
            break
    if time.monotonic() > deadline:  # it was cut off then, and may have more
        raise NoAnswer("The answer takes too long.")
    return b"".join(parts)
