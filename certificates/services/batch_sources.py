"""Where the lines of a batch come from: EUIs in a file, CSRs in a zip or one by one, or gateways chosen here."""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator

from certificates.services.batches import MAX_LINES, Entry
from core.errors import Refused
from pki.errors import PkiError
from pki.intake import require_no_private_key
from pki.pem import read_blocks

MAX_CSR_BYTES = 64 * 1024
MAX_BYTES = 64 * 1024 * 1024  # of all of them: keys and signatures cannot be packed any smaller than the upload may be
ZIP = b"PK\x03\x04"
UNREADABLE = (  # what `zipfile` raises where a zip lies
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, NotImplementedError, RuntimeError, OSError,
    ValueError, EOFError, IndexError,
)  # fmt: skip


def euis(content: bytes) -> list[Entry]:
    """One EUI on each line, or in the first column of a CSV file; what follows a # is ignored. Raises Refused."""
    _refuse_private_key(content)
    text = content.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    cells = (_first_cell(line) for line in text.splitlines())
    found = [Entry(cell) for cell in cells if cell]
    return found[1:] if found and found[0].text.lower() in ("eui", "gateway_eui", "gateway eui", "eui64") else found


def csrs(content: bytes) -> list[Entry]:
    """The files of a zip, or the PEM blocks of one file, each a CSR. Raises Refused, also where one of them holds a
    private key: nothing of such an upload is kept."""
    found = list(_from_zip(content) if content.startswith(ZIP) else _from_pem(content))
    for entry in found:
        _refuse_private_key(entry.csr or b"")
    return found


def _first_cell(line: str) -> str:
    return line.partition("#")[0].replace(";", ",").partition(",")[0].strip().strip('"').strip()


def _refuse_private_key(content: bytes) -> None:
    try:
        require_no_private_key(content)
    except PkiError as error:
        raise Refused(error.code, error.message, field="file") from None


def _from_pem(content: bytes) -> Iterator[Entry]:
    number = 0
    try:
        for number, block in enumerate(read_blocks(content), 1):
            yield Entry(f"block {number}", block.der)
    except PkiError as error:
        raise Refused(error.code, f"The file {error.message}.", field="file") from error
    if not number:
        raise Refused("no-csr", "There is no CSR in it. Choose a zip of CSRs, or a file with PEM blocks.", field="file")


def _from_zip(content: bytes) -> Iterator[Entry]:
    """Nothing is believed that the zip says of itself: each file is read up to its bound."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [each for each in archive.infolist() if not each.is_dir()]
            if len(names) > MAX_LINES:
                raise Refused("batch-too-large", f"A batch has at most {MAX_LINES:,} lines. Split it.", field="file")
            left = MAX_BYTES
            for each in names:
                with archive.open(each) as file:
                    csr = file.read(MAX_CSR_BYTES)
                left -= len(csr)
                if left < 0:
                    raise Refused("zip-too-large", "There is far more in this zip than CSRs. Split it.", field="file")
                yield Entry(each.filename, csr)
    except UNREADABLE as error:
        raise Refused("zip-unreadable", "This zip cannot be read: it is damaged or encrypted.", field="file") from error
