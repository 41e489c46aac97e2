"""The facts of one certificate, read once (RFC 5280 section 4)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from pki.der import SEQUENCE, DerReader, MalformedDer
from pki.errors import PkiError
from pki.extension_facts import ExtensionFacts, read_extensions
from pki.public_keys import describe_key, load_public_key, made_signature
from pki.quiet import quietly


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Everything that columns and pages need of a certificate, so that nothing parses it twice.

    `der` is the certificate as handed in. `sha256` and `spki_sha256` are lower-case hex digests of the DER and
    of the SubjectPublicKeyInfo. `subject` and `issuer` are RFC 4514 text; `subject_der` and `issuer_der` the
    encoded names, which is what a verifier compares. `serial` is lower-case hex without a prefix. Instants are
    aware UTC. `key_usage` and `extended_key_usage` are None where the extension is absent, and then nothing is
    restricted. `extensions` and `critical_extensions` hold dotted OIDs.
    """

    der: bytes
    sha256: str
    subject: str
    issuer: str
    subject_der: bytes
    issuer_der: bytes
    common_names: tuple[str, ...]
    serial: str
    not_before: datetime
    not_after: datetime
    spki_sha256: str
    key_type: str  # "P-256", "P-384", "RSA 2048", "Ed25519", "DSA 1024", …
    signature_algorithm: str  # "ecdsa-with-SHA256", …
    has_basic_constraints: bool
    is_ca: bool
    path_length: int | None
    key_usage: frozenset[str] | None  # RFC 5280 names: "digitalSignature", "keyCertSign", …
    extended_key_usage: frozenset[str] | None  # "clientAuth", "serverAuth", … or the dotted OID
    subject_key_identifier: str | None
    authority_key_identifier: str | None
    is_self_issued: bool
    is_self_signed: bool  # self-issued, and its own key verifies the signature
    version: int
    spki: bytes  # the DER of the SubjectPublicKeyInfo
    rsa_modulus: int | None
    extensions: frozenset[str]
    critical_extensions: frozenset[str]
    name_constraints: tuple[str, ...]  # "permitted DNS name example.com", …

    def allows(self, usage: str) -> bool:
        """Whether this extended key usage is allowed: named, or nothing is restricted."""
        named = self.extended_key_usage
        return named is None or usage in named or "anyExtendedKeyUsage" in named

    @property
    def name(self) -> str:
        """The common name where there is one, else the whole subject."""
        return self.common_names[-1] if self.common_names else self.subject


@quietly()
def read_certificate(der: bytes) -> CertificateFacts:
    """Parse `der`, extensions and public key included, so that no later reader can fail.

    Raises PkiError: `malformed-certificate`, `unsupported-version`, `unsupported-key` or `malformed-extension`.
    """
    certificate = _load(der)
    key = _public_key(certificate)
    extensions = _extensions(certificate)
    try:
        return _gather(certificate, key=key, extensions=extensions, raw=_read_raw_names(certificate), der=der)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PkiError("malformed-certificate", "The certificate is damaged: a name cannot be read.") from error


@quietly()
def is_signed_by(facts: CertificateFacts, issuer: CertificateFacts) -> bool:
    """Tell whether the key of `issuer` made the signature of `facts`; names are not compared."""
    return made_signature(load_public_key(issuer.spki), _load(facts.der))


@dataclass(frozen=True, slots=True)
class _RawNames:
    """Slices of the certificate as it came: re-encoding might tidy what a verifier compares by bytes."""

    issuer: bytes
    subject: bytes
    spki: bytes


def _gather(
    certificate: x509.Certificate,
    *,
    key: PublicKeyTypes,
    extensions: ExtensionFacts,
    raw: _RawNames,
    der: bytes,
) -> CertificateFacts:
    is_self_issued = raw.issuer == raw.subject
    return CertificateFacts(
        der=der,
        sha256=hashlib.sha256(der).hexdigest(),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        subject_der=raw.subject,
        issuer_der=raw.issuer,
        common_names=_common_names(certificate.subject),
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        spki_sha256=hashlib.sha256(raw.spki).hexdigest(),
        key_type=describe_key(key),
        signature_algorithm=_signature_name(certificate.signature_algorithm_oid),
        has_basic_constraints=extensions.has_basic_constraints,
        is_ca=extensions.is_ca,
        path_length=extensions.path_length,
        key_usage=extensions.key_usage,
        extended_key_usage=extensions.extended_key_usage,
        subject_key_identifier=extensions.subject_key_identifier,
        authority_key_identifier=extensions.authority_key_identifier,
        is_self_issued=is_self_issued,
        is_self_signed=is_self_issued and made_signature(key, certificate),
        version=certificate.version.value + 1,
        spki=raw.spki,
        rsa_modulus=key.public_numbers().n if isinstance(key, rsa.RSAPublicKey) else None,
        extensions=extensions.present,
        critical_extensions=extensions.critical,
        name_constraints=extensions.name_constraints,
    )


def _load(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:
        message = "The certificate's version is not one that certificates have: make a version 3 certificate."
        raise PkiError("unsupported-version", message) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PkiError("malformed-certificate", "This is a damaged certificate, or none at all.") from error


def _public_key(certificate: x509.Certificate) -> PublicKeyTypes:
    try:
        return certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        message = "The public key is damaged or of a kind that nobody here can use: make a P-256 or RSA 2048 key."
        raise PkiError("unsupported-key", message) from error


def _extensions(certificate: x509.Certificate) -> ExtensionFacts:
    try:
        return read_extensions(certificate.extensions)
    except x509.DuplicateExtension as error:
        message = f"The extension {error.oid.dotted_string} stands in the certificate twice, which no reader accepts."
        raise PkiError("malformed-extension", message) from error
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType) as error:
        raise PkiError("malformed-extension", "An extension of the certificate cannot be read.") from error


def _read_raw_names(certificate: x509.Certificate) -> _RawNames:
    """Find issuer, subject and key in the TBSCertificate (RFC 5280 section 4.1)."""
    try:
        reader = DerReader(certificate.tbs_certificate_bytes).enter(SEQUENCE)
        reader.read_optional(0xA0)  # version
        reader.read_any(), reader.read_any()  # serial number, signature algorithm
        issuer = reader.read_any().full
        reader.read_any()  # validity
        return _RawNames(issuer, reader.read_any().full, reader.read_any().full)
    except MalformedDer as error:
        raise PkiError("malformed-certificate", "This is a damaged certificate, or none at all.") from error


def _common_names(subject: x509.Name) -> tuple[str, ...]:
    """All of them: Go takes the last."""
    values = (each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME))
    return tuple(value if isinstance(value, str) else value.hex() for value in values)


def _signature_name(oid: x509.ObjectIdentifier) -> str:
    return _SIGNATURES.get(oid.dotted_string, oid.dotted_string)


_SIGNATURES = {  # RFC 3279, RFC 4055, RFC 5758, RFC 8410
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.2.840.10040.4.3": "dsa-with-SHA1",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "1.3.14.3.2.29": "sha1WithRSAEncryption",
    "2.16.840.1.101.3.4.3.2": "dsa-with-SHA256",
}
