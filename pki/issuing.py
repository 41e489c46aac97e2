"""Makes certificates in two halves, so that what will be signed is known, linted and recorded before any
key is used.

`prepare` builds a twin under a throw-away key, lints it, and returns the bytes to be signed. Whoever holds
the real key signs exactly these. `complete` puts the two together and trusts neither.
"""

import functools
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki import asn1
from pki.certificate_template import (
    BACKDATING,
    EXTENDED_KEY_USAGES,
    SERIAL_BITS,
    Template,
    path_length,
    refuse_issuer,
    refuse_template,
)
from pki.errors import PkiError
from pki.hosts import address_of
from pki.lint import refuse_lint
from pki.loading import load_certificate
from pki.signatures import (
    ECDSA_SHA384,
    RSA_SHA256,
    PublicKey,
    algorithm_named,
    hash_algorithm,
    is_signed_by,
    read_public_key,
    signature_algorithm,
)

__all__ = [
    "BACKDATING",
    "Template",
    "Twin",
    "complete",
    "hash_algorithm",
    "join",
    "new_serial",
    "prepare",
    "validity",
]

# pkilint wants the preferred name syntax, which has neither a wildcard nor a name of one label (RFC 5280 section
# 4.2.1.6); RFC 6125 section 6.4.3 knows both, and `pki.hosts` let the profile's through before
HOST_LINTS = frozenset({"pkix.invalid_domain_name_syntax"})
NO_EXPIRY = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280 section 4.1.2.5

_ATTRIBUTES = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}
_KEY_USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}


@dataclass(frozen=True, slots=True)
class Twin:
    """What will be signed. `tbs` is the DER TBSCertificate, `tbs_sha256` its lower-case hex digest, `der`
    the twin."""

    tbs: bytes
    tbs_sha256: str
    signature_algorithm: str
    der: bytes


@dataclass(frozen=True, slots=True)
class _Issuer:
    name: x509.Name
    public_key: PublicKey
    key_identifier: x509.SubjectKeyIdentifier


def new_serial() -> int:
    """Draw a serial number: positive, always 20 octets, 158 random bits (RFC 5280 section 4.1.2.2)."""
    return (1 << (SERIAL_BITS - 1)) | secrets.randbits(SERIAL_BITS - 1)


def validity(now: datetime, lifetime: timedelta, issuer_not_after: datetime | None) -> tuple[datetime, datetime]:
    """Return (notBefore, notAfter) in whole seconds: from five minutes ago to `now` + `lifetime`.

    Never past the issuer's own end (None for a root) nor past the year 9999, the last that X.509 can write.
    Raises PkiError `issuer-expired`.
    """
    start = now.astimezone(UTC).replace(microsecond=0)
    last = NO_EXPIRY if issuer_not_after is None else min(issuer_not_after.replace(microsecond=0), NO_EXPIRY)
    if last <= start:
        raise PkiError("issuer-expired", "The issuing authority has expired; renew it or choose another.")
    if lifetime <= timedelta(0):
        raise PkiError("lifetime-refused", "A lifetime must be longer than nothing.")
    return start - BACKDATING, start + min(lifetime, last - start)


def prepare(template: Template) -> Twin:
    """Build and lint the certificate under a throw-away key of the issuer's kind, and return what is to be
    signed.

    Raises PkiError for a template that makes no sense, and its subclass `LintRefused` for one that pkilint
    refuses.
    """
    refuse_template(template)
    subject_key = read_public_key(template.public_key_der)
    subject = _subject(template)
    issuer = _issuer(template, subject, subject_key)
    algorithm = signature_algorithm(issuer.public_key)
    builder = _builder(template, subject, issuer).public_key(subject_key)
    for extension, critical in _extensions(template, subject_key, issuer):
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(_throw_away_key(algorithm.name), algorithm.hash)
    der = certificate.public_bytes(Encoding.DER)
    refuse_lint(der, waived=HOST_LINTS if template.hosts else frozenset())
    tbs = certificate.tbs_certificate_bytes
    return Twin(tbs, hashlib.sha256(tbs).hexdigest(), algorithm.name, der)


