"""How files are read: any usual table, and nothing that breaks the reader."""

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from gateways.services.imports.columns import guess, sample_of
from gateways.services.imports.lines import Line, Problem, line_reader
from gateways.services.imports.tables import Table, open_table, restored

NOW = datetime(2026, 11, 21, tzinfo=UTC)
EUI = "58A0CBFFFE8011D4"


def table(content: str | bytes, kind: str = "csv", encoding: str = "utf-8-sig") -> Table:
    raw = content.encode() if isinstance(content, str) else content
    return open_table(io.BufferedReader(io.BytesIO(raw)), kind, encoding)


def columns_of(content: str, kind: str = "csv") -> dict[str, str]:
    """The name of the column that each field was guessed to be."""
    found = table(content, kind)
    return {field: found.columns[place] for field, place in guess(found.columns, sample_of(found)).items()}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_usual_tables_are_understood(separator: str, end: str, mark: str) -> None:
    text = mark + end.join([f"EUI{separator}Name", f'{EUI}{separator}"Mast{separator} north"', ""])
    found = table(text)
    assert list(found.columns) == ["EUI", "Name"]
    assert [(number, list(cells)) for number, cells in found.rows] == [(2, [EUI, f"Mast{separator} north"])]


def test_lines_are_counted_as_an_editor_does() -> None:
    rows = list(table('eui,notes\n\nA,"two\nlines"\nB,x\n').rows)
    assert [number for number, _ in rows] == [3, 5]


def test_the_first_line_of_excel_names_the_separator() -> None:
    found = table(f"sep=;\neui;name\n{EUI};a,b\n")
    assert [(number, list(cells)) for number, cells in found.rows] == [(3, [EUI, "a,b"])]


def test_a_file_without_a_head_has_numbered_columns() -> None:
    found = table(f"{EUI},Mast\n")
    assert (list(found.columns), [list(cells) for _, cells in found.rows]) == (
        ["Column 1", "Column 2"],
        [[EUI, "Mast"]],
    )


@pytest.mark.parametrize(
    ("head", "row", "fields"),
    [
        ("eui,name", f"{EUI},x", {"eui": "eui", "name": "name"}),
        ("Gateway EUI;Label;Tags", f"{EUI};x;y", {"eui": "Gateway EUI", "name": "Label", "tags": "Tags"}),
        ("gateway_id,gateway_eui", f"eui-1,{EUI}", {"eui": "gateway_eui", "name": "gateway_id"}),
        ("gateway_id,name", f"{EUI.lower()},x", {"eui": "gateway_id", "name": "name"}),
        ("serial,station", f"7,{EUI}", {"eui": "station"}),
        ("a,b", f"x,{EUI}", {"eui": "b"}),
        ("MAC address,Model", "58:A0:CB:80:11:D4,T", {"eui": "MAC address", "model": "Model"}),
    ],
)
def test_columns_are_guessed(head: str, row: str, fields: dict[str, str]) -> None:
    assert columns_of(f"{head}\n{row}\n") == fields


OF_TTS = {
    "ids": {"gateway_id": "eui-58a0cbfffe8011d4", "eui": EUI},
    "created_at": "2026-01-02T03:04:05.678901234Z",
    "name": "Kvitfjell mast",
    "description": "On the roof",
    "attributes": {"site": "7"},
    "version_ids": {"brand_id": "kerlink", "model_id": "istation", "hardware_version": "1.0"},
    "antennas": [{"gain": 3}],
    "status_public": True,
}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([OF_TTS, OF_TTS], indent=2),
        "\n".join([json.dumps(OF_TTS)] * 2),
        json.dumps(OF_TTS, indent=2) * 2,
        json.dumps({"gateways": [OF_TTS, OF_TTS]}),
    ],
    ids=["an array", "lines", "one behind the other", "as the HTTP API answers"],
)
def test_the_export_of_the_things_stack_is_understood(text: str) -> None:
    assert columns_of(text, "json") == {
        "eui": "ids.eui",
        "name": "name",
        "model": "version_ids.model_id",
        "notes": "description",
    }
    rows = list(table(text, "json").rows)
    assert [number for number, _ in rows] == [1, 2]
    assert EUI in rows[0][1]


def test_half_a_character_in_json_can_be_shown() -> None:
    """A lone surrogate cannot be encoded: the page of the import answered 500 until it expired."""
    [(_, cells)] = table('[{"eui": "58A0CBFFFE8011D4", "name": "\\ud800 mast"}]', "json").rows
    assert "? mast" in cells


