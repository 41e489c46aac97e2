"""CSV out: cells that a spreadsheet would run as a formula are made harmless (OWASP, CSV injection)."""

import csv
from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse

from core.logs import one_line

RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last: full-width forms


class _Echo:
    def write(self, line: str) -> str:
        return line


def harmless(cell: object) -> str:
    """A cell as text on one line; `'` before what a spreadsheet would run. `restored` takes it away again."""
    text = "" if cell is None else str(cell)
    return one_line(f"'{text}" if text.startswith((*RUNS, "'")) else text)


def restored(cell: str) -> str:
    """The text that `harmless` was given, as far as it had printable characters only."""
    return cell.removeprefix("'")


def lines(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The lines of a file with a head."""
    writer = csv.writer(_Echo())
    yield writer.writerow(list(columns))
    for row in rows:
        yield writer.writerow([harmless(cell) for cell in row])


def attachment(name: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> StreamingHttpResponse:
    """Stream a file for download; nothing of it is held in memory."""
    response = StreamingHttpResponse(lines(columns, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
