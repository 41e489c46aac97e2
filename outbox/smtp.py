"""The way to a mail server: its certificate checked always, and its last words kept."""

import smtplib
import ssl
from functools import cached_property

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend


def _words(code: int, words: bytes) -> str:
    return f"{code} {words.decode(errors='replace')}"


class _Smtp(smtplib.SMTP):
    """smtplib forgets what the server says to a mail that it takes."""

    said = ""

    def data(self, msg: bytes | str) -> tuple[int, bytes]:  # type: ignore[override]
        code, words = super().data(msg)
        self.said = _words(code, words)
        return code, words


class _SmtpOverTls(smtplib.SMTP_SSL):
    said = ""

    def data(self, msg: bytes | str) -> tuple[int, bytes]:  # type: ignore[override]
        code, words = super().data(msg)
        self.said = _words(code, words)
        return code, words


class SmtpBackend(EmailBackend):
    """Django's, with a certificate authority of one's own where one is given."""

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """The server's name and chain are checked, against the system's trust or `settings.SMTP_CA` alone."""
        return ssl.create_default_context(cafile=getattr(settings, "SMTP_CA", "") or None)

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _SmtpOverTls if self.use_ssl else _Smtp

    @property
    def said(self) -> str:
        """What the server answered to the last mail that it took."""
        return str(getattr(self.connection, "said", ""))