def test_json_of_any_length_is_read_as_it_flows() -> None:
    text = json.dumps([{"eui": f"58A0CBFFFE{number:06X}", "name": "x" * 300} for number in range(3000)])
    assert sum(1 for _ in table(text, "json").rows) == 3000


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 10_000, '["x"]', '[{"a": 1', '{"eui": 1' + "0" * 9000 + "]", "{}}"]
)
def test_json_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        list(table(text, "json").rows)


def test_a_quote_that_stays_open_is_refused() -> None:
    with pytest.raises(Refused, match="is a quote open"):
        list(table('eui,name\nA,"' + "x" * 200_000).rows)


@given(st.binary(max_size=400), st.sampled_from(["csv", "json"]), st.sampled_from(["utf-8-sig", "cp1252"]))
def test_the_reader_answers_or_refuses(content: bytes, kind: str, encoding: str) -> None:
    """Whatever comes, nothing but rows or a refusal leaves it."""
    try:
        found = table(content, kind, encoding)
        sample = sample_of(found)
        columns = guess(found.columns, sample)
    except Refused:
        return
    assert len(set(columns.values())) == len(columns)
    if "eui" in columns:
        read = line_reader(columns, reads_macs=True, now=NOW)
        assert all(isinstance(read(cells), Line | Problem) for cells in sample)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r\n"), max_size=40)


@given(TEXT, TEXT, TEXT)
def test_a_line_is_read_or_said_to_be_wrong(eui: str, name: str, seen: str) -> None:
    read = line_reader({"eui": 0, "name": 1, "seen": 2, "tags": 1, "notes": 1, "leaf": 2}, reads_macs=True, now=NOW)
    said = read([eui, name, seen])
    assert isinstance(said, Problem) or (len(said.eui) == 16 and said.name.isprintable())


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=30))
def test_what_an_export_made_harmless_is_itself_again(name: str) -> None:
    """Row 13. Our exports put a ' before what a spreadsheet would run."""
    runs = name.startswith(("=", "+", "-", "@", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert restored(f"'{name}" if runs else name) == name


@pytest.mark.parametrize(
    ("text", "eui"),
    [
        ("58a0cbfffe8011d4", EUI),
        ("58-A0-CB-FF-FE-80-11-D4", EUI),
        ("58:a0:cb:ff:fe:80:11:d4", EUI),
        ("58a0:cbff:fe80:11d4", EUI),
        ("::1", "0000000000000001"),
        (f"eui-{EUI.lower()}", EUI),
        ("58:A0:CB:80:11:D4", EUI),
        (f" {EUI} ", EUI),
    ],
)
def test_every_notation_of_an_eui_is_read(text: str, eui: str) -> None:
    assert line_reader({"eui": 0}, reads_macs=True, now=NOW)([text]) == Line(eui)


@pytest.mark.parametrize(
    "text", ["", "0" * 16, "00-00-00-00-00-00-00-00", "58A0CBFFFE8011D", "58A0CBFFFE8011DG", "58-A0CBFFFE8011D4"]
)
def test_what_is_no_eui_is_said(text: str) -> None:
    assert isinstance(line_reader({"eui": 0}, reads_macs=True, now=NOW)([text]), Problem)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-05-26T14:00:00Z", datetime(2026, 5, 26, 14, tzinfo=UTC)),
        ("2026-05-26T16:00:00+02:00", datetime(2026, 5, 26, 14, tzinfo=UTC)),
        ("2026-05-26 14:00", datetime(2026, 5, 26, 14, tzinfo=UTC)),
        ("2026-05-26T14:00:00.123456789Z", datetime(2026, 5, 26, 14, 0, 0, 123456, tzinfo=UTC)),
        ("1779804000", datetime.fromtimestamp(1779804000, UTC)),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_instants_are_read(text: str, instant: datetime | None) -> None:
    assert line_reader({"eui": 0, "seen": 1}, reads_macs=False, now=NOW)([EUI, text]) == Line(EUI, seen=instant)


@pytest.mark.parametrize("text", ["yesterday", "2027-01-01", "26/05/2026"])
def test_what_is_no_instant_or_lies_ahead_is_said(text: str) -> None:
    said = line_reader({"eui": 0, "seen": 1}, reads_macs=False, now=NOW)([EUI, text])
    assert isinstance(said, Problem)
    assert said.field == "seen"


def test_windows_text_is_understood() -> None:
    found = table(f"eui,name\n{EUI},Møre\n".encode("cp1252"), encoding="cp1252")
    assert [cells[1] for _, cells in found.rows] == ["Møre"]
