"""Keys of files that processes hand to each other: derived from the key-encryption key, and kept nowhere."""

from typing import NamedTuple

from keys import kek
from keys.kek import WrongKek
from keys.models import Canary
from keys.services import check_kek, open_canary
from pki import parts
from pki.sealing import kek_id


class FileKey(NamedTuple):
    """`salt` and `kek_id` are kept with the file; `key` is not."""

    salt: bytes
    kek_id: str
    key: bytes


def new_file_key() -> FileKey:
    """A key of its own for one file. Raises `VaultClosed` where there is no key to derive it from."""
    check_kek()
    wrapping, salt = open_canary(Canary.objects.get()), parts.new_salt()
    return FileKey(salt, kek_id(wrapping), parts.file_key(wrapping, salt))


def file_key(salt: bytes, of_kek: str) -> bytes:
    """The same key again."""
    wrapping = kek.held().get(of_kek)
    if wrapping is None:
        raise WrongKek("wrong-kek", "The key-encryption key was replaced since this file came in. Hand it in again.")
    return parts.file_key(wrapping, salt)
