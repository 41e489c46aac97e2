"""A real mail server for the tests."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage as Mail
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509

from tests.pki import makers
from tests.servers import free_port


@dataclass
class Box:
    """What arrived, and how the server answers: `answers` maps recipients to its words, `data` is for all."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    data: str = "250 OK"
    drops_after_data: bool = False
    drops_in_data: bool = False
    seconds: float = 0.0  # that it thinks about a mail
    people: list[str] = field(default_factory=list)  # who signed in
    was_secure: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        await asyncio.sleep(self.seconds)
        if self.drops_in_data:
            server.transport.abort()
            return self.data
        self.was_secure.append(session.ssl is not None)
        if self.data.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        if self.drops_after_data:
            server.transport.abort()
        return self.data

    def ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]

    def recipients(self) -> list[str]:
        return sorted(str(mail["To"]) for mail in self.mails)

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        """Everybody with the right password."""
        right = data.password == PASSWORD.encode()
        if right:
            self.people.append(data.login.decode())
        return AuthResult(success=right, handled=False)


PASSWORD = "quiet-harbour"


@contextlib.contextmanager
def mail_server(
    port: int = 0, *, tls: ssl.SSLContext | None = None, at_once: bool = False, **options: Any
) -> Iterator[Box]:
    """With `tls` it speaks TLS on request, or `at_once`."""
    port = port or free_port()
    box = Box(port)
    if options.pop("auth", False):
        options |= {"authenticator": box.authenticate, "auth_required": True, "auth_require_tls": not at_once}
    options |= {"ssl_context": tls} if at_once else {"tls_context": tls, "require_starttls": tls is not None}
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass(frozen=True)
class Identity:
    """A server's key and certificate, and the CA that signed it, as files."""

    context: ssl.SSLContext
    ca: Path


def identity(folder: Path, host: str = "localhost") -> Identity:
    """A private CA's certificate for `host`."""
    root = makers.make_root("Mail Root")
    named = makers.extension(x509.SubjectAlternativeName([x509.DNSName(host)]))
    leaf = makers.make_certificate(host, issuer=root, not_after=datetime(2044, 1, 1, tzinfo=UTC), extensions=[named])
    (folder / "leaf.pem").write_bytes(makers.to_pem(leaf.der) + makers.private_pem(leaf.key))
    (folder / "ca.pem").write_bytes(makers.to_pem(root.der))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return Identity(context, folder / "ca.pem")
