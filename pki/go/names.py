"""Distinguished names as Go reads them (crypto/x509/parser.go `parseName`, pkix `FillFromRDNSequence`)."""

import string
from collections.abc import Callable
from dataclasses import dataclass

from pki.der import (
    BIT_STRING,
    BOOLEAN,
    GENERALIZED_TIME,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    SET,
    UTC_TIME,
    DerReader,
    Element,
    MalformedDer,
    Oid,
)
from pki.go.release import Go

_COMMON_NAME: Oid = (2, 5, 4, 3)
_ORGANIZATION: Oid = (2, 5, 4, 10)
_UTF8, _NUMERIC, _PRINTABLE, _T61, _IA5, _BMP = 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1E
_SETS = {
    _PRINTABLE: (string.ascii_letters + string.digits + " '()+,-./:=?*&").encode(),
    _NUMERIC: (string.digits + " ").encode(),
}


@dataclass(frozen=True, slots=True)
class GoName:
    """A name: its DER, which is all that is compared, and its text attributes in order."""

    der: bytes
    attributes: tuple[tuple[Oid, str], ...]

    @property
    def common_name(self) -> str:
        """The last common name wins; none is the empty text."""
        return self._last(_COMMON_NAME)

    @property
    def label(self) -> str:
        """What a person knows the name by; may hold any character."""
        return self.common_name or self._last(_ORGANIZATION) or "(no name)"

    def _last(self, wanted: Oid) -> str:
        return next((text for oid, text in reversed(self.attributes) if oid == wanted), "")


def parse_name(der: bytes, go: Go) -> GoName:
    """Read a Name. Raises `MalformedDer` for what this release of Go does not read."""
    sequence = DerReader(der).enter()
    attributes: list[tuple[Oid, str]] = []
    while not sequence.is_empty:
        rdn = sequence.enter(SET)
        while not rdn.is_empty:
            attribute = rdn.enter()
            oid = attribute.read_oid()
            text = _read_value(attribute.read_any(), go)
            if text is not None:
                attributes.append((oid, text))
    return GoName(der, tuple(attributes))


def _read_value(value: Element, go: Go) -> str | None:
    """The text of an attribute, or None where it holds something else, which Go 1.22 refuses."""
    if value.tag in (_UTF8, _NUMERIC, _PRINTABLE, _T61, _IA5, _BMP):
        return _read_text(value, go)
    if go is Go.OLDEST:
        raise MalformedDer("name holds something else than text")
    reader = DerReader(value.full)
    checks: dict[int, Callable[[], object]] = {
        INTEGER: reader.read_int64,
        BIT_STRING: reader.read_bit_string,
        OBJECT_IDENTIFIER: reader.read_oid,
        UTC_TIME: reader.read_time,
        GENERALIZED_TIME: reader.read_time,
        BOOLEAN: reader.read_boolean,
        NULL: reader.read_any,
    }
    checks.get(value.tag, reader.read_any)()
    return None


def _read_text(value: Element, go: Go) -> str:
    content = value.content
    if value.tag == _T61:
        return content.decode("latin-1")
    if value.tag == _BMP:
        return _read_bmp(content, go)
    if content.translate(None, _SETS.get(value.tag, content)):
        raise MalformedDer("text has characters that its type does not have")
    try:
        return content.decode("utf-8" if value.tag == _UTF8 else "ascii")
    except UnicodeDecodeError as error:
        raise MalformedDer("text is not in its encoding") from error


def _read_bmp(content: bytes, go: Go) -> str:
    """UCS-2. Go 1.22 takes surrogates and non-characters for UTF-16."""
    if len(content) % 2:
        raise MalformedDer("BMPString has an odd length")
    text = content.removesuffix(b"\x00\x00").decode(
        "utf-16-be", errors="surrogatepass" if go is Go.NEWEST else "replace"
    )
    if go is Go.NEWEST and any(_is_no_character(ord(each)) for each in text):
        raise MalformedDer("BMPString holds what is no character")
    return text


def _is_no_character(point: int) -> bool:
    return point > 0xFFFD or 0xFDD0 <= point <= 0xFDEF or 0xD800 <= point <= 0xDFFF
