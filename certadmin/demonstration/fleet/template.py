"""The certificates of one issuer differ in six places only: the rest is made once, by the code that makes every
certificate here, and linted there. Filling in and signing is all that is left for each."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from pki.issuing import Template, new_serial, prepare
from pki.profiles import GATEWAY_CLIENT, ONE_YEAR
from pki.signatures import ECDSA_SHA256

PLACE_EUI = "0123456789ABCDEF"
POINT_SIZE = 65  # an uncompressed point of P-256
SERIAL_SIZE = 20
ALGORITHM = ECDSA_SHA256.name
LAST = datetime(2050, 1, 1, tzinfo=UTC)  # from then on, times are written otherwise (RFC 5280 section 4.1.2.5)


@dataclass(frozen=True, slots=True)
class LeafTemplate:
    """A TBSCertificate cut at what varies; `spki_head` is the key's SubjectPublicKeyInfo before the point."""

    parts: tuple[bytes, ...]
    spki_head: bytes

    def fill(self, *, eui: str, serial: int, not_before: datetime, not_after: datetime, point: bytes) -> bytes:
        """The DER of the TBSCertificate. `point` is the public key on P-256, uncompressed."""
        values = (
            serial.to_bytes(SERIAL_SIZE, "big"),
            _utc_time(not_before),
            _utc_time(not_after),
            eui.encode(),
            point,
            hashlib.sha1(point, usedforsecurity=False).digest(),  # RFC 5280 section 4.2.1.2, method 1
        )
        filled = [self.parts[0]]
        for value, part in zip(values, self.parts[1:], strict=True):
            filled += (value, part)
        return b"".join(filled)


def leaf_template(issuer_der: bytes) -> LeafTemplate:
    """Make and lint one certificate under this issuer, which has a P-256 key, and cut it at what varies."""
    issuer = x509.load_der_x509_certificate(issuer_der)
    spki, point = _new_key()
    serial, start, end = new_serial(), issuer.not_valid_before_utc, issuer.not_valid_after_utc
    end = min(end, start + ONE_YEAR)
    twin = prepare(
        Template(
            profile=GATEWAY_CLIENT,
            common_name=PLACE_EUI,
            public_key_der=spki,
            serial=serial,
            not_before=start,
            not_after=end,
            issuer_der=issuer_der,
        )
    )
    if twin.signature_algorithm != ALGORITHM:
        raise ValueError("a fleet is signed with P-256")
    identifier = hashlib.sha1(point, usedforsecurity=False).digest()
    values = (serial.to_bytes(SERIAL_SIZE, "big"), _utc_time(start), _utc_time(end), PLACE_EUI.encode())
    return LeafTemplate(_cut(twin.tbs, *values, point, identifier), spki[:-POINT_SIZE])


@cache
def csr_template() -> tuple[bytes, ...]:
    """A CertificationRequestInfo as gateways make it, cut at the EUI and the point."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, PLACE_EUI)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return _cut(request.tbs_certrequest_bytes, PLACE_EUI.encode(), point)


def _new_key() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), point


def _cut(whole: bytes, *values: bytes) -> tuple[bytes, ...]:
    """Cut at each value, in this order."""
    parts = []
    for value in values:
        part, found, whole = whole.partition(value)
        if not found:
            raise ValueError("the certificate is laid out otherwise than expected")
        parts.append(part)
    return (*parts, whole)


def _utc_time(instant: datetime) -> bytes:
    if instant >= LAST:
        raise ValueError("a certificate of a fleet ends before 2050")
    return instant.strftime("%y%m%d%H%M%SZ").encode()
