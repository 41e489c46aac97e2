"""Certificate requests put together by hand (RFC 2986 section 4), as wrong as a case wants them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.pki.makers import (
    EUI,
    PrivateKey,
    bit_string,
    integer,
    object_identifier,
    p256_key,
    public_der,
    sequence,
    sign,
    signature_algorithm,
    tlv,
)

COMMON_NAME = "2.5.4.3"
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
UTF8, PRINTABLE, T61, IA5, UNIVERSAL, BMP = 0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E
SHA256 = hashes.SHA256()


@dataclass(frozen=True, slots=True)
class Case:
    """A request, and what becomes of it: the codes of all that refuses it, or none where it is accepted."""

    name: str
    content: bytes
    codes: tuple[str, ...] = ()


def key() -> ec.EllipticCurvePrivateKey:
    """The gateway's own."""
    return p256_key("hostile")


def forge(
    *,
    subject: bytes | None = None,
    spki: bytes | None = None,
    attributes: bytes | None = b"",
    version: bytes | None = None,
    signer: PrivateKey | None = None,
    algorithm: bytes | None = None,
    digest: hashes.HashAlgorithm = SHA256,
    signature: bytes | Callable[[bytes], bytes] | None = None,
    after: bytes = b"",
) -> bytes:
    """A request for EUI by `key`, but for what is given. Each part is a whole DER element; `attributes` is the content
    of their SET, None where it is missing; `signature` stands in place of the real one, or makes it of what is
    signed; `after` follows in that part."""
    signer = signer or key()
    info = sequence(
        integer(0) if version is None else version,
        named(EUI) if subject is None else subject,
        public_der(signer) if spki is None else spki,
        b"" if attributes is None else tlv(0xA0, attributes),
        after,
    )
    signature = sign(signer, info, digest) if signature is None else signature
    signed = signature(info) if callable(signature) else signature
    return sequence(info, signature_algorithm(signer, digest) if algorithm is None else algorithm, bit_string(signed))


# Names


def named(*values: str | bytes) -> bytes:
    """A Name with these CNs, as UTF8String; bytes are whole values."""
    return rdns(*(attribute(COMMON_NAME, value) for value in values))


def rdns(*attributes: bytes) -> bytes:
    """A Name with one attribute in each of its sets."""
    return sequence(*(tlv(0x31, each) for each in attributes))


def attribute(oid: str, value: str | bytes, tag: int = UTF8) -> bytes:
    return sequence(object_identifier(oid), tlv(tag, value.encode()) if isinstance(value, str) else value)


# Attributes and extensions


def asked(*extensions: bytes, oid: str = EXTENSION_REQUEST) -> bytes:
    """The attribute that asks for extensions (RFC 2985 section 5.4.2)."""
    return csr_attribute(oid, sequence(*extensions))


def csr_attribute(oid: str, *values: bytes) -> bytes:
    return sequence(object_identifier(oid), tlv(0x31, b"".join(values)))


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return sequence(object_identifier(oid), b"\x01\x01\xff" if critical else b"", tlv(0x04, value))


def general_names(*names: tuple[int, bytes]) -> bytes:
    """A SubjectAltName's value: context tags and contents (RFC 5280 section 4.2.1.6)."""
    return sequence(*(tlv(tag, content) for tag, content in names))


def algorithm_identifier(oid: str, parameters: bytes = b"") -> bytes:
    return sequence(object_identifier(oid), parameters)


def subject_public_key(oid: str, parameters: bytes, bits: bytes) -> bytes:
    return sequence(algorithm_identifier(oid, parameters), bit_string(bits))


def made(name: str, content: bytes, codes: str | Sequence[str] = ()) -> Case:
    """A case; `codes` may be one."""
    return Case(name, content, (codes,) if isinstance(codes, str) else tuple(codes))
