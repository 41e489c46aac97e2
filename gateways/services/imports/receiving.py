"""A file comes in: it is looked at piece by piece before anything of it is kept, and then kept encrypted."""

import codecs
import re
from collections.abc import Iterable

from core.errors import Unprocessable
from gateways.models import WorkFile
from gateways.services.imports.work_store import Writer
from pki.errors import PkiError
from pki.intake import displayed_name, require_no_private_key

MAX_BYTES = 100 * 1024 * 1024
LONGEST_LINE = 64 * 1024
AT_ONCE = 1024 * 1024
HELD_BACK = 64 * 1024  # more than any private key is long: one that lies over a border is seen before it is kept
CSV, JSON = "csv", "json"
UTF8, WINDOWS = "utf-8-sig", "cp1252"
FORMS = {
    b"PK\x03\x04": "This is a zip or an Excel workbook. Unpack it, or save it as CSV.",
    b"\x1f\x8b": "This is compressed with gzip. Unpack it first.",
    b"BZh": "This is compressed with bzip2. Unpack it first.",
    b"\xfd7zXZ": "This is compressed with xz. Unpack it first.",
    b"\x28\xb5\x2f\xfd": "This is compressed with zstd. Unpack it first.",
    b"7z\xbc\xaf": "This is a 7-Zip archive. Unpack it first.",
    b"Rar!": "This is a RAR archive. Unpack it first.",
    b"\xd0\xcf\x11\xe0": "This is an old Excel workbook. Save it as CSV.",
    b"%PDF": "This is a PDF. Hand in CSV or JSON.",
    b"\xff\xfe": "This is UTF-16 text. Save it as “CSV UTF-8”.",
    b"\xfe\xff": "This is UTF-16 text. Save it as “CSV UTF-8”.",
}
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def receive(name: str, pieces: Iterable[bytes]) -> WorkFile:
    """Keep the file that comes in `pieces`. Raises Refused; whatever is raised, nothing of it is kept then."""
    receiver = Receiver(name)
    try:
        for piece in pieces:
            receiver.take(piece)
        return receiver.finish()
    except BaseException:
        receiver.drop()
        raise


class Receiver:
    """The same for who is called piece by piece. After a refusal nothing is taken any more."""

    def __init__(self, name: str) -> None:
        self._writer = Writer(displayed_name(name))
        self._waiting = bytearray()
        self._held = b""  # seen, and not yet kept
        self._is_utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        self._kind = ""
        self._line = 0  # octets of the line that has not ended yet
        self._size = 0

    def take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MAX_BYTES:
            self._refuse("file-too-large", "The file is larger than 100 MB. Split it.")
        self._waiting += piece
        if len(self._waiting) >= AT_ONCE:
            self._look(bytes(self._waiting))
            self._waiting.clear()

    def finish(self) -> WorkFile:
        self._look(bytes(self._waiting))
        if not self._kind:
            self._refuse("file-empty", "The file is empty.")
        if self._is_utf8 and not _decodes(self._is_utf8, b"", final=True):
            self._is_utf8 = None
        self._writer.write(self._held)
        return self._writer.finish(kind=self._kind, encoding=UTF8 if self._is_utf8 else WINDOWS)

    def drop(self) -> None:
        """Keep nothing."""
        self._held = b""
        self._waiting.clear()
        self._writer.drop()

    def _look(self, piece: bytes) -> None:
        seen = self._held + piece
        try:
            require_no_private_key(seen)
        except PkiError as error:
            self._refuse(error.code, f"{error.message} Nothing of the file was kept.")
        if not self._writer.size and not self._kind:
            self._look_at_beginning(seen)
        if CONTROLS.search(piece):
            self._refuse("file-binary", "This is no text. Hand in CSV or JSON.")
        self._look_at_lines(piece)
        if self._is_utf8 and not _decodes(self._is_utf8, piece):
            self._is_utf8 = None
        self._writer.write(seen[:-HELD_BACK])
        self._held = seen[-HELD_BACK:]

    def _look_at_beginning(self, seen: bytes) -> None:
        for mark, words in FORMS.items():
            if seen.startswith(mark):
                self._refuse("file-form", words)
        if b"\x00" in seen[:100]:
            self._refuse("file-form", "This is UTF-16 text, or no text. Save it as “CSV UTF-8”.")
        text = seen.removeprefix(codecs.BOM_UTF8).lstrip()
        if text:
            self._kind = JSON if text[:1] in (b"[", b"{") else CSV

    def _look_at_lines(self, piece: bytes) -> None:
        """No line of a CSV file is longer than what is read of it at once."""
        if self._kind != CSV:
            return
        first, *rest = piece.replace(b"\r", b"\n").split(b"\n")
        longest = max(self._line + len(first), max(map(len, rest), default=0))
        if longest > LONGEST_LINE:
            self._refuse("line-too-long", "A line of it is longer than 64 KB. This is no CSV file of gateways.")
        self._line = len(rest[-1]) if rest else self._line + len(first)

    def _refuse(self, code: str, words: str) -> None:
        self.drop()
        raise Unprocessable(code, words, field="file")


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True
