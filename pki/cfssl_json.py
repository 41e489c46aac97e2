"""JSON as cfssl reads it: Go takes names of fields in any case, and null for anything. Each value knows its place."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pki.errors import PkiError
from pki.go_durations import read_duration
from pki.intake import require_no_private_key

LARGEST = 64 * 1024
DEEPEST = 20  # a file of cfssl has six levels
_SHOWN = 120
_SECRETS = frozenset({"auth_keys", "auth_key", "authkey"})


@dataclass(frozen=True, slots=True)
class Remark:
    """What is not taken over as it stands: where, what it says (as JSON, cut), and what happens instead."""

    path: str
    said: str
    instead: str


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a document and its path, such as `signing.profiles.server.expiry`; empty at the top."""

    path: str
    value: Any

    @property
    def is_nothing(self) -> bool:
        """Absent, or as good as: Go cannot tell these apart either."""
        return self.value is None or self.value in ("", False, 0) or self.value in ([], {})

    def field(self, name: str) -> "Node":
        """A field of an object, whatever its case; its value is None where it is absent."""
        values = {key.lower(): value for key, value in self.object().items()}
        return Node(f"{self.path}.{name}".lstrip("."), values.get(name.lower()))

    def others(self, *known: str) -> Iterator["Node"]:
        """The fields that say something and are not `known`."""
        names = {each.lower() for each in known}
        for key, value in self.object().items():
            node = Node(f"{self.path}.{_printable(key)[:40]}".lstrip("."), value)
            if key.lower() not in names and not node.is_nothing:
                yield node

    def items(self) -> Iterator["Node"]:
        """The elements of a list."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        for number, value in enumerate(self.value):
            yield Node(f"{self.path}[{number}]", value)

    def object(self) -> Mapping[str, Any]:
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self.wrong("an object, in braces")
        return self.value

    def text(self) -> str:
        """A text, empty where it is absent."""
        if self.value is None:
            return ""
        if not isinstance(self.value, str):
            raise self.wrong("a text, in quotes")
        if not self.value.isprintable():
            raise PkiError("cfssl-value", f"{self.path} holds a letter that cannot be printed.")
        return self.value

    def number(self) -> int:
        """A whole number, 0 where it is absent."""
        if self.value is None:
            return 0
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.wrong("a whole number")
        return self.value

    def flag(self) -> bool:
        if self.value is None:
            return False
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def duration(self) -> timedelta:
        """A duration of Go, nothing where it is absent."""
        text = self.text()
        try:
            return read_duration(text or "0")
        except PkiError as error:
            raise PkiError("cfssl-value", f"{self.path}: {error.message}") from error

    def wrong(self, wanted: str) -> PkiError:
        return PkiError("cfssl-type", f"{self.path or 'The file'} must be {wanted}, and is {self.said}.")

    @property
    def said(self) -> str:
        """The value as JSON, cut; never a secret."""
        if any(part.lower() in _SECRETS for part in self.path.replace("[", ".").split(".")):
            return "(not shown)"
        text = json.dumps(self.value, ensure_ascii=False)
        if not text.isprintable():
            text = json.dumps(self.value)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

    def remark(self, instead: str) -> Remark:
        return Remark(self.path, self.said, instead)


def read_document(content: bytes) -> Node:
    """Read JSON of an object. Raises PkiError: `private-key`, `too-large`, `cfssl-json`, `cfssl-type`."""
    if len(content) > LARGEST:
        raise PkiError("too-large", f"The file has more than {LARGEST // 1024} kB: no file of cfssl is so large.")
    require_no_private_key(content)
    try:
        value = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        where = f" in line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise PkiError("cfssl-json", f"This is not JSON{where}.") from error
    _refuse_deep(value)
    node = Node("", value)
    node.object()
    return node


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two fields of one name, Go takes the last: nobody would know which was meant."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name.lower() in seen:
            raise PkiError("cfssl-json", f"The field {_printable(name)[:40]} stands in one object twice.")
        seen.add(name.lower())
    return dict(pairs)


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return
    raise _too_deep()


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep() -> PkiError:
    return PkiError("cfssl-json", "The file is nested too deeply.")


def _no_number(text: str) -> Any:
    raise PkiError("cfssl-json", f"{text} is no number of JSON.")


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)
