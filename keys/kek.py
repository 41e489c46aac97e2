"""The key-encryption key: 32 octets that are never in the database."""

import base64
import binascii
import contextlib
import os
import secrets
from pathlib import Path

from django.conf import settings

from keys.errors import VaultClosed
from pki.sealing import KEY_SIZE, kek_id


class NoKek(VaultClosed):
    """There is no key-encryption key, or what is configured is none."""


class WrongKek(VaultClosed):
    """The key-encryption key is not the one that this database was made with."""


def read() -> bytes:
    """Return the key-encryption key from CERTADMIN_KEK (base64), else from the file. Read anew at every use."""
    return _decoded(settings.KEK) if settings.KEK else read_file(Path(settings.KEK_FILE))


def held() -> dict[str, bytes]:
    """Every key that is at hand, by its id: while one replaces another, there are two. The new file is looked for
    first, because it takes the place of the other in the end."""
    given = [_decoded(text) for text in (settings.OLD_KEK, settings.NEW_KEK) if text]
    try:
        given += [] if settings.KEK else [read_file(new_file())]
    except NoKek:
        if new_file().exists():
            raise
    return {kek_id(key): key for key in (*given, read())}


def replacement(file: Path | None) -> bytes:
    """Return the key that shall replace another: from `file` or CERTADMIN_NEW_KEK, else the one in its place already
    where CERTADMIN_OLD_KEK names its forerunner, else a new one in a file beside the old, which all processes find."""
    if file is not None or settings.NEW_KEK:
        return _chosen(read_file(file) if file is not None else _decoded(settings.NEW_KEK))
    if settings.OLD_KEK:
        return read()
    if settings.KEK:
        raise _not_given()
    return _laid_beside(None)


def new_file() -> Path:
    """Where the next key waits, beside the one in use."""
    path = Path(settings.KEK_FILE)
    return path.with_name(f"{path.name}.new")


def settle(new: bytes) -> Path | None:
    """Put the new file, where `new` lies in one, into the place of the old; return where the old one lies now."""
    path = Path(settings.KEK_FILE)
    if settings.KEK or not new_file().exists() or read_file(new_file()) != new:
        return None
    old = path.with_name(f"{path.name}.{kek_id(read())}")
    if not old.exists():
        os.link(path, old)
    new_file().replace(path)
    _sync(path.parent)
    return old


def make_file() -> bool:
    """Write a new key with mode 0600 where there is none; tell whether it was made."""
    path = Path(settings.KEK_FILE)
    if settings.KEK or path.exists():
        return False
    _write(path, secrets.token_bytes(KEY_SIZE))
    return True


def read_file(path: Path) -> bytes:
    """Return the key in the file `path`, as `make_kek` prints it."""
    try:
        return _decoded(path.read_text().strip())
    except FileNotFoundError:
        raise NoKek(
            "no-kek", "The key-encryption key is missing: nothing can be signed until it is back in its place."
        ) from None
    except (OSError, ValueError):
        raise _unreadable() from None


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable() from None
    if len(key) != KEY_SIZE:
        raise NoKek("no-kek", "The key-encryption key has the wrong length: it is base64 of 32 octets.")
    return key


def _unreadable() -> NoKek:
    return NoKek("no-kek", "The key-encryption key cannot be read: it is base64 of 32 octets.")


def _chosen(key: bytes) -> bytes:
    """Every process must have it before anything is sealed under it: from the environment, or from the file."""
    if set(held()) == {kek_id(key)}:
        raise WrongKek("same-kek", "This is the key-encryption key in use already. Make another one with make_kek.")
    if not settings.KEK:
        return _laid_beside(key)
    if kek_id(key) not in held():
        raise _not_given()
    return key


def _not_given() -> NoKek:
    message = "Make a new key with make_kek, and give it to every process as CERTADMIN_NEW_KEK first."
    return NoKek("no-new-kek", message)


def _laid_beside(key: bytes | None) -> bytes:
    """Return the key in the new file, which is made where there is none; `key` is the one that it must be."""
    path = new_file()
    if not path.exists():
        _write(path, key or secrets.token_bytes(KEY_SIZE))
    found = read_file(path)
    if key is not None and found != key:
        message = f"Another new key lies in {path} already: go on with that one, without naming a key."
        raise NoKek("other-new-kek", message)
    return found


def _write(path: Path, key: bytes) -> None:
    """Complete or not at all: other processes read the file as soon as it is there. Whoever was faster wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(base64.b64encode(key).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(made, path)
    finally:
        made.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """The names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
