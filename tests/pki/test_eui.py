"""Every notation of an EUI-64 is understood, and nothing else is."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.eui import InvalidEui, Notation, is_canonical, notations, read_eui, to_dashed, to_id6

EUI = "B827EBFFFE123456"
euis = st.integers(1, 2**64 - 1).map(lambda number: f"{number:016X}")


@pytest.mark.parametrize(
    ("text", "notation"),
    [
        (EUI, Notation.PLAIN),
        (EUI.lower(), Notation.PLAIN),
        (f"  {EUI}\n", Notation.PLAIN),
        ("b8-27-eb-ff-fe-12-34-56", Notation.SEPARATED),
        ("B8:27:EB:FF:FE:12:34:56", Notation.SEPARATED),
        ("B8 27 EB FF FE 12 34 56", Notation.SEPARATED),
        ("b827-ebff-fe12-3456", Notation.SEPARATED),
        ("b827:ebff:fe12:3456", Notation.ID6),
        ("eui-b827ebfffe123456", Notation.PREFIXED),
        ("https://ttig.pro/c/b827ebfffe123456/abcdef12", Notation.QR),
    ],
)
def test_it_understands_a_notation(text: str, notation: Notation) -> None:
    reading = read_eui(text)
    assert (reading.eui, reading.notation, reading.question) == (EUI, notation, "")


@pytest.mark.parametrize(
    ("text", "eui"),
    [
        ("::1", "0000000000000001"),
        ("f::1", "000F000000000001"),
        ("1::", "0001000000000000"),
        ("::a:b", "00000000000A000B"),
        ("f:a123:f8:100", "000FA12300F80100"),
        ("0:3:2:0", "0000000300020000"),
    ],
)
def test_it_reads_id6_as_basics_station_does(text: str, eui: str) -> None:
    assert read_eui(text).eui == eui


@pytest.mark.parametrize(
    "text",
    [
        "58A0CB123456",
        "58:a0:cb:12:34:56",
        "58-A0-CB-12-34-56",
        "58 a0 cb 12 34 56",
        "58a0.cb12.3456",
        "58a0:cb12:3456",
    ],
)
def test_it_asks_before_it_inserts_fffe_into_a_mac_address(text: str) -> None:
    reading = read_eui(text)
    assert reading.eui == "58A0CBFFFE123456"
    assert "58A0CBFFFE123456" in reading.question


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "eui-empty"),
        ("   ", "eui-empty"),
        ("B827EBFFFE12345", "eui-length"),
        ("B827EBFFFE1234567", "eui-length"),
        ("0000000000000000", "eui-zero"),
        ("::", "eui-zero"),
        ("12:::34", "eui-bad-id6"),
        (":12:34", "eui-bad-id6"),
        ("1::2::3", "eui-bad-id6"),
        ("12345:1:1:1", "eui-bad-id6"),
        ("B827EBFFFE12345O", "eui-not-hex"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER B}827EBFFFE123456", "eui-not-ascii"),
        ("B827EBFFFE12345\N{FULLWIDTH DIGIT SIX}", "eui-not-ascii"),
        ("\N{CYRILLIC CAPITAL LETTER VE}827EBFFFE123456", "eui-not-ascii"),
        ("B827EBFF\x00FE123456", "eui-not-ascii"),
        ("B8-27:EB-FF-FE-12-34-56", "eui-separators"),
        ("B82-7EBFFFE123456", "eui-uneven"),
        ("http://ttig.pro/c/b827ebfffe123456/abcdef12", "eui-not-hex"),
        ("https://ttig.pro/c/B827EBFFFE123456/abcdef12", "eui-not-hex"),
        ("1" * 100_000, "eui-too-long"),
    ],
)
def test_it_refuses_what_is_no_eui(text: str, code: str) -> None:
    with pytest.raises(InvalidEui) as refused:
        read_eui(text)
    assert refused.value.code == code


def test_it_counts_the_digits_for_the_person() -> None:
    with pytest.raises(InvalidEui, match="has 15 digits, 16 are needed"):
        read_eui("B827EBFFFE12345")


def test_it_recognises_a_letter_that_looks_like_a_digit() -> None:
    with pytest.raises(InvalidEui, match="Did you mean 0"):
        read_eui("B827EBFFFE12345O")


@given(euis)
def test_every_eui_survives_being_written_and_read(eui: str) -> None:
    written = [eui, eui.lower(), to_id6(eui), to_dashed(eui), f"eui-{eui.lower()}"]
    assert {read_eui(text).eui for text in written} == {eui}


@given(euis)
def test_id6_is_written_as_basics_station_writes_it(eui: str) -> None:
    groups = [int(eui[start : start + 4], 16) for start in (0, 4, 8, 12)]
    text = to_id6(eui)
    assert text == text.lower()
    assert ("::" in text) == (groups[:2] == [0, 0] or groups[2:] == [0, 0] or groups[1:3] == [0, 0])


@given(st.text(max_size=60) | st.text("0123456789abcdefABCDEF:-. ", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidEui):
        assert re.fullmatch(r"[0-9A-F]{16}", read_eui(text).eui)


@pytest.mark.parametrize(
    "text",
    [
        EUI.lower(),
        f"{EUI}\n",
        f" {EUI}",
        "\N{FULLWIDTH LATIN CAPITAL LETTER B}827EBFFFE123456",
        "",
        "B827EBFFFE12345",
    ],
)
def test_only_sixteen_upper_case_digits_are_canonical(text: str) -> None:
    assert not is_canonical(text)
    assert is_canonical(EUI)


@given(st.integers(1, 2**64 - 1))
def test_every_notation_that_we_write_is_read_as_the_same_eui(value: int) -> None:
    eui = f"{value:016X}"
    assert {read_eui(text).eui for text in notations(eui).values()} == {eui}


def test_a_mac_address_is_shown_where_the_eui_was_made_of_one() -> None:
    assert notations("58A0CBFFFE123456")["MAC address"] == "58:A0:CB:12:34:56"
    assert "MAC address" not in notations("58A0CB0000123456")
