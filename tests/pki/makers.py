"""Real certificates for tests, as odd as a test needs them.

Certificates are put together from DER by hand, because the builder of `cryptography` refuses what old CAs and
attackers send: version 1, serial 0, doubled extensions, SHA-1. Keys, encodings and signatures are real.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
EUI = "58A0CBFFFE123456"

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | dsa.DSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
RawExtension = tuple[str, bool, bytes]  # dotted OID, critical, DER value


@dataclass(frozen=True)
class Made:
    """A certificate with its private key."""

    der: bytes
    key: PrivateKey
    subject_der: bytes

    @property
    def pem(self) -> bytes:
        return to_pem(self.der)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)


def make_root(name: str | x509.Name = "Acme Root CA", **changes: object) -> Made:
    """A self-signed CA, 2024 to 2044; `changes` go to `make_certificate`."""
    return make_certificate(name, **(_AUTHORITY | {"not_before": at(2024), "not_after": at(2044)} | changes))  # type: ignore[arg-type]  # each change is a parameter


def make_issuing(issuer: Made, name: str | x509.Name = "Acme Gateway CA", **changes: object) -> Made:
    """A CA under `issuer`, 2025 to 2035."""
    dates = {"not_before": at(2025), "not_after": at(2035)}
    return make_certificate(name, issuer=issuer, **(_AUTHORITY | dates | changes))  # type: ignore[arg-type]  # each change is a parameter


def make_leaf(issuer: Made, eui: str | x509.Name = EUI, **changes: object) -> Made:
    """A gateway's client certificate under `issuer`, 2026."""
    return make_certificate(eui, issuer=issuer, **({"extensions": leaf_extensions()} | changes))  # type: ignore[arg-type]  # each change is a parameter


def make_certificate(
    name: str | x509.Name = "Acme Root CA",
    *,
    issuer: Made | None = None,
    issuer_name: bytes | None = None,  # the DER of the name, where it shall differ from the issuer's subject
    key: PrivateKey | None = None,
    serial: int = 0x5EED,
    version: int | None = 3,
    not_before: datetime | bytes = datetime(2026, 1, 1, tzinfo=UTC),
    not_after: datetime | bytes = datetime(2027, 1, 1, tzinfo=UTC),
    extensions: Sequence[RawExtension] | None = None,
    key_identifiers: bool = True,  # adds the subject and authority key identifiers
    spki: bytes | None = None,  # the DER of the SubjectPublicKeyInfo, where it shall not be the key's own
    digest: hashes.HashAlgorithm | None = None,  # SHA-256 unless said otherwise
    signature: bytes | None = None,  # in place of the real one
) -> Made:
    """Build and sign one certificate. Self-signed without `issuer`."""
    own = key or p256_key(str(name))
    signer = issuer.key if issuer else own
    subject_der = (name if isinstance(name, x509.Name) else to_name(name)).public_bytes()
    spki = spki if spki is not None else public_der(own)
    listed = list(extensions or ())
    if key_identifiers and version == 3:
        listed += identifier_extensions(spki, public_der(signer))
    algorithm = signature_algorithm(signer, digest or hashes.SHA256())
    tbs = sequence(
        b"" if version in (1, None) else tlv(0xA0, integer((version or 1) - 1)),
        integer(serial),
        algorithm,
        issuer_name or (issuer.subject_der if issuer else subject_der),
        sequence(_time(not_before), _time(not_after)),
        subject_der,
        spki,
        tlv(0xA3, sequence(*[_extension(*each) for each in listed])) if listed else b"",
    )
    signed = signature if signature is not None else sign(signer, tbs, digest or hashes.SHA256())
    return Made(sequence(tbs, algorithm, bit_string(signed)), own, subject_der)


