"""A gateway before a proxy: its certificate, what it sends, what it hears, and the TLS session that it remembers."""

import base64
import contextlib
import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

Lines = Sequence[tuple[str, str]]


@dataclass(slots=True)
class Gateway:
    """One PEM file with the certificate, what is sent along with it, and the key; `ask` is one whole connection."""

    certificate: Path | None
    session: ssl.SSLSession | None = None
    resumed: bool = False
    context: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        if self.certificate:
            self.context.load_cert_chain(self.certificate)

    def ask(self, port: int, headers: Lines = ()) -> int:
        """The status of one request on a new connection; 0 where TLS itself refuses."""
        try:
            with self.connection(port) as connection:
                return say(connection, [*headers, ("Connection", "close")])
        except OSError:
            return 0

    @contextlib.contextmanager
    def connection(self, port: int) -> Iterator[ssl.SSLSocket]:
        """A connection that resumes the remembered session, if there is one. Remembers the new one."""
        raw = socket.create_connection(("127.0.0.1", port), timeout=5)
        with raw, self.context.wrap_socket(raw, session=self.session) as tls:
            yield tls
            self.resumed, self.session = bool(tls.session_reused), tls.session


def say(connection: ssl.SSLSocket, headers: Lines = ()) -> int:
    """The status of one request on a connection that stands; 0 where it ends."""
    lines = ["GET / HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers)]
    try:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    return answer.status


def leaf_as_the_things_stack_reads_it(headers: Mapping[str, Sequence[str]]) -> bytes | None:
    """The DER that TTS pkg/auth/mtls/proxy_headers.go (`FromProxyHeaders`) takes for the client's certificate: the
    first value of Envoy's header decides alone where it is not empty, then Traefik's."""
    if envoy := (headers.get("x-forwarded-client-cert") or [""])[0]:
        chain = next(each for each in envoy.split(";") if each.startswith("Chain="))
        text = unquote(chain.removeprefix("Chain=").strip('\\"'))
        return ssl.PEM_cert_to_DER_cert(text[: text.index("-----END") + 25])
    if traefik := (headers.get("x-forwarded-tls-client-cert") or [""])[0]:
        return base64.b64decode(traefik.split(",")[0], validate=True)
    return None
