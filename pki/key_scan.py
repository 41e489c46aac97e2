"""Finds private keys in bytes, wherever they stand and however they are wrapped.

Used before anything else looks at an upload. It looks for the armour of text formats, for the DER of PKCS#1
(RFC 8017 A.1.2), SEC1 (RFC 5915), PKCS#8 (RFC 5958) and PKCS#12 (RFC 7292), and for the same written in base64 or
hex, at any place and alignment. It says only whether, never what: no byte of a key leaves this module.
"""

import binascii
import re
from collections.abc import Iterator

_MOST_CANDIDATES = 1000  # a real file has a handful of places that begin like a key
_ARMOUR = re.compile(
    rb"BEGIN[A-Z0-9 _]{0,40} PRIVATE KEY"  # PEM of every kind, SSH2, PGP
    rb"|PuTTY-User-Key-File"
    rb"|Proc-Type: *4, *ENCRYPTED"
    rb"|openssh-key-v1\x00"
    rb"|privateExponent *:|RSA Private-Key:|^Private-Key: \("  # the text that openssl prints
    rb"|<(?:D|InverseQ)>[A-Za-z0-9+/=\s]{20}"  # XML of .NET
    rb'|"(?:d|dp|qi)" *: *"[A-Za-z0-9_-]{16}'  # JSON Web Key (RFC 7518)
    rb"|AGE-SECRET-KEY-1",
    re.IGNORECASE | re.MULTILINE,
)
_ARMOUR_WORDS = (  # one of these is in everything that `_ARMOUR` finds; looking for them first is 20 times faster
    b"private key",
    b"putty-user-key-file",
    b"proc-type",
    b"openssh-key-v1",
    b"privateexponent",
    b"private-key:",
    b"<d>",
    b"<inverseq>",
    b'"d"',
    b'"dp"',
    b'"qi"',
    b"age-secret-key-1",
)
_KEY_STORES = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")  # Java KeyStore, JCEKS
_SEQUENCE = rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...)"
_UNMISTAKABLE = re.compile(
    rb"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05[\x01\x03\x04\x06\x0a\x0b\x0d]"  # encrypted with PBES1 or PBES2
    rb"|\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01."  # encrypted as PKCS#12 does
    rb"|\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01[\x01\x02]"  # a key bag of PKCS#12
    rb"|" + _SEQUENCE + rb"\x02\x01\x03" + _SEQUENCE + rb"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07",  # PKCS#12
    re.DOTALL,
)
_CANDIDATE = re.compile(_SEQUENCE + rb"\x02\x01[\x00\x01](?=[\x02\x04\x30])", re.DOTALL)
_IGNORED_IN_BASE64 = b" \t\r\n\v\f\"',;|>#"
_IGNORED_IN_HEX = b" \t\r\n\v\f:,-"
_HEX = re.compile(rb"[0-9A-Fa-f]{80,}")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TO_BASE64 = bytes(each if each in _ALPHABET else {45: 43, 95: 47}.get(each, 65) for each in range(256))


def contains_private_key(data: bytes) -> bool:
    """Tell whether `data` holds a private key, whole or in part, encrypted or not. Linear in its length."""
    return any(_shows_key(each) for each in _readings(data))


def names_private_key(data: bytes) -> bool:
    """Tell it only from the armour that most key files have: for data too large to be looked through."""
    return b"PRIVATE KEY" in data


def _readings(data: bytes) -> Iterator[bytes]:
    """`data` as it is, without NULs (so UTF-16 reads as ASCII), and everything in it that may be encoded."""
    yield data
    text = data.replace(b"\x00", b"")
    if len(text) != len(data):
        yield text
    yield from _from_base64(text)
    yield from _from_hex(text)


def _from_base64(text: bytes) -> Iterator[bytes]:
    """Decode all of `text` at each of the four alignments, so that no key can hide behind a prefix."""
    text = text.replace(b"\\n", b"").replace(b"\\r", b"")  # line ends as JSON writes them
    letters = text.translate(_TO_BASE64, delete=_IGNORED_IN_BASE64)
    for start in range(4):
        end = start + (len(letters) - start) // 4 * 4
        yield binascii.a2b_base64(letters[start:end])


def _from_hex(text: bytes) -> Iterator[bytes]:
    text = text.replace(b"0x", b"").replace(b"\\x", b"")
    for run in _HEX.findall(text.translate(None, delete=_IGNORED_IN_HEX)):
        for start in (0, 1):
            yield binascii.unhexlify(run[start : start + (len(run) - start) // 2 * 2])


def _shows_key(data: bytes) -> bool:
    return (
        data.startswith(_KEY_STORES)
        or _has_armour(data)
        or _UNMISTAKABLE.search(data) is not None
        or _has_plain_key(data)
    )


def _has_armour(data: bytes) -> bool:
    lower = data.lower()
    return any(word in lower for word in _ARMOUR_WORDS) and _ARMOUR.search(data) is not None


def _has_plain_key(data: bytes) -> bool:
    for count, found in enumerate(_CANDIDATE.finditer(data)):
        if count >= _MOST_CANDIDATES or _continues_as_key(data, found.end()):
            return True
    return False


def _continues_as_key(data: bytes, at: int) -> bool:
    """Look at what follows the version: a version 1 certificate and a CSR begin like a key, and are none."""
    if data[at] == 0x30:  # PKCS#8: AlgorithmIdentifier, then the key in an OCTET STRING
        start, end = _content(data, at)
        return data[start : start + 1] == b"\x06" and data[end : end + 1] == b"\x04"
    if data[at] == 0x04:  # SEC1: the number, then nothing, parameters or the public key
        start, end = _content(data, at)
        return 16 <= end - start <= 66
    return _count_integers(data, at) >= 3  # PKCS#1 or DSA: n, e, d, … or p, q, g, …


def _count_integers(data: bytes, at: int) -> int:
    count = 0
    while count < 3 and data[at : at + 1] == b"\x02":
        count += 1
        _, at = _content(data, at)
    return count


def _content(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` starts and ends, whether or not the data goes that far."""
    length = data[at + 1] if at + 1 < len(data) else 0
    if length < 0x80:
        return at + 2, at + 2 + length
    size = length & 0x7F
    start = at + 2 + size
    return start, start + int.from_bytes(data[at + 2 : min(start, at + 6)], "big")