def make_csr(
    common_name: str | x509.Name = EUI,
    *,
    key: PrivateKey | None = None,
    extensions: Sequence[x509.ExtensionType] = (),
) -> bytes:
    """A PKCS#10 request in DER, signed by `key`."""
    subject = common_name if isinstance(common_name, x509.Name) else to_name(common_name)
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for each in extensions:
        builder = builder.add_extension(each, critical=False)
    own = key or p256_key("csr")
    digest = None if isinstance(own, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
    return builder.sign(own, digest).public_bytes(serialization.Encoding.DER)


# Keys: made once per test run and label, because RSA keys are slow to find


@cache
def p256_key(label: str = "") -> ec.EllipticCurvePrivateKey:
    """A P-256 key, the same for the same label."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def curve_key(curve: type[ec.EllipticCurve], label: str = "") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@cache
def rsa_key(bits: int = 2048, label: str = "", exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


def rsa_spki(modulus: int, exponent: int = 65537) -> bytes:
    """The SubjectPublicKeyInfo of an RSA key that nobody may be able to use."""
    algorithm = sequence(object_identifier("1.2.840.113549.1.1.1"), b"\x05\x00")
    return sequence(algorithm, bit_string(sequence(integer(modulus), integer(exponent))))


def public_der(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: PrivateKey, *, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def private_der(key: PrivateKey, form: serialization.PrivateFormat) -> bytes:
    return key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


# Extensions


def basic_constraints(*, ca: bool = True, path_length: int | None = None) -> RawExtension:
    return extension(x509.BasicConstraints(ca, path_length), critical=True)


def key_usage(*names: str) -> RawExtension:
    """`names` as `cryptography` spells them: "key_cert_sign", "crl_sign", "digital_signature", …"""
    return extension(x509.KeyUsage(**{each: each in names for each in _KEY_USAGES}), critical=True)


def extended_key_usage(*usages: x509.ObjectIdentifier) -> RawExtension:
    return extension(x509.ExtendedKeyUsage(usages or (ExtendedKeyUsageOID.CLIENT_AUTH,)))


def leaf_extensions() -> list[RawExtension]:
    return [basic_constraints(ca=False), key_usage("digital_signature"), extended_key_usage()]


def extension(value: x509.ExtensionType, *, critical: bool = False) -> RawExtension:
    return value.oid.dotted_string, critical, value.public_bytes()


def identifier_extensions(spki: bytes, issuer_spki: bytes) -> list[RawExtension]:
    own, above = (hashlib.sha1(each, usedforsecurity=False).digest() for each in (spki, issuer_spki))
    return [
        extension(x509.SubjectKeyIdentifier(own)),
        extension(x509.AuthorityKeyIdentifier(above, None, None)),
    ]


# Encodings (X.690)


def to_name(common_name: str, *more: x509.NameAttribute[str]) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme")
    return x509.Name([organization, *more, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def to_pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    text = base64.b64encode(der)
    lines = b"\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (label.encode(), lines, label.encode())


def at(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def tlv(tag: int, content: bytes) -> bytes:
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, b"".join(parts))


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def bit_string(content: bytes) -> bytes:
    return tlv(0x03, b"\x00" + content)


def object_identifier(dotted: str) -> bytes:
    first, second, *rest = (int(each) for each in dotted.split("."))
    content = b"".join(_base128(each) for each in (first * 40 + second, *rest))
    return tlv(0x06, content)


def signature_algorithm(signer: PrivateKey, digest: hashes.HashAlgorithm) -> bytes:
    """The AlgorithmIdentifier of what `signer` makes with `digest` (RFC 5758, RFC 8017, RFC 8410)."""
    if isinstance(signer, rsa.RSAPrivateKey):
        return sequence(object_identifier(_RSA_WITH[digest.name]), b"\x05\x00")
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        return sequence(object_identifier(_ECDSA_WITH[digest.name]))
    if isinstance(signer, dsa.DSAPrivateKey):
        return sequence(object_identifier("2.16.840.1.101.3.4.3.2"))
    last = "112" if isinstance(signer, ed25519.Ed25519PrivateKey) else "113"
    return sequence(object_identifier(f"1.3.101.{last}"))


def sign(signer: PrivateKey, data: bytes, digest: hashes.HashAlgorithm) -> bytes:
    if isinstance(signer, rsa.RSAPrivateKey):
        return signer.sign(data, padding.PKCS1v15(), digest)
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        return signer.sign(data, ec.ECDSA(digest))
    if isinstance(signer, dsa.DSAPrivateKey):
        return signer.sign(data, digest)
    return signer.sign(data)


def _extension(oid: str, critical: bool, value: bytes) -> bytes:
    return sequence(object_identifier(oid), b"\x01\x01\xff" if critical else b"", tlv(0x04, value))


def _time(instant: datetime | bytes) -> bytes:
    """RFC 5280 section 4.1.2.5: UTCTime through 2049. Bytes are taken as they are."""
    if isinstance(instant, bytes):
        return instant
    utc = instant.astimezone(UTC)
    if utc.year < 2050:
        return tlv(0x17, utc.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, utc.strftime("%Y%m%d%H%M%SZ").encode())


def _base128(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | (value & 0x7F))
    return bytes(reversed(groups))


_KEY_USAGES = [
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
]
_RSA_WITH = {
    "md5": "1.2.840.113549.1.1.4",
    "sha1": "1.2.840.113549.1.1.5",
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
}
_ECDSA_WITH = {
    "sha1": "1.2.840.10045.4.1",
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
}
_AUTHORITY: dict[str, object] = {
    "extensions": [basic_constraints(), key_usage("key_cert_sign", "crl_sign")],
}
