"""CSV that a spreadsheet shows as what it is: no cell is run as a formula, and a re-import reads the same text."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse

# what spreadsheets take for the start of a formula (the last four are the full-width forms)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
QUOTE = "'"


class _Echo:
    """A file whose `write` hands the line back, so that rows are sent as they are made."""

    def write(self, line: str) -> str:
        return line


def safe_cell(value: Any) -> Any:
    """Return `value` so that no spreadsheet computes it. Numbers stay numbers."""
    if value is None or isinstance(value, int | float):
        return value
    text = str(value).replace("\0", "")
    return QUOTE + text if text.startswith((*FORMULA, QUOTE)) else text


def plain_cell(text: str) -> str:
    """Return what `safe_cell` was given: for imports."""
    return text[1:] if text.startswith(QUOTE) and text[1:].startswith((*FORMULA, QUOTE)) else text


def csv_response(file_name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """Stream `rows` as a download, however many they are."""
    response = StreamingHttpResponse(_lines(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def _lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([safe_cell(value) for value in row])
