"""A strict reader of DER (X.690), as strict as the one that Go reads certificates with.

Follows golang.org/x/crypto/cryptobyte/asn1.go element by element: only low tag numbers, shortest lengths, shortest
integers. What follows the last element that a caller asks for is the caller's affair.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_IDENTIFIER = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31

Oid = tuple[int, ...]


class MalformedDer(ValueError):
    """Bytes that are not the DER that was expected."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag octet, all its bytes, and its content alone."""

    tag: int
    full: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class BitString:
    """The octets of a BIT STRING and how many bits at the end do not count (0 to 7)."""

    octets: bytes
    unused_bits: int

    def bit(self, index: int) -> bool:
        """Bit `index`, counted from the most significant one; bits that are not there are 0."""
        if index >= len(self.octets) * 8 - self.unused_bits:
            return False
        return bool(self.octets[index // 8] & (0x80 >> index % 8))

    def right_aligned(self) -> bytes:
        """The octets with the unused bits moved to the front (Go's `BitString.RightAlign`)."""
        if not self.unused_bits:
            return self.octets
        return (int.from_bytes(self.octets, "big") >> self.unused_bits).to_bytes(len(self.octets), "big")


class DerReader:
    """Reads the elements of `data` one after the other. Every method raises `MalformedDer`."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_empty(self) -> bool:
        return self._at >= len(self._data)

    def next_is(self, tag: int) -> bool:
        return not self.is_empty and self._data[self._at] == tag

    def read_any(self) -> Element:
        """The next element, whatever its tag (cryptobyte `readASN1`)."""
        header, length = self._read_header()
        end = self._at + header + length
        if end > len(self._data):
            raise MalformedDer("element is longer than what holds it")
        full = self._data[self._at : end]
        self._at = end
        return Element(full[0], full, full[header:])

    def read_element(self, tag: int) -> Element:
        element = self.read_any()
        if element.tag != tag:
            raise MalformedDer(f"expected tag {tag:#04x}, found {element.tag:#04x}")
        return element

    def read(self, tag: int) -> bytes:
        """The content of the next element, which must carry `tag`."""
        return self.read_element(tag).content

    def enter(self, tag: int = SEQUENCE) -> "DerReader":
        return DerReader(self.read(tag))

    def read_optional(self, tag: int) -> bytes | None:
        return self.read(tag) if self.next_is(tag) else None

    def read_boolean(self) -> bool:
        content = self.read(BOOLEAN)
        if content not in (b"\x00", b"\xff"):
            raise MalformedDer("BOOLEAN is neither 00 nor FF")
        return content == b"\xff"

    def read_integer(self, tag: int = INTEGER) -> int:
        """An INTEGER of any size."""
        content = self.read(tag)
        if not content or (len(content) > 1 and (content[0], content[1] >> 7) in ((0, 0), (0xFF, 1))):
            raise MalformedDer("INTEGER is not encoded in the fewest octets")
        return int.from_bytes(content, "big", signed=True)

    def read_int64(self, tag: int = INTEGER) -> int:
        """An INTEGER that fits into 64 bits with a sign."""
        value = self.read_integer(tag)
        if not -(2**63) <= value < 2**63:
            raise MalformedDer("INTEGER does not fit into 64 bits")
        return value

    def read_oid(self) -> Oid:
        """An OBJECT IDENTIFIER whose components fit into 31 bits."""
        first, *rest = _read_components(self.read(OBJECT_IDENTIFIER))
        head = divmod(first, 40) if first < 80 else (2, first - 80)
        return (*head, *rest)

    def read_bit_string(self) -> BitString:
        content = self.read(BIT_STRING)
        if not content:
            raise MalformedDer("BIT STRING is empty")
        unused, octets = content[0], content[1:]
        if unused > 7 or (unused and not octets) or (octets and octets[-1] & ((1 << unused) - 1)):
            raise MalformedDer("BIT STRING has wrong padding")
        return BitString(octets, unused)

    def read_time(self) -> datetime:
        """A UTCTime or GeneralizedTime as an aware UTC datetime (RFC 5280 section 4.1.2.5)."""
        if self.next_is(UTC_TIME):
            return _utc_time(self.read(UTC_TIME))
        return _generalized_time(self.read(GENERALIZED_TIME))

    def _read_header(self) -> tuple[int, int]:
        head = self._data[self._at : self._at + 6]
        if len(head) < 2 or head[0] & 0x1F == 0x1F:
            raise MalformedDer("no element with a low tag number")
        if head[1] < 0x80:
            return 2, head[1]
        size = head[1] & 0x7F
        octets = head[2 : 2 + size]
        if not 1 <= size <= 4 or len(octets) < size:
            raise MalformedDer("length is indefinite, cut off or absurd")
        length = int.from_bytes(octets, "big")
        if length < 128 or octets[0] == 0:
            raise MalformedDer("length is not encoded in the fewest octets")
        return 2 + size, length


def _read_components(content: bytes) -> list[int]:
    """The base-128 integers of an OBJECT IDENTIFIER (X.690 section 8.19.2)."""
    if not content or content[-1] & 0x80:
        raise MalformedDer("OBJECT IDENTIFIER is empty or cut off")
    components, value, starts = [], 0, True
    for octet in content:
        if starts and octet == 0x80:
            raise MalformedDer("OBJECT IDENTIFIER is not encoded in the fewest octets")
        value = value << 7 | octet & 0x7F
        if value >= 2**31:
            raise MalformedDer("OBJECT IDENTIFIER has a component of more than 31 bits")
        starts = not octet & 0x80
        if starts:
            components.append(value)
            value = 0
    return components


def _utc_time(content: bytes) -> datetime:
    """Seconds may be missing and an offset may stand for Z, as Go allows. Years 50 to 99 are 1950 to 1999."""
    match = re.fullmatch(rb"(\d{2})(\d{8})(\d{2})?(Z|[+-]\d{4})", content, re.ASCII)
    if not match:
        raise MalformedDer("malformed UTCTime")
    year = int(match[1])
    return _instant(year + (1900 if year >= 50 else 2000), match[2] + (match[3] or b"00"), match[4])


def _generalized_time(content: bytes) -> datetime:
    match = re.fullmatch(rb"(\d{4})(\d{10})(Z|[+-]\d{4})", content, re.ASCII)
    if not match:
        raise MalformedDer("malformed GeneralizedTime")
    return _instant(int(match[1]), match[2], match[3])


def _instant(year: int, rest: bytes, zone: bytes) -> datetime:
    month, day, hour, minute, second = (int(rest[at : at + 2]) for at in range(0, 10, 2))
    try:
        local = datetime(max(year, 1), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise MalformedDer("no such instant") from error
    try:
        return local - _offset(zone)
    except OverflowError:
        return local  # a few hours at either end of the calendar change no verdict


def _offset(zone: bytes) -> timedelta:
    if zone == b"Z":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[3:5])
    if hours > 24 or minutes > 59 or not (hours or minutes):
        raise MalformedDer("malformed offset from UTC")
    return timedelta(hours=hours, minutes=minutes) * (1 if zone[:1] == b"+" else -1)
