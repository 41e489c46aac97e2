"""Writes DER (X.690): the few forms that are put together here, and not by `cryptography`.

Strict in what it gives: the shortest lengths and integers, times as RFC 5280 section 4.1.2.5 wants them.
"""

from datetime import UTC, datetime

from pki.der import BIT_STRING, GENERALIZED_TIME, INTEGER, OCTET_STRING, SEQUENCE, UTC_TIME, DerReader

ENUMERATED = 0x0A
TRUE = b"\x01\x01\xff"
_VERSION = 0xA0


def header(tag: int, size: int) -> bytes:
    """The tag and length octets before a content of `size` octets."""
    if size < 0x80:
        return bytes((tag, size))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets


def element(tag: int, content: bytes) -> bytes:
    return header(tag, len(content)) + content


def sequence(*parts: bytes) -> bytes:
    return element(SEQUENCE, b"".join(parts))


def integer(value: int, tag: int = INTEGER) -> bytes:
    """A number that is not negative."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octet_string(content: bytes) -> bytes:
    return element(OCTET_STRING, content)


def bit_string(content: bytes) -> bytes:
    """Whole octets."""
    return element(BIT_STRING, b"\x00" + content)


def extension(oid: bytes, value: bytes, *, critical: bool = False) -> bytes:
    """One Extension (RFC 5280 section 4.1). `oid` is the whole element, `value` the DER that it wraps."""
    return sequence(oid, TRUE if critical else b"", octet_string(value))


def time(instant: datetime) -> bytes:
    """UTCTime to the end of 2049, GeneralizedTime later; whole seconds, what is below them is cut off."""
    utc = instant.astimezone(UTC)
    if 1950 <= utc.year < 2050:
        return element(UTC_TIME, utc.strftime("%y%m%d%H%M%SZ").encode())
    return generalized_time(instant)


def generalized_time(instant: datetime) -> bytes:
    return element(GENERALIZED_TIME, instant.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def subject_of(certificate: bytes) -> bytes:
    """The whole Name of a certificate's subject, to the byte. Raises `MalformedDer`."""
    return _tbs_fields(certificate)[4]


def public_key_of(certificate: bytes) -> bytes:
    """The whole SubjectPublicKeyInfo. Raises `MalformedDer`."""
    return _tbs_fields(certificate)[5]


def key_bits(spki: bytes) -> bytes:
    """The octets of the key's BIT STRING, of which key identifiers are hashes (RFC 5280 section 4.2.1.2, RFC 6960
    section 4.1.1). Raises `MalformedDer`."""
    reader = DerReader(spki).enter()
    reader.read(SEQUENCE)
    return reader.read_bit_string().octets


def _tbs_fields(certificate: bytes) -> list[bytes]:
    """Serial, algorithm, issuer, validity, subject and key (RFC 5280 section 4.1), each as a whole element."""
    tbs = DerReader(certificate).enter().enter()
    tbs.read_optional(_VERSION)
    return [tbs.read_any().full for _ in range(6)]
