"""CSV out: cells that a spreadsheet would run as a formula are made harmless (OWASP, CSV injection)."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO
from itertools import chain, islice, repeat
from typing import Any

from django.http import StreamingHttpResponse

from core.logs import one_line

RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last: full-width forms
_MARKED = (*RUNS, "'")
_SUSPECT = re.compile(rf'(?:^|,)"?[{re.escape("".join(_MARKED))}]', re.MULTILINE)
BLOCK = 500  # rows that go out together: each piece of a stream costs the server something


def harmless(cell: object) -> str:
    """A cell as text on one line; `'` before what a spreadsheet would run. `restored` takes it away again."""
    text = "" if cell is None else str(cell)
    return one_line(f"'{text}" if text.startswith(_MARKED) else text)


def restored(cell: str) -> str:
    """The text that `harmless` was given, as far as it had printable characters only."""
    return cell.removeprefix("'")


def lines(columns: Iterable[str] | None, rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The lines of a file with a head (None: of a part that has none), some hundreds at a time."""
    if columns is not None:
        yield _written([list(columns)])
    left = iter(rows)
    while block := list(islice(left, BLOCK)):
        text = _written(block)
        # looked at as a whole, which is much faster; only where something stands in it, cell by cell
        yield text if _is_harmless(text) else _written([harmless(cell) for cell in row] for row in block)


def relayed(lines: Iterable[bytes]) -> Iterator[str]:
    """Lines of CSV that a database wrote, one for each row, in the form of `lines`."""
    left = iter(lines)
    while block := list(islice(left, BLOCK)):
        text = b"".join(block).decode()
        whole = text.replace("\n", "\r\n")
        if text.count("\n") == len(block) and _is_harmless(whole):
            yield whole
        else:
            yield _written([harmless(cell) for cell in row] for row in csv.reader(StringIO(text, newline="")))


def of_list(
    columns: Iterable[str],
    parts: Iterator[tuple[Sequence[Any], Any]],
    *,
    in_words: Callable[[Sequence[Any]], Iterable[Iterable[object]]],
    copied: Callable[[Any], Iterable[bytes]],
) -> Iterator[str]:
    """The lines of a whole list, of `keyset.exported`: rows by `in_words`, and the rest as the database writes it. The
    first rows are read here, where a list that takes too long is still answered by a page."""
    begun = [next(parts)]
    heads = chain([columns], repeat(None))
    numbered = zip(heads, chain(begun, parts), strict=False)
    return chain.from_iterable(_of_part(head, in_words(rows), rest, copied) for head, (rows, rest) in numbered)


def _of_part(
    head: Iterable[str] | None, rows: Iterable[Iterable[object]], rest: Any, copied: Callable[[Any], Iterable[bytes]]
) -> Iterator[str]:
    yield from lines(head, rows)
    if rest is not None:
        yield from relayed(copied(rest))


def iso(instant: datetime | None) -> str:
    """An instant in UTC as `bulk.iso` makes the database write it."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if instant else ""


def _is_harmless(text: str) -> bool:
    return text.replace("\r\n", "").isprintable() and not _SUSPECT.search(text)


def _written(rows: Iterable[Iterable[object]]) -> str:
    out = StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def attachment(name: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> StreamingHttpResponse:
    """Stream a file for download; nothing of it is held in memory."""
    return streamed(name, lines(columns, rows))


def streamed(name: str, texts: Iterable[str]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(texts, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
