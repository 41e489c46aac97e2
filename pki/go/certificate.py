"""A certificate as Go reads it (crypto/x509/parser.go `parseCertificate`)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from pki.der import OCTET_STRING, SEQUENCE, DerReader, MalformedDer
from pki.go.extensions import Extensions, RawExtension, read_extensions
from pki.go.keys import PublicKey, SignatureAlgorithm, read_algorithm, read_public_key, read_signature_algorithm
from pki.go.names import GoName, parse_name
from pki.go.release import Go


@dataclass(frozen=True, slots=True, eq=False)
class GoCertificate:
    """What the verifier needs. `version` is 1, 2 or 3; `public_key` is None where Go does not know its kind."""

    raw: bytes
    tbs: bytes
    version: int
    signature_algorithm: SignatureAlgorithm | None
    signature: bytes
    issuer: GoName
    subject: GoName
    not_before: datetime
    not_after: datetime
    spki: bytes
    public_key: PublicKey | None
    extensions: Extensions

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()


def parse_certificate(der: bytes, go: Go = Go.NEWEST) -> GoCertificate:
    """Read one certificate and nothing behind it. Raises `MalformedDer` where Go returns an error."""
    outer = DerReader(der)
    certificate = outer.enter()
    if not outer.is_empty:
        raise MalformedDer("trailing data")
    tbs = certificate.read_element(SEQUENCE).full
    algorithm = certificate.read(SEQUENCE)
    body = DerReader(tbs).enter()
    version = _read_version(body)
    if body.read_integer() < 0 and go is Go.NEWEST:
        raise MalformedDer("negative serial number")
    if body.read(SEQUENCE) != algorithm:
        raise MalformedDer("inner and outer signature algorithms differ")
    signature_algorithm = read_signature_algorithm(read_algorithm(algorithm), go)
    issuer = parse_name(body.read_element(SEQUENCE).full, go)
    validity = body.enter()
    not_before, not_after = validity.read_time(), validity.read_time()
    subject = parse_name(body.read_element(SEQUENCE).full, go)
    spki = body.read_element(SEQUENCE).full
    return GoCertificate(
        raw=der,
        tbs=tbs,
        version=version,
        signature_algorithm=signature_algorithm,
        issuer=issuer,
        subject=subject,
        not_before=not_before,
        not_after=not_after,
        spki=spki,
        public_key=_read_key(spki, go),
        extensions=_read_extensions(body, version, go),
        signature=certificate.read_bit_string().right_aligned(),
    )


def _read_version(body: DerReader) -> int:
    explicit = body.read_optional(0xA0)
    if explicit is None:
        return 1
    reader = DerReader(explicit)
    version = reader.read_int64()
    if not reader.is_empty or not 0 <= version <= 2:
        raise MalformedDer("invalid version")
    return version + 1


def _read_key(spki: bytes, go: Go) -> PublicKey | None:
    body = DerReader(spki).enter()
    algorithm = read_algorithm(body.read(SEQUENCE))
    return read_public_key(algorithm, body.read_bit_string(), go)


def _read_extensions(body: DerReader, version: int, go: Go) -> Extensions:
    """Extensions count in version 3 only, behind the unique identifiers."""
    if version > 1:
        body.read_optional(0x81)
        body.read_optional(0x82)
    present = body.read_optional(0xA3) if version == 3 else None
    if present is None:
        return Extensions()
    sequence, found = DerReader(present).enter(), list[RawExtension]()
    while not sequence.is_empty:
        found.append(_read_extension(sequence.enter()))
    if len({each.oid for each in found}) < len(found):
        raise MalformedDer("certificate contains duplicate extensions")
    return read_extensions(found, go)


def _read_extension(extension: DerReader) -> RawExtension:
    oid = extension.read_oid()
    critical = extension.read_boolean() if extension.next_is(0x01) else False
    return RawExtension(oid, critical, extension.read(OCTET_STRING))
