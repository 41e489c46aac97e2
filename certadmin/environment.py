"""Settings from the environment: `NAME`, or `NAME_FILE` for a secret kept in a file."""

import hashlib
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo


def text(name: str, default: str = "") -> str:
    """Return CERTADMIN_`name`, or the stripped content of the file that CERTADMIN_`name`_FILE names."""
    path = os.environ.get(f"CERTADMIN_{name}_FILE", "")
    if path and Path(path).is_file():
        return Path(path).read_text().strip()
    return os.environ.get(f"CERTADMIN_{name}", default)


def flag(name: str, *, default: bool = False) -> bool:
    return text(name, "1" if default else "0").lower() in ("1", "true", "yes", "on")


def number(name: str, default: int) -> int:
    return int(text(name, str(default)))


def zone(name: str) -> str:
    """Return the name of a time zone; one that nobody knows stops the start."""
    return ZoneInfo(text(name, "UTC")).key


def words(name: str, default: str = "") -> list[str]:
    return [word for word in text(name, default).replace(",", " ").split() if word]


def secret_in(path: Path) -> str:
    """Return the secret in `path`, made on the first run with mode 0600."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as made:  # mode 0600
            made.write(secrets.token_urlsafe(48) + "\n")
            made.flush()
            with suppress(FileExistsError):  # another was faster: then its secret is the one
                os.link(made.name, path)
    return path.read_text().strip()


def short_socket(path: Path) -> Path:
    """Return `path`, or a private short one in its place where the system allows no name so long (107 octets)."""
    if len(str(path)) < 100:
        return path
    folder = Path(tempfile.gettempdir()) / f"certadmin-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; remove it or set CERTADMIN_REDIS_URL")
    return folder / path.name


def database(url: str) -> dict[str, Any]:
    """Return Django's database settings for `sqlite:///path` or `postgresql://user:password@host:port/name`."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return sqlite(unquote(parts.path[1:]) or ":memory:")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, **options},
    }


def sqlite(path: str) -> dict[str, Any]:
    """SQLite as the embedded mode wants it: writers queue, and a commit survives a power cut (G1)."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
        },
    }


def mail(url: str) -> dict[str, Any]:
    """Return Django's e-mail settings for `smtps://user:password@host` (TLS from the start), `smtp://…` or none.

    With `?tls=starttls` TLS begins on request; that is so for whoever signs in, unless `?tls=none` says otherwise. The
    server's certificate is checked always: against the system's trust, or against the file that `?ca=…` names.
    """
    if not url:
        return {"EMAIL_BACKEND": "outbox.folder.FolderBackend", "SMTP_CA": ""}
    parts = urlsplit(url)
    options, at_once = dict(parse_qsl(parts.query)), parts.scheme == "smtps"
    usual = "starttls" if parts.username else "none"
    return {
        "EMAIL_BACKEND": "outbox.smtp.SmtpBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or (465 if at_once else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": at_once,
        "EMAIL_USE_TLS": not at_once and options.get("tls", usual) == "starttls",
        "EMAIL_TIMEOUT": 15,
        "SMTP_CA": options.get("ca", ""),
    }
