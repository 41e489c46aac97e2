"""Finds PEM blocks (RFC 7468) the way people really send them, and says which block is bad."""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pki.errors import PkiError

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,40})-----")
_END = re.compile(rb"-----END ([A-Z0-9 #]{1,40})-----")
_ANY_BEGIN = re.compile(
    rb"^[^\w\r\n]{0,20}BEGIN [A-Z0-9 #]{0,20}(?:CERTIFICATE|PKCS|CMS|CRL)|-----BEGIN", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class PemBlock:
    """One block: its `label` ("CERTIFICATE"), the bytes inside, and its place among the blocks, from 1."""

    label: str
    der: bytes
    position: int


def count_begins(content: bytes) -> int:
    """How many blocks `content` claims to have. Cheap: used before anything is parsed."""
    return content.count(b"-----BEGIN")


def read_blocks(content: bytes) -> Iterator[PemBlock]:
    """Read every block of `content`; any line end or none between END and BEGIN, any text around the blocks.

    Raises PkiError `malformed-block` at the first block that is cut off, mislabelled or not base64: a reader
    that skipped it would drop a CA silently, as Go does.
    """
    at, position = 0, 0
    while begin := _BEGIN.search(content, at):
        position += 1
        _require_no_end(content[at : begin.start()], position)
        end = _END.search(content, begin.end())
        body = _body(content, begin, end, position)
        yield PemBlock(begin[1].decode("ascii"), body, position)
        at = end.end() if end else len(content)
    _require_no_end(content[at:], position + 1)
    _require_no_broken_begin(content, position)


def _body(content: bytes, begin: re.Match[bytes], end: re.Match[bytes] | None, position: int) -> bytes:
    body = content[begin.end() : end.start()] if end else b""
    if end is None or b"-----BEGIN" in body:
        raise _malformed(position, "has no END line")
    if begin[1] != end[1]:
        raise _malformed(position, "has BEGIN and END lines that do not belong together")
    try:
        return binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
    except binascii.Error:
        raise _malformed(position, "holds what is not base64") from None


def _require_no_end(between: bytes, position: int) -> None:
    if b"-----END" in between:
        raise _malformed(position, "has an END line without its BEGIN line")


def _require_no_broken_begin(content: bytes, read: int) -> None:
    """Four dashes, lower case or a dash of another kind make a BEGIN line that every reader skips silently."""
    if len(_ANY_BEGIN.findall(content)) > read:
        raise PkiError("malformed-block", "has a mistyped BEGIN line, whose certificate would be lost")


def _malformed(position: int, reason: str) -> PkiError:
    return PkiError("malformed-block", f"{reason} in block {position}")
