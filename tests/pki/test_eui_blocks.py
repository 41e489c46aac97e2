"""Blocks of EUIs, in the ways that people write them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.eui_blocks import InvalidBlock, made_of_macs, read_block


@pytest.mark.parametrize(
    ("text", "first", "last", "bits"),
    [
        ("58A0CB", "58A0CB0000000000", "58A0CBFFFFFFFFFF", 24),
        ("58-a0-cb", "58A0CB0000000000", "58A0CBFFFFFFFFFF", 24),
        (" 58:A0:CB/24 ", "58A0CB0000000000", "58A0CBFFFFFFFFFF", 24),
        ("58A0CB0000000000/24", "58A0CB0000000000", "58A0CBFFFFFFFFFF", 24),
        ("58A0CB1", "58A0CB1000000000", "58A0CB1FFFFFFFFF", 28),
        ("70B3D5F21", "70B3D5F210000000", "70B3D5F21FFFFFFF", 36),
        ("70B3D5/23", None, None, None),
        ("70B3D4/23", "70B3D40000000000", "70B3D5FFFFFFFFFF", 23),
        ("0123456789abcdef/64", "0123456789ABCDEF", "0123456789ABCDEF", 64),
    ],
)
def test_a_block_is_understood_as_people_write_it(text: str, first: str | None, last: str, bits: int) -> None:
    if first is None:
        with pytest.raises(InvalidBlock, match="beyond 23 bits"):
            read_block(text)
        return
    block = read_block(text)
    assert (block.first, block.last, block.bits) == (first, last, bits)


@pytest.mark.parametrize("text", ["", "5", "58A0CG", "58A0CB/", "58A0CB/65", "58/7", "/24", "58A0CB/24/24", "5" * 17])
def test_what_is_no_block_is_refused_with_a_way_on(text: str) -> None:
    with pytest.raises(InvalidBlock):
        read_block(text)


@given(st.integers(0, 2**64 - 1), st.integers(8, 64))
def test_a_block_reads_back_and_has_as_many_euis_as_its_bits_leave(value: int, bits: int) -> None:
    first = value >> (64 - bits) << (64 - bits)
    block = read_block(f"{first:016X}/{bits}")
    assert int(block.last, 16) - int(block.first, 16) + 1 == 1 << (64 - bits)
    assert read_block(str(block)) == block


@given(st.text())
def test_any_text_gives_a_block_or_a_refusal(text: str) -> None:
    with suppress(InvalidBlock):
        assert read_block(text).bits >= 8


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        ("58A0CB1", "58A0CBFFFE1/44"),
        ("70B3D5F21", "70B3D5FFFEF21/52"),
        ("58A0CB", None),
        ("58A0CB0000000000/64", None),
    ],
)
def test_euis_made_of_mac_addresses_begin_with_other_bits(text: str, twin: str | None) -> None:
    """A MAC of 58A0CB1 is 58A0CB123456, and its EUI 58A0CBFFFE123456."""
    found = made_of_macs(read_block(text))
    assert (str(found) if found else None) == twin
