"""Go's encoding/pem and `CertPool.AppendCertsFromPEM`, which decide what a bundle really holds.

Sources: encoding/pem/pem.go and crypto/x509/cert_pool.go. A block with headers is skipped; a bad block is dropped
without a word; two files joined without a newline lose the blocks on both sides; a byte order mark loses the first.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pki.go.release import Go

_START = b"-----BEGIN "
_END = b"\n-----END "
_DASHES = b"-----"
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


@dataclass(frozen=True, slots=True)
class Block:
    """One PEM block: its type, whether it had headers, and the decoded bytes."""

    type: str
    has_headers: bool
    content: bytes


def decode_all(data: bytes, go: Go = Go.NEWEST) -> Iterator[Block]:
    """Yield what repeated `pem.Decode` returns."""
    decoder = _NewestDecoder(data) if go is Go.NEWEST else _OldestDecoder(data)
    while block := decoder.next_block():
        yield block


class _Decoder:
    """A position in the data and what both releases share. Positions are absolute, where Go cuts slices."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def next_block(self) -> Block | None:
        raise NotImplementedError

    def _line(self, start: int) -> tuple[bytes, int]:
        """The line at `start` without trailing blanks, and where the next one starts (`getLine`)."""
        newline = self.data.find(b"\n", start)
        if newline < 0:
            return self.data[start:].rstrip(b" \t"), len(self.data)
        end = newline - 1 if newline > start and self.data[newline - 1 : newline] == b"\r" else newline
        return self.data[start:end].rstrip(b" \t"), newline + 1

    def _skip_headers(self, start: int) -> tuple[bool, int] | None:
        """Whether there are header lines, and where they end. None when the data ends first."""
        at, found = start, False
        while at < len(self.data):
            line, after = self._line(at)
            if b":" not in line:
                return found, at
            at, found = after, True
        return None

    def _ends_with(self, type_line: bytes, trailer: int) -> bool:
        """Tell whether the END line that names its type at `trailer` names this one, and nothing more."""
        expected = type_line + _DASHES
        if not self.data.startswith(expected, trailer):
            return False
        return self._line(trailer + len(expected))[0] == b""

    def _decode(self, start: int, end: int) -> bytes | None:
        """The decoded base64 of `start` to `end`; line ends count nowhere, padding is needed."""
        compact = self.data[start : max(start, end)].translate(None, b" \t\r\n")
        return binascii.a2b_base64(compact) if _BASE64.fullmatch(compact) else None

    def _close(self, end: int) -> None:
        self.at = self._line(end + len(_END) - 1)[1]


class _NewestDecoder(_Decoder):
    """Go 1.27: finds the first END line, and then the last BEGIN before it."""

    def next_block(self) -> Block | None:
        rest = self.at
        while (end := self.data.find(_END, rest)) >= 0:
            trailer = end + len(_END)
            begin = self.data.rfind(_START, rest, end)
            if begin < 0 or (begin > rest and self.data[begin - 1 : begin] != b"\n"):
                rest = trailer
                continue
            type_line, body = self._line(begin + len(_START))
            if not type_line.endswith(_DASHES):
                rest = trailer
                continue
            headers = self._skip_headers(body)
            if headers is None:
                return None
            has_headers, body = headers
            if has_headers and end < body:
                if trailer < body:
                    return None
                rest = trailer
                continue
            type_line = type_line.removesuffix(_DASHES)
            content = self._decode(body, end) if self._ends_with(type_line, trailer) else None
            if content is None:
                rest = trailer
                continue
            self._close(end)
            return Block(type_line.decode("latin-1"), has_headers, content)
        return None


class _OldestDecoder(_Decoder):
    """Go 1.22: finds the first BEGIN line, and then the first END after it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._known_end = 0

    def next_block(self) -> Block | None:
        rest = self.at
        while (begin := self._find_start(rest)) >= 0:
            type_line, rest = self._line(begin)
            if not type_line.endswith(_DASHES):
                continue
            headers = self._skip_headers(rest)
            if headers is None:
                return None
            has_headers, rest = headers
            end = rest - 1 if not has_headers and self.data.startswith(_END[1:], rest) else self._find_end(rest)
            if end < 0:
                return None
            type_line = type_line.removesuffix(_DASHES)
            content = self._decode(rest, end) if self._ends_with(type_line, end + len(_END)) else None
            if content is None:
                continue
            self._close(end)
            return Block(type_line.decode("latin-1"), has_headers, content)
        return None

    def _find_start(self, rest: int) -> int:
        """Where the type begins: BEGIN counts at the start of what is left, or after a newline."""
        if self.data.startswith(_START, rest):
            return rest + len(_START)
        found = self.data.find(b"\n" + _START, rest)
        return found if found < 0 else found + 1 + len(_START)

    def _find_end(self, rest: int) -> int:
        """The first END at or after `rest`; remembered, so that many BEGINs do not search the same text again."""
        if 0 <= self._known_end < rest:
            self._known_end = self.data.find(_END, rest)
        return self._known_end