def complete(tbs: bytes, *, algorithm: str, signature: bytes, issuer_public_key_der: bytes) -> bytes:
    """Join `tbs` and `signature` to a DER Certificate (RFC 5280 section 4.1).

    `algorithm` is the twin's `signature_algorithm`. Raises PkiError unless the signature verifies with the
    issuer's public key and the result, read again, holds exactly `tbs`.
    """
    issuer_key = read_public_key(issuer_public_key_der)
    if algorithm != signature_algorithm(issuer_key).name:
        raise PkiError(
            "signature-algorithm", f"This issuer does not sign by {algorithm}; prepare the certificate again."
        )
    if not is_signed_by(issuer_key, signature=signature, message=tbs):
        raise PkiError("signature-wrong", "The signature does not belong to these bytes and this issuer.")
    der = join(tbs, algorithm=algorithm, signature=signature)
    _refuse_misread(der, tbs)
    return der


def join(signed: bytes, *, algorithm: str, signature: bytes) -> bytes:
    """Join what was signed and its `signature` by `algorithm` to a DER Certificate (RFC 5280 section 4.1) or
    CertificationRequest (RFC 2986 section 4.2). Nothing is verified."""
    return asn1.sequence(signed, algorithm_named(algorithm).identifier, asn1.bit_string(signature))


def _refuse_misread(der: bytes, tbs: bytes) -> None:
    if load_certificate(der).tbs_certificate_bytes != tbs:
        raise PkiError("tbs-differs", "The certificate does not hold the bytes that were recorded before signing.")


@functools.cache
def _throw_away_key(algorithm: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """One key per way of signing and process: a twin depends on the algorithm, not on the size of an RSA
    key."""
    if algorithm == RSA_SHA256.name:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP384R1() if algorithm == ECDSA_SHA384.name else ec.SECP256R1())


def _builder(template: Template, subject: x509.Name, issuer: _Issuer) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name)
        .serial_number(template.serial)
        .not_valid_before(template.not_before)
        .not_valid_after(template.not_after)
    )


def _extensions(template: Template, subject_key: PublicKey, issuer: _Issuer) -> list[tuple[x509.ExtensionType, bool]]:
    """The extensions in the order in which they are encoded, each with its criticality (RFC 5280 section
    4.2.1)."""
    profile = template.profile
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=profile.is_ca, path_length=path_length(template)), True),
        (_key_usage(profile.key_usage), True),
    ]
    if profile.extended_key_usage:
        usages = [EXTENDED_KEY_USAGES[usage] for usage in sorted(profile.extended_key_usage)]
        extensions.append((x509.ExtendedKeyUsage(usages), False))
    if profile.signs_ocsp:
        extensions.append((x509.OCSPNoCheck(), False))
    if template.hosts:
        extensions.append((_alternative_names(template.hosts), False))
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer.key_identifier)
    return [*extensions, (x509.SubjectKeyIdentifier.from_public_key(subject_key), False), (authority, False)]


def _key_usage(names: frozenset[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{argument: usage in names for usage, argument in _KEY_USAGES.items()})


def _subject(template: Template) -> x509.Name:
    names = [*template.names, ("CN", template.common_name)]
    return x509.Name([x509.NameAttribute(_ATTRIBUTES[name], value) for name, value in names])


def _alternative_names(hosts: tuple[str, ...]) -> x509.SubjectAlternativeName:
    addresses = [address_of(host) for host in hosts]
    return x509.SubjectAlternativeName(
        x509.DNSName(host) if address is None else x509.IPAddress(address)
        for host, address in zip(hosts, addresses, strict=True)
    )


def _issuer(template: Template, subject: x509.Name, subject_key: PublicKey) -> _Issuer:
    if template.issuer_der is None:
        return _Issuer(subject, subject_key, x509.SubjectKeyIdentifier.from_public_key(subject_key))
    certificate = load_certificate(template.issuer_der)
    refuse_issuer(certificate, template)
    public_key = certificate.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise PkiError("issuer-key-refused", "The issuing authority has neither an RSA nor an ECDSA key.")
    return _Issuer(certificate.subject, public_key, _key_identifier(certificate, public_key))


def _key_identifier(certificate: x509.Certificate, public_key: PublicKey) -> x509.SubjectKeyIdentifier:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(public_key)
