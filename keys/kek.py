"""The key-encryption key: 32 octets that are never in the database."""

import base64
import binascii
import os
import secrets
from pathlib import Path

from django.conf import settings

from core.errors import Refused
from pki.sealing import KEY_SIZE


class NoKek(Refused):
    """There is no key-encryption key, or what is configured is none."""

    status = 503


class WrongKek(Refused):
    """The key-encryption key is not the one that this database was made with."""

    status = 503


def read() -> bytes:
    """Return the key-encryption key from CERTADMIN_KEK (base64), else from the file. Read anew at every use."""
    try:
        kek = base64.b64decode(settings.KEK or Path(settings.KEK_FILE).read_text().strip(), validate=True)
    except FileNotFoundError:
        raise NoKek(
            "no-kek", "The key-encryption key is missing: nothing can be signed until it is back in its place."
        ) from None
    except (OSError, binascii.Error, ValueError):
        raise NoKek("no-kek", "The key-encryption key cannot be read: it is base64 of 32 octets.") from None
    if len(kek) != KEY_SIZE:
        raise NoKek("no-kek", "The key-encryption key has the wrong length: it is base64 of 32 octets.")
    return kek


def make_file() -> bool:
    """Write a new key with mode 0600 where there is none; tell whether it was made."""
    path = Path(settings.KEK_FILE)
    if settings.KEK or path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_SIZE)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return True
