"""A real mail server for the tests."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage as Mail
from typing import Any

from aiosmtpd.controller import Controller

from tests.servers import free_port


@dataclass
class Box:
    """What arrived, and how the server answers: `answers` maps recipients to its words, `data` is for all."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    data: str = "250 OK"
    drops_after_data: bool = False

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        if self.drops_after_data:
            server.transport.abort()
        return self.data

    def ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]

    def recipients(self) -> list[str]:
        return sorted(str(mail["To"]) for mail in self.mails)


@contextlib.contextmanager
def mail_server(port: int = 0) -> Iterator[Box]:
    port = port or free_port()
    box = Box(port)
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
