"""Looks for secrets wherever something is written: in every form in which they could get there (row 25)."""

import base64
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from django.core import mail
from django.db import connection
from django.http import HttpRequest
from django.views.debug import ExceptionReporter

_BREAKS = re.compile(rb"\s|\\[nrt]|=\r?\n")  # within what is broken into lines, also as JSON and quoted-printable do
_SEPARATORS = re.compile(rb"[:,\s]|\\n|0x|\\x")  # between the digits of a dump


@dataclass(frozen=True, slots=True)
class Secret:
    """What must not be found: its name, and each of its forms by name."""

    name: str
    forms: Mapping[str, bytes]


def of_octets(name: str, octets: bytes) -> Secret:
    return Secret(name, _forms(octets))


def of_text(name: str, text: str) -> Secret:
    return Secret(name, {**_forms(text.encode()), "UTF-16": text.encode("utf-16-le")})


def of_key(name: str, pkcs8: bytes) -> Secret:
    """A private key: the whole, and each number that is secret."""
    forms = {f"whole, {form}": octets for form, octets in _forms(pkcs8).items()}
    for part, number in _numbers(pkcs8).items():
        octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
        forms |= {f"{part}, {form}": value for form, value in _forms(octets).items()}
        forms[f"{part}, decimal"] = str(number).encode()
    return Secret(name, forms)


def found(secrets: list[Secret], sinks: Mapping[str, bytes]) -> list[str]:
    """Each form of each secret in each sink, as "logs: the key as hexadecimal"."""
    hits = []
    for sink, content in sinks.items():
        readings = _readings(_once(content))
        for secret in secrets:
            hits += [
                f"{sink}: {secret.name} as {form}"
                for form, needle in secret.forms.items()
                if any(needle in reading for reading in readings)
            ]
    return hits


# Sinks


def rows() -> bytes:
    """Every column of every table, those of sessions and migrations too."""
    with connection.cursor() as cursor:
        return b"\n".join(_table(cursor, name) for name in connection.introspection.table_names(cursor))


def files_below(folder: Path) -> bytes:
    """Names and contents, whoever they belong to."""
    return b"\n".join(_file(path) for path in sorted(folder.rglob("*")))


def letters() -> bytes:
    """What was sent by mail."""
    return b"\n".join(each.message().as_bytes() for each in getattr(mail, "outbox", []))


def reports(error: BaseException, request: HttpRequest | None = None) -> bytes:
    """What a log, Django's letter to the administrators and the page with DEBUG say of `error`."""
    reporter = ExceptionReporter(request, type(error), error, error.__traceback__)
    parts = [*traceback.format_exception(error), reporter.get_traceback_text(), reporter.get_traceback_html()]
    return "\n".join(parts).encode(errors="surrogateescape")


def _table(cursor: object, name: str) -> bytes:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)}")  # type: ignore[attr-defined]  # a cursor
    values = (value for row in cursor.fetchall() for value in row)  # type: ignore[attr-defined]  # as above
    return b"\n".join(as_bytes(value) for value in values)


def as_bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode(errors="surrogateescape")


def _file(path: Path) -> bytes:
    try:
        return str(path).encode() + b"\n" + (path.read_bytes() if path.is_file() else b"")
    except OSError:  # gone meanwhile, or a socket
        return str(path).encode()


# Forms


def _forms(octets: bytes) -> dict[str, bytes]:
    forms = {"octets": octets, "hexadecimal": octets.hex().encode(), "a Python literal": repr(octets)[2:-1].encode()}
    for offset in range(3):
        letters = _aligned(octets, offset)
        forms[f"base64 at {offset}"] = letters
        forms[f"base64 for URLs at {offset}"] = letters.translate(bytes.maketrans(b"+/", b"-_"))
    return forms


def _aligned(octets: bytes, offset: int) -> bytes:
    """The letters that `octets` always give where `offset` others stand before them in a group of three."""
    whole = (len(octets) + offset) // 3 * 3 - offset
    return base64.b64encode(bytes(offset) + octets[:whole])[4 if offset else 0 :]


def _numbers(pkcs8: bytes) -> dict[str, int]:
    key = load_der_private_key(pkcs8, None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {"scalar": key.private_numbers().private_value}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        return {"d": numbers.d, "p": numbers.p, "q": numbers.q}
    raise TypeError(type(key))


def _once(content: bytes) -> bytes:
    """Without the long lines that were there before: pages and tracebacks are mostly the same. Short ones stay, because
    octets that happen to be a line end may cut a secret in pieces."""
    lines = content.split(b"\n")
    first = {line: place for place, line in reversed(list(enumerate(lines)))}
    return b"\n".join(line for place, line in enumerate(lines) if len(line) < 8 or first[line] == place)


def _readings(content: bytes) -> list[bytes]:
    return [content, _BREAKS.sub(b"", content), _SEPARATORS.sub(b"", content).lower()]
