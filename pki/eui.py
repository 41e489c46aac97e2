"""The EUI-64 of a gateway, in every notation that people and gateways write it.

Canonical text is 16 upper-case hex digits: The Things Stack compares a certificate's common name with exactly
that (`pkg/types/eui.go`). ID6 is read and written as Basics Station does (`src/rt.c`, `src/uj.c`).
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from pki.errors import PkiError

_LONGEST = 200
_CANONICAL = re.compile(r"[0-9A-F]{16}")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_GROUPED = re.compile(r"[0-9A-Fa-f]+(?:([-:. ])[0-9A-Fa-f]+(?:\1[0-9A-Fa-f]+)*)?")
_PREFIXED = re.compile(r"eui-([0-9A-Fa-f]{16})", re.IGNORECASE)
_QR = re.compile(r"https://ttig\.pro/c/([a-f0-9]{16})/[a-z0-9]{8,}")  # pkg/qrcodegenerator, format ttigpro1
_ID6_GROUP = re.compile(r"[0-9A-Fa-f]{1,4}")
_LOOK_ALIKES = {"O": "0", "o": "0", "I": "1", "l": "1", "S": "5", "G": "6", "Z": "2"}


class Notation(StrEnum):
    """How an EUI was written."""

    PLAIN = "16 hex digits"
    SEPARATED = "separated digits"
    ID6 = "ID6"
    MAC = "MAC address"
    PREFIXED = "The Things Stack ID"
    QR = "QR code"


@dataclass(frozen=True, slots=True)
class EuiReading:
    """What was understood: `eui` is canonical; where `question` is not empty, ask it before using `eui`."""

    eui: str
    notation: Notation
    question: str = ""


class InvalidEui(PkiError):
    """Text that is no EUI-64; the message says why and what is needed."""


def read_eui(text: str) -> EuiReading:
    """Understand `text` as a gateway's EUI-64. Blanks around it are ignored.

    A MAC-48 gives a reading whose `question` asks whether FFFE belongs in its middle. Raises `InvalidEui`.
    """
    stripped = text.strip()
    _require_plain_text(stripped)
    reading = _read_link(stripped) or _read_id6(stripped) or _read_digits(stripped)
    if int(reading.eui, 16) == 0:
        raise InvalidEui("eui-zero", "This EUI is all zeros, which no gateway has: use the one on its label.")
    return reading


def is_canonical(text: str) -> bool:
    """Tell whether `text` is 16 upper-case ASCII hex digits, the only form of a CN that is accepted."""
    return _CANONICAL.fullmatch(text) is not None


def to_id6(eui: str) -> str:
    """Write the canonical `eui` as Basics Station does: "B827EBFFFE123456" gives "b827:ebff:fe12:3456"."""
    a, b, c, d = (int(_require_canonical(eui)[start : start + 4], 16) for start in (0, 4, 8, 12))
    if a == b == 0:
        return f"::{c:x}:{d:x}" if c else f"::{d:x}"
    if c == d == 0:
        return f"{a:x}:{b:x}::" if b else f"{a:x}::"
    if b == c == 0:
        return f"{a:x}::{d:x}"
    return f"{a:x}:{b:x}:{c:x}:{d:x}"


def to_dashed(eui: str) -> str:
    """Write the canonical `eui` in pairs: "B8-27-EB-FF-FE-12-34-56"."""
    return "-".join(_require_canonical(eui)[start : start + 2] for start in range(0, 16, 2))


def to_mac(eui: str) -> str | None:
    """Write the MAC-48 that the canonical `eui` was made of: "58:A0:CB:12:34:56"; None where it was made of none."""
    if _require_canonical(eui)[6:10] != "FFFE":
        return None
    digits = eui[:6] + eui[10:]
    return ":".join(digits[start : start + 2] for start in range(0, 12, 2))


def notations(eui: str) -> dict[str, str]:
    """The canonical `eui` as others write it, by what they are called; each can be read back by `read_eui`."""
    dashed = to_dashed(eui)
    found = {
        "With hyphens": dashed,
        "With colons": dashed.replace("-", ":"),
        "Lower case": eui.lower(),
        "ID6": to_id6(eui),
        "The Things Stack ID": f"eui-{eui.lower()}",
    }
    mac = to_mac(eui)
    return found | ({"MAC address": mac} if mac else {})


def _require_canonical(eui: str) -> str:
    if not is_canonical(eui):
        raise InvalidEui("eui-not-canonical", f"{eui!r} is not 16 upper-case hex digits.")
    return eui


def _require_plain_text(text: str) -> None:
    if not text:
        raise InvalidEui("eui-empty", "There is no EUI: give the 16 hex digits on the gateway's label.")
    if len(text) > _LONGEST:
        raise InvalidEui("eui-too-long", "This is too long to be an EUI: give the 16 hex digits on the label.")
    for character in text:
        if not (character.isascii() and character.isprintable()):
            name = unicodedata.name(character, f"U+{ord(character):04X}").lower()
            raise InvalidEui("eui-not-ascii", f"The EUI contains a strange character ({name}): type it by hand.")


def _read_link(text: str) -> EuiReading | None:
    if found := _PREFIXED.fullmatch(text):
        return EuiReading(found[1].upper(), Notation.PREFIXED)
    if found := _QR.fullmatch(text):
        return EuiReading(found[1].upper(), Notation.QR)
    return None


def _read_id6(text: str) -> EuiReading | None:
    if "::" not in text and (text.count(":") not in (2, 3) or _is_cisco_mac(text)):
        return None
    groups = _expand_id6(text)
    if groups is None:
        raise InvalidEui("eui-bad-id6", "This looks like an ID6 but is none: write it like b827:ebff:fe12:3456.")
    return EuiReading("".join(group.upper().zfill(4) for group in groups), Notation.ID6)


def _is_cisco_mac(text: str) -> bool:
    return re.fullmatch(r"[0-9A-Fa-f]{4}(:[0-9A-Fa-f]{4}){2}", text) is not None


def _expand_id6(text: str) -> list[str] | None:
    """Give the four groups, with one `::` standing for as many zero groups as are missing."""
    front, gap, back = text.partition("::")
    left, right = (part.split(":") if part else [] for part in (front, back))
    missing = 4 - len(left) - len(right)
    if missing < (1 if gap else 0) or (missing and not gap):
        return None
    groups = left + ["0"] * missing + right
    return groups if all(_ID6_GROUP.fullmatch(group) for group in groups) else None


def _read_digits(text: str) -> EuiReading:
    grouped = _GROUPED.fullmatch(text)
    if grouped is None:
        raise _not_hex(text)
    digits = re.sub(r"[-:. ]", "", text).upper()
    _require_even_groups(text, grouped[1])
    if len(digits) == 16:
        return EuiReading(digits, Notation.SEPARATED if grouped[1] else Notation.PLAIN)
    if len(digits) == 12:
        return _read_mac(digits)
    raise InvalidEui("eui-length", f"This EUI has {len(digits)} digits, 16 are needed.")


def _require_even_groups(text: str, separator: str | None) -> None:
    widths = {len(group) for group in text.split(separator)} if separator else set()
    if len(widths) > 1 or 1 in widths:
        raise InvalidEui("eui-uneven", f"The digits between '{separator}' must come in equal groups, like B8-27-EB.")


def _read_mac(digits: str) -> EuiReading:
    """Insert FFFE after the first three bytes, without flipping a bit (Basics Station's sys_eui)."""
    eui = f"{digits[:6]}FFFE{digits[6:]}"
    question = f"This is a MAC address. With FFFE inserted, as gateways do, the EUI is {eui}: is that it?"
    return EuiReading(eui, Notation.MAC, question)


def _not_hex(text: str) -> InvalidEui:
    wrong = next((each for each in text if not (_HEX.fullmatch(each) or each in "-:. ")), None)
    if wrong is None:
        return InvalidEui("eui-separators", "The EUI mixes separators: write the 16 digits alone or as B8-27-EB-…")
    hint = f" Did you mean {_LOOK_ALIKES[wrong]}?" if wrong in _LOOK_ALIKES else ""
    return InvalidEui("eui-not-hex", f"'{wrong}' is no hex digit; an EUI has only 0 to 9 and A to F.{hint}")
