"""The private store of files between processes: encrypted parts in the database, which web and worker share.

Nothing lies on a disk of theirs, and what was not taken up in time is gone with the next sweep.
"""

import hashlib
import io
import zlib
from typing import Any, Self

from core import clock
from core.errors import Refused
from gateways.import_models import KEPT
from gateways.models import WorkFile, WorkPart
from keys.files import file_key, new_file_key
from pki import parts
from pki.errors import PkiError

PART = 1024 * 1024
FAST = 1  # of zlib: a list of gateways shrinks to a fifth of its size


class Writer:
    """Writes a new file piece by piece; at most a part of it is in memory."""

    def __init__(self, name: str) -> None:
        made = new_file_key()
        self._key = made.key
        self.file = WorkFile.objects.create(
            salt=made.salt, kek_id=made.kek_id, name=name[:200], expires_at=clock.now() + KEPT
        )
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self._count = 0
        self.size = 0

    def write(self, content: bytes) -> None:
        self._digest.update(content)
        self._waiting += content
        self.size += len(content)
        while len(self._waiting) >= PART:
            self._put(bytes(self._waiting[:PART]))
            del self._waiting[:PART]

    def finish(self, **facts: str) -> WorkFile:
        """Write what is left; `facts` are columns of the file."""
        if self._waiting:
            self._put(bytes(self._waiting))
        facts |= {"sha256": self._digest.hexdigest()}
        for name, value in {**facts, "size": self.size}.items():
            setattr(self.file, name, value)
        self.file.save()
        return self.file

    def drop(self) -> None:
        self._waiting.clear()
        forget(self.file)

    def _put(self, content: bytes) -> None:
        sealed = parts.seal_part(self._key, self._count, zlib.compress(content, FAST))
        WorkPart.objects.create(file=self.file, number=self._count, content=sealed)
        self._count += 1


class Reader(io.RawIOBase):
    """Reads a file from its beginning; one part of it is in memory."""

    def __init__(self, file: WorkFile | None) -> None:
        super().__init__()
        if file is None:
            raise gone()
        self._key = file_key(bytes(file.salt), file.kek_id)
        self._file_id, self._left = file.pk, file.size
        self._number, self._part, self._at = 0, b"", 0
        self.given = 0  # octets so far

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        if self._at >= len(self._part) and self._left:
            self._open_next()
        found = self._part[self._at : self._at + len(into)]
        into[: len(found)] = found
        self._at += len(found)
        self.given += len(found)
        return len(found)

    def _open_next(self) -> None:
        sealed = WorkPart.objects.filter(file=self._file_id, number=self._number).values_list("content", flat=True)
        row = sealed.first()
        if row is None:
            raise gone()
        try:
            self._part = zlib.decompress(parts.open_part(self._key, self._number, bytes(row)))
        except PkiError as error:
            raise Refused(error.code, f"{error.message} Hand the file in again.") from None
        self._number, self._at, self._left = self._number + 1, 0, self._left - len(self._part)

    def buffered(self) -> io.BufferedReader:
        return io.BufferedReader(self, 128 * 1024)

    def __enter__(self) -> Self:
        return self


def forget(*files: WorkFile) -> None:
    """Delete files with their parts, for good."""
    WorkFile.objects.filter(pk__in=[file.pk for file in files]).delete()


def forget_old() -> None:
    """Delete what nobody took up in time."""
    WorkFile.objects.over().delete()


def gone() -> Refused:
    return Refused("file-gone", "The file is not kept any more. Hand it in again.")
