"""Takes one file apart into the DER of its certificates, whatever form the file has."""

import binascii
import re
from collections.abc import Iterator

from pki.der import OBJECT_IDENTIFIER, SEQUENCE, SET, DerReader, MalformedDer
from pki.errors import PkiError
from pki.pem import read_blocks

MOST_CERTIFICATES = 100

_UTF8_BOM = b"\xef\xbb\xbf"
_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"7z\xbc\xaf",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
)
_CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")
_PKCS7_LABELS = ("PKCS7", "CMS", "PKCS #7 SIGNED DATA")
_BASE64_ONLY = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")
_SIGNED_DATA = (1, 2, 840, 113549, 1, 7, 2)
_TIMES = ([0x17], [0x18])


def split_certificates(content: bytes) -> Iterator[bytes]:
    """Give the DER of each certificate in a file, in the file's order; they are not parsed further here.

    Understood: PEM with text around it, DER, DER after DER, base64 without armour, PKCS#7 in PEM or DER
    (RFC 5652 section 5.1, certificates only). Raises PkiError with what the file is instead.
    """
    content = content.removeprefix(_UTF8_BOM)
    _require_readable(content)
    if b"BEGIN " in content:
        return _from_pem(content)
    if content[:1] == b"\x30":
        return _from_der(content)
    if _BASE64_ONLY.fullmatch(content):
        return _from_der(_decode(content))
    raise PkiError("not-a-certificate", "is not a certificate file")


def _require_readable(content: bytes) -> None:
    if not content.strip():
        raise PkiError("empty-file", "is empty")
    if content.startswith(_ARCHIVES):
        raise PkiError("archive", "is a compressed archive, which is not opened: unpack it first")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"B\x00E\x00G\x00I\x00N" in content:
        raise PkiError("utf-16", "is UTF-16 text, which no server reads: save it as plain ASCII or UTF-8")


def _decode(content: bytes) -> bytes:
    try:
        return binascii.a2b_base64(b"".join(content.split()), strict_mode=True)
    except binascii.Error:
        raise PkiError("not-a-certificate", "is not a certificate file") from None


def _from_pem(content: bytes) -> Iterator[bytes]:
    found = False
    for block in read_blocks(content):
        found = True
        if block.label in _CERTIFICATE_LABELS:
            yield _exactly_one(block.der, block.position)
        elif block.label in _PKCS7_LABELS:
            yield from _from_pkcs7(block.der)
        else:
            raise _unexpected(block.label)
    if not found:
        raise PkiError("not-a-certificate", "holds no certificate")


def _exactly_one(der: bytes, position: int) -> bytes:
    try:
        reader = DerReader(der)
        full = reader.read_element(SEQUENCE).full
    except MalformedDer:
        raise PkiError("malformed-certificate", f"is damaged in block {position}") from None
    if not reader.is_empty:
        raise PkiError("malformed-certificate", f"has bytes left over after the certificate in block {position}")
    return _require_certificate(full)


def _unexpected(label: str) -> PkiError:
    if "REQUEST" in label:
        return _request()
    if "CRL" in label:
        return _revocation_list()
    if label == "TRUSTED CERTIFICATE":
        advice = "convert it with openssl x509 -in FILE -out ca.pem"
        return PkiError("unexpected-block", f"is in OpenSSL's TRUSTED form, which the server drops: {advice}")
    return PkiError("unexpected-block", f"holds a block {label}, which is no certificate")


def _from_der(content: bytes) -> Iterator[bytes]:
    """Read one DER value after the other to the end (X.690); a line end after the last is forgiven."""
    position = 0
    while content.strip(b"\r\n") or not position:
        position += 1
        if position > MOST_CERTIFICATES:
            raise PkiError("too-many", f"has more than {MOST_CERTIFICATES} parts")
        try:
            part = DerReader(content).read_element(SEQUENCE)
        except MalformedDer:
            raise PkiError("malformed-certificate", f"is damaged or cut off at part {position}") from None
        is_pkcs7 = part.content[:1] == bytes([OBJECT_IDENTIFIER])
        yield from _from_pkcs7(part.full) if is_pkcs7 else [_require_certificate(part.full)]
        content = content[len(part.full) :]


def _from_pkcs7(der: bytes) -> Iterator[bytes]:
    """The certificates of a SignedData; everything else in it is ignored, as it was never a secret."""
    try:
        info = DerReader(der).enter()
        if info.read_oid() != _SIGNED_DATA:
            raise PkiError("malformed-pkcs7", "is a PKCS#7 file of another kind than a bundle of certificates")
        signed = info.enter(0xA0).enter()
        signed.read_any(), signed.read(SET), signed.read(SEQUENCE)  # version, digest algorithms, content
        certificates = DerReader(signed.read_optional(0xA0) or b"")
        yield from _sequences(certificates)
    except MalformedDer:
        raise PkiError("malformed-pkcs7", "is a damaged PKCS#7 file: export it again") from None


def _sequences(certificates: DerReader) -> Iterator[bytes]:
    if certificates.is_empty:
        raise PkiError("not-a-certificate", "is a PKCS#7 file without a certificate")
    for _ in range(MOST_CERTIFICATES):
        if certificates.is_empty:
            return
        yield certificates.read_element(SEQUENCE).full
    raise PkiError("too-many", f"has more than {MOST_CERTIFICATES} certificates")


def _require_certificate(der: bytes) -> bytes:
    """Give `der` back, but for a CSR or CRL, which begin like a certificate (RFC 2986, RFC 5280 section 5)."""
    tags = _inner_tags(der)
    if tags == [0x02, 0x30, 0x30, 0xA0]:
        raise _request()
    if tags[2:3] in _TIMES or (tags[:3] == [0x02, 0x30, 0x30] and tags[3:] in _TIMES):
        raise _revocation_list()
    return der


def _inner_tags(der: bytes) -> list[int]:
    tags: list[int] = []
    try:
        reader = DerReader(der).enter().enter()
        while not reader.is_empty and len(tags) < 4:
            tags.append(reader.read_any().tag)
    except MalformedDer:
        return []
    return tags


def _request() -> PkiError:
    return PkiError("certificate-request", "is a certificate request, not a certificate: send the CA certificate")


def _revocation_list() -> PkiError:
    return PkiError("revocation-list", "is a revocation list, not a certificate: send the CA certificate")
