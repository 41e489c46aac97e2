"""Where the lines of a batch come from: EUIs in a file, CSRs in a zip or one by one, or gateways chosen here."""

import io
import zipfile
import zlib
from collections.abc import Iterator

from certificates.services.batches import MAX_LINES, Entry
from core.errors import Refused
from pki.errors import PkiError
from pki.pem import read_blocks

MAX_CSR_BYTES = 64 * 1024
ZIP = b"PK\x03\x04"


def euis(content: bytes) -> list[Entry]:
    """One EUI on each line, or in the first column of a CSV file; what follows a # is ignored."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    cells = (_first_cell(line) for line in text.splitlines())
    found = [Entry(cell) for cell in cells if cell]
    return found[1:] if found and found[0].text.lower() in ("eui", "gateway_eui", "gateway eui", "eui64") else found


def csrs(content: bytes) -> list[Entry]:
    """The files of a zip, or the PEM blocks of one file, each a CSR."""
    if content.startswith(ZIP):
        return list(_from_zip(content))
    try:
        blocks = list(read_blocks(content))
    except PkiError as error:
        raise Refused(error.code, f"The file {error.message}.", field="file") from error
    if not blocks:
        raise Refused("no-csr", "There is no CSR in it. Choose a zip of CSRs, or a file with PEM blocks.", field="file")
    return [Entry(f"block {number}", block.der) for number, block in enumerate(blocks, 1)]


def _first_cell(line: str) -> str:
    return line.partition("#")[0].replace(";", ",").partition(",")[0].strip().strip('"').strip()


def _from_zip(content: bytes) -> Iterator[Entry]:
    """Nothing is believed that the zip says of itself: each file is read up to its bound."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [each for each in archive.infolist() if not each.is_dir()]
            if len(names) > MAX_LINES:
                raise Refused("batch-too-large", f"A batch has at most {MAX_LINES:,} lines. Split it.", field="file")
            for each in names:
                with archive.open(each) as file:
                    yield Entry(each.filename, file.read(MAX_CSR_BYTES))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError, zlib.error) as error:
        raise Refused("zip-unreadable", "This zip cannot be read: it is damaged or encrypted.", field="file") from error
