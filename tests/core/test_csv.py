"""CSV out: whatever somebody wrote, nothing runs in a spreadsheet and nothing breaks a line."""

import csv as python_csv
from io import StringIO

import pytest

from core import csv


def written(rows: list[list[object]]) -> list[list[str]]:
    return list(python_csv.reader(StringIO("".join(csv.lines(["a", "b"], rows)))))[1:]


@pytest.mark.parametrize("start", csv.RUNS)
@pytest.mark.parametrize("rest", ["1+1", ',"x"', "", " y, z"])
def test_what_would_run_is_made_harmless_wherever_it_stands(start: str, rest: str) -> None:
    """The block is looked at as a whole first: fails where that look misses what the cell's own would find."""
    cell = f"{start}{rest}"
    usual: list[object] = ["mast, north", 'he said "x"']
    shapes: list[list[list[object]]] = [[[cell, "x"]], [["x", cell]], [usual] * 7 + [["x", cell]] + [usual] * 7]
    for rows in shapes:
        found = [text for row in written(rows) for text in row]
        assert csv.harmless(cell) in found
        assert not [text for text in found if text.startswith(csv.RUNS)]


@pytest.mark.parametrize("cell", ["a\u202eb", "a\x1bb", "a\nb", "a\rb", "a\x00b"])
def test_what_cannot_be_seen_is_made_visible(cell: str) -> None:
    assert written([["x", cell]]) == [["x", csv.harmless(cell)]]


def test_what_is_usual_stays_as_it_is() -> None:
    usual: list[list[object]] = [["Mølle silo, east", 'a "b"'], ["", None], [7, "x-y"]]
    assert written(usual) == [["Mølle silo, east", 'a "b"'], ["", ""], ["7", "x-y"]]


def test_blocks_lose_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "BLOCK", 3)
    assert [row[0] for row in written([[number, "="] for number in range(10)])] == [str(n) for n in range(10)]
