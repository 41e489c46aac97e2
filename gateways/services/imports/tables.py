"""A file as a table: CSV with any of the usual separators, or JSON as The Things Stack writes it. Read as it flows."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from core.csv import RUNS
from core.errors import Unprocessable
from gateways.services.imports.receiving import JSON
from pki.eui import InvalidEui, read_eui

SEPARATORS = ",;\t|"
MOST_COLUMNS = 100
LONGEST_OBJECT = 256 * 1024
AT_ONCE = 64 * 1024
LOOKED_AT = 200  # objects that say which columns there are
DEPTH = 4
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # Excel's first line
_WRAPPED = re.compile(r'\s*\{\s*"(?:gateways|entities|results?)"\s*:\s*\[')  # as the HTTP APIs answer
_BETWEEN = re.compile(r"[\s,\[\]]*")
_BETWEEN_WRAPPED = re.compile(r"[\s,\[\]}]*")
_QUOTED = ("'", *RUNS)  # what stands after a ' that our own exports put there

Row = tuple[int, Sequence[str]]  # the number of its line, or of its object, from 1


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` can be read once; each has at least one cell that is not empty."""

    columns: Sequence[str]
    rows: Iterator[Row]
    unit: str = "line"


def open_table(raw: io.BufferedReader, kind: str, encoding: str) -> Table:
    """Raises Refused, here or while rows are read, where the file is not what it seems."""
    text = io.TextIOWrapper(raw, encoding, errors="replace", newline="")
    return _from_json(text) if kind == JSON else _from_csv(text)


def restored(cell: str) -> str:
    """The cell without the ' that keeps a spreadsheet from running it."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _QUOTED else cell


def _from_csv(text: io.TextIOWrapper) -> Table:
    first = _first_line(text)
    said = _SEP.fullmatch(first)
    start = 2 if said else 1
    if said:
        first = _first_line(text)
    separator = said[1] if said else max(SEPARATORS, key=first.count)
    rows = _lines(chain([first], text), separator, start)
    head = next(rows, None)
    if head is None:
        raise Unprocessable("file-empty", "There is not a single line in the file.", field="file")
    number, cells = head
    if len(cells) > MOST_COLUMNS:
        raise Unprocessable("too-many-columns", f"The file has more than {MOST_COLUMNS} columns.", field="file")
    if any(map(_is_eui, cells)):
        return Table([f"Column {place}" for place in range(1, len(cells) + 1)], chain([(number, cells)], rows))
    return Table([cell.strip()[:80] or f"Column {place}" for place, cell in enumerate(cells, 1)], rows)


def _first_line(text: io.TextIOWrapper) -> str:
    for line in text:
        if line.strip():
            return line
    return ""


def _lines(text: Iterable[str], separator: str, start: int) -> Iterator[Row]:
    reader = csv.reader(text, delimiter=separator)
    before = 0
    try:
        for cells in reader:
            number, before = before + start, reader.line_num
            if any(cells):
                yield number, [restored(cell) if cell[:1] == "'" else cell for cell in cells]
    except csv.Error:
        raise Unprocessable("csv-unreadable", f"Line {before + start} cannot be read: is a quote open?") from None


def _is_eui(text: str) -> bool:
    try:
        return bool(read_eui(text)) and len(text.strip()) >= 12
    except InvalidEui:
        return False


def _from_json(text: io.TextIOWrapper) -> Table:
    objects = _objects(text)
    first = [_flat(each) for each in islice(objects, LOOKED_AT)]
    if not first:
        raise Unprocessable("file-empty", "There is not a single gateway in the file.", field="file")
    columns = list(dict.fromkeys(name for each in first for name in each))[:MOST_COLUMNS]
    flat = chain(first, map(_flat, objects))
    rows = ((number, [each.get(name, "") for name in columns]) for number, each in enumerate(flat, 1))
    return Table(columns, rows, "entry")


def _objects(text: io.TextIOWrapper) -> Iterator[dict[str, Any]]:
    """One after the other: of an array, of lines, or just behind each other."""
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
    buffer = text.read(AT_ONCE)
    wrapped = _WRAPPED.match(buffer)
    between, at = (_BETWEEN_WRAPPED, wrapped.end()) if wrapped else (_BETWEEN, 0)
    while True:
        at = _behind(between, buffer, at)
        try:
            found, at = decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError):
            more = text.read(AT_ONCE)
            if not more and at >= len(buffer):
                return
            if not more or len(buffer) - at > LONGEST_OBJECT:
                raise _unreadable() from None
            buffer, at = buffer[at:] + more, 0
            continue
        if not isinstance(found, dict):
            raise _unreadable()
        yield found


def _behind(between: re.Pattern[str], buffer: str, at: int) -> int:
    found = between.match(buffer, at)
    return found.end() if found else at


def _unreadable() -> Unprocessable:
    words = "This JSON cannot be read: it is an array of gateways, or one gateway on each line."
    return Unprocessable("json-unreadable", words, field="file")


def _flat(each: dict[str, Any], before: str = "", depth: int = 0) -> dict[str, str]:
    """{"ids": {"eui": "…"}} as {"ids.eui": "…"}; a list as its members with commas between them."""
    found: dict[str, str] = {}
    for key, value in each.items():
        name = _whole(f"{before}{key}")[:80]
        if isinstance(value, dict) and depth < DEPTH:
            found |= _flat(value, f"{name}.", depth + 1)
        elif isinstance(value, list):
            found[name] = ", ".join(_whole(member) for member in value if isinstance(member, str))
        elif value is not None and not isinstance(value, dict):
            found[name] = str(value).lower() if isinstance(value, bool) else _whole(str(value))
    return found


def _whole(text: str) -> str:
    """JSON may hold half of a character (a lone surrogate), which no page can show."""
    return text.encode(errors="replace").decode()
