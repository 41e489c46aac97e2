"""Blocks of EUI-64s: all that begin with the same bits, as the IEEE assigns them (MA-L 24, MA-M 28, MA-S 36 bits).

A gateway's EUI is often its MAC-48 with FFFE in the middle. For a block of 24 bits that changes nothing; from a longer
one, such EUIs begin with other bits than the block, which `made_of_macs` tells: 58A0CB1 becomes 58A0CBFFFE1.
"""

import re
from dataclasses import dataclass

from pki.errors import PkiError

SMALLEST, LARGEST = 64, 8  # bits
OUI_BITS = 24
_MAC_FILL = 0xFFFE
_TEXT = re.compile(r"([0-9A-F]{2,16})(?:/([0-9]{1,2}))?")


@dataclass(frozen=True, slots=True)
class Block:
    """`first` and `last` are canonical EUIs, 16 upper-case hex digits; `bits` is how many they have in common."""

    first: str
    last: str
    bits: int

    def __str__(self) -> str:
        return f"{self.first[: -(-self.bits // 4)]}/{self.bits}"


class InvalidBlock(PkiError):
    """Text that names no block of EUIs; the message says why and what is needed."""


def read_block(text: str) -> Block:
    """Understand `text`: the digits that all EUIs of the block begin with ("58-A0-CB", "70B3D5F21"), or digits and a
    number of bits ("58A0CB/24", "0123456789abcdef/60"). Raises `InvalidBlock`."""
    found = _TEXT.fullmatch(re.sub(r"[-:. ]", "", text.strip()).upper())
    if found is None:
        message = "Write the digits that its EUIs begin with, such as 58-A0-CB, or with the bits: 58A0CB/24."
        raise InvalidBlock("block-not-understood", message)
    digits, bits = found[1], int(found[2] or 4 * len(found[1]))
    if not LARGEST <= bits <= SMALLEST:
        raise InvalidBlock("block-size", f"A block has {LARGEST} to {SMALLEST} bits in common, this has {bits}.")
    value = int(digits.ljust(16, "0"), 16)
    block = _block(value, bits)
    if int(block.first, 16) != value:
        raise InvalidBlock("block-too-long", f"These digits go on beyond {bits} bits. Leave out either.")
    return block


def made_of_macs(block: Block) -> Block | None:
    """The EUIs that are made of MAC addresses of the same assignment; None where those lie in `block` itself, or where
    the assignment is too small to have any."""
    if not OUI_BITS < block.bits <= SMALLEST - 16:
        return None
    value = int(block.first, 16)
    rest = value >> 16 & (1 << 24) - 1  # what stands between the OUI and the last two octets
    return _block(value >> 40 << 40 | _MAC_FILL << 24 | rest, block.bits + 16)


def _block(value: int, bits: int) -> Block:
    span = 1 << 64 - bits
    first = value // span * span
    return Block(f"{first:016X}", f"{first + span - 1:016X}", bits)
