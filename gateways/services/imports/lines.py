"""What one line says about a gateway, or what is wrong with it. Values in, values out."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateways.services.imports.columns import EUI, LEAF, MODEL, NAME, NOTES, SEEN, TAGS, Columns
from gateways.services.sightings import OLDEST, SKEW
from pki.eui import InvalidEui, read_eui

LONGEST = {NAME: 120, MODEL: 80, NOTES: 4000}
LONGEST_TAG, MOST_TAGS = 40, 20
# what most files have is told from the rest at a fifth of the price
_PLAIN = re.compile(r"[0-9A-Fa-f]{16}").fullmatch
_PAIRS = re.compile(r"[0-9A-Fa-f]{2}([-:])(?:[0-9A-Fa-f]{2}\1){6}[0-9A-Fa-f]{2}").fullmatch
_HASH = re.compile(r"[0-9a-f]{64}").fullmatch
_EPOCH = re.compile(r"[0-9]{10}(?:[0-9]{3})?").fullmatch
_BETWEEN_TAGS = re.compile(r"[,;|]")
NOTHING = "0" * 16


class Line(NamedTuple):
    """An empty text is one that the file does not say."""

    eui: str
    name: str = ""
    model: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    seen: datetime | None = None
    leaf: str = ""


class Problem(NamedTuple):
    """Why a line is left out; `field` is one of `columns.FIELDS`."""

    field: str
    words: str

    def __str__(self) -> str:
        return f"{self.field}: {self.words}"


class _Wrong(Exception):
    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.problem = Problem(field, words)


def line_reader(columns: Columns, *, reads_macs: bool, now: datetime) -> Callable[[Sequence[str]], Line | Problem]:
    """What reads the cells of one line. With `reads_macs`, FFFE is put into the middle of MAC addresses."""
    eui_at = columns[EUI]
    others = [(field, place) for field, place in columns.items() if field != EUI]
    readers = {
        NAME: lambda text: _text(NAME, text),
        MODEL: lambda text: _text(MODEL, text),
        NOTES: _notes,
        TAGS: _tags,
        SEEN: lambda text: _seen(text, now),
        LEAF: _leaf,
    }

    def read(cells: Sequence[str]) -> Line | Problem:
        try:
            eui = _eui(cells[eui_at] if eui_at < len(cells) else "", reads_macs=reads_macs)
            filled = [(field, cells[place]) for field, place in others if place < len(cells) and cells[place].strip()]
            said: dict[str, Any] = {field: readers[field](cell) for field, cell in filled}
            return Line(eui, **said)
        except _Wrong as wrong:
            return wrong.problem

    return read


def _eui(text: str, *, reads_macs: bool) -> str:
    plain = text.replace(found[1], "") if (found := _PAIRS(text)) else text
    if _PLAIN(plain) and plain != NOTHING:
        return plain.upper()
    try:
        reading = read_eui(text)
    except InvalidEui as error:
        raise _Wrong(EUI, error.message) from None
    if reading.question and not reads_macs:
        words = f"This is a MAC address. Write all 16 digits, such as {reading.eui}, or say that FFFE belongs into it."
        raise _Wrong(EUI, words)
    return reading.eui


def _text(field: str, text: str) -> str:
    """One line of text, as people read it: blanks of any kind are blanks."""
    plain = " ".join(text.split())
    if not plain.isprintable():
        raise _Wrong(field, "There is a character in it that cannot be seen. Type it by hand.")
    if len(plain) > LONGEST[field]:
        raise _Wrong(field, f"It has {len(plain)} characters, at most {LONGEST[field]} fit.")
    return plain


def _notes(text: str) -> str:
    return "\n".join(filter(None, (_text(NOTES, line) for line in text[:5000].splitlines())))[: LONGEST[NOTES]]


def _tags(text: str) -> tuple[str, ...]:
    plain = (" ".join(each.split()) for each in _BETWEEN_TAGS.split(text))
    found = sorted({each.lower(): each for each in plain if each}.values())  # one tag, whatever its case
    if len(found) > MOST_TAGS:
        raise _Wrong(TAGS, f"There are {len(found)} of them, at most {MOST_TAGS} fit.")
    for each in found:
        if len(each) > LONGEST_TAG or not each.isprintable():
            raise _Wrong(TAGS, f"A tag has at most {LONGEST_TAG} characters that can be seen.")
    return tuple(found)


def _seen(text: str, now: datetime) -> datetime | None:
    instant = _instant(text.strip())
    if instant is None:
        words = "This is no instant. Write it like 2026-05-26T14:00:00Z; without a time zone it is UTC."
        raise _Wrong(SEEN, words)
    if instant > now + SKEW:
        raise _Wrong(SEEN, "This lies in the future.")
    return instant if instant >= OLDEST else None  # what is before it stands for “never” in many systems


def _instant(text: str) -> datetime | None:
    try:
        if _EPOCH(text):
            return datetime.fromtimestamp(int(text[:10]), UTC)
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _leaf(text: str) -> str:
    plain = re.sub(r"[\s:]", "", text).lower()
    if plain and not _HASH(plain):
        raise _Wrong(LEAF, "This is no SHA-256: 64 hex digits.")
    return plain
