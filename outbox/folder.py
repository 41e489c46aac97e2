"""Mail into a folder, for the embedded mode: one .eml file each, never half of one."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class FolderBackend(BaseEmailBackend):
    """The file is named after the Message-ID: a message that is delivered twice is one file."""

    said = "Written into a folder on this machine: no mail server is set."

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.MAIL_DIR)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in email_messages:
            _write(folder, message)
        return len(email_messages)


def _write(folder: Path, message: EmailMessage) -> None:
    content = message.message()
    name = hashlib.sha256(str(content["Message-ID"]).encode()).hexdigest()[:32]
    part = folder / f".{name}.{os.getpid()}"
    part.touch(mode=0o600)
    part.write_bytes(content.as_bytes())
    part.replace(folder / f"{name}.eml")
