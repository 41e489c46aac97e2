"""What people see of a file: its first rows, and its rows with what is wrong with them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from gateways.models import Import
from gateways.services.imports.columns import FIELDS
from gateways.services.imports.tables import open_table
from gateways.services.imports.work_store import Reader, gone

SHOWN = 5  # rows of a preview
LINE, REASON = "Line", "Reason"
Said = tuple[int, str, str]  # the number of the line, the field, and what is wrong with it


@dataclass(frozen=True, slots=True)
class Look:
    """The beginning of a file."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    unit: str


def look_at(made: Import) -> Look:
    if made.file is None:
        raise gone()
    with Reader(made.file).buffered() as raw:
        table = open_table(raw, made.file.kind, made.file.encoding)
        width = len(table.columns)
        rows = [[*cells, *[""] * (width - len(cells))][:width] for _, cells in islice(table.rows, SHOWN)]
        return Look(table.columns, rows, table.unit)


def problems(made: Import) -> Iterator[Said]:
    """What is wrong with which line, in the order of the lines."""
    if made.report is None:
        return
    with Reader(made.report).buffered() as raw:
        for line in raw:
            number, field, words = json.loads(line)
            yield number, FIELDS.get(field, field), words


def report_rows(made: Import, *, everything: bool) -> Iterator[Sequence[str]]:
    """The file again, its columns first, with the line and what is wrong with it behind: mend it, and hand it in again.

    Only the lines that are left out, or every line of it.
    """
    if made.file is None:
        raise gone()
    wrong = problems(made)
    number, reason = _next(wrong)
    with Reader(made.file).buffered() as raw:
        table = open_table(raw, made.file.kind, made.file.encoding)
        width = len(table.columns)
        yield [*table.columns, LINE, REASON]
        for line, cells in table.rows:
            is_wrong = line == number
            if is_wrong or everything:
                yield [*cells, *[""] * (width - len(cells)), str(line), reason if is_wrong else ""]
            if is_wrong:
                number, reason = _next(wrong)
                if not number and not everything:
                    return


def _next(wrong: Iterator[Said]) -> tuple[int, str]:
    number, field, words = next(wrong, (0, "", ""))
    return number, f"{field}: {words}"
