"""The one way out: every HTTP call to another machine.

Resolved once and pinned, no redirects, bounded in time and size.
An address that a person typed may point anywhere; private ranges are refused unless the host is configured.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
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


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    seconds: float = 15.0,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Send one request and return whatever status comes back. Raises `NoAnswer` where none comes within `seconds`.

    `tls` says what to trust and which client certificate to show; without it, the system's trust and none.
    """
    parts = urlsplit(url)
    deadline = time.monotonic() + seconds
    address = resolve(url)
    pool = _pool(parts, address, seconds, tls)
    try:
        response = pool.urlopen(
            method,
            parts.path + (f"?{parts.query}" if parts.query else ""),
            body=body,
            headers={**headers, "Host": parts.netloc},
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )
        return Answer(response.status, dict(response.headers), _read(response, deadline))
    except (HTTPError, OSError) as error:
        if alert := _alert(error):
            raise HandshakeRefused(f"{parts.netloc} ends TLS with “{alert}”.", alert) from error
        raise NoAnswer(f"{parts.netloc} does not answer ({type(error).__name__}).") from error
    finally:
        pool.close()


def resolve(url: str) -> str:
    """Return the address that the host of `url` has now. Raises `AddressRefused` for where we do not go."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host or parts.username is not None:
        raise AddressRefused("Give an address such as https://s3.example.com, without a user name.")
    addresses = _look_up(host, _port(parts))
    if host not in settings.PRIVATE_HOSTS and not all(_is_public(each) for each in addresses):
        raise AddressRefused(f"{host} lies in a private network. If that is meant, name it in CERTADMIN_PRIVATE_HOSTS.")
    return addresses[0]


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


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """The body, unless it is too long or drips."""
    parts, size = [], 0
    for chunk in response.stream(_CHUNK, decode_content=False):
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise NoAnswer("The answer is larger than 16 MB.")
        if time.monotonic() > deadline:
            raise NoAnswer("The answer takes too long.")
    return b"".join(parts)
