"""Public keys of every kind that turns up in certificates: their names, and whether they made a signature."""

from collections.abc import Mapping

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import SignatureAlgorithmOID

from pki.errors import PkiError

_CURVES = {
    "secp192r1": "P-192",
    "secp224r1": "P-224",
    "secp256r1": "P-256",
    "secp384r1": "P-384",
    "secp521r1": "P-521",
}
# SHA-1 and MD5 are followed so that old roots can be recognised; no OID is missing that Go would verify
_RSA_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "1.2.840.113549.1.1.4": hashes.MD5,
    "1.2.840.113549.1.1.5": hashes.SHA1,
    "1.2.840.113549.1.1.11": hashes.SHA256,
    "1.2.840.113549.1.1.12": hashes.SHA384,
    "1.2.840.113549.1.1.13": hashes.SHA512,
    "1.2.840.113549.1.1.14": hashes.SHA224,
}
_EC_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "1.2.840.10045.4.1": hashes.SHA1,
    "1.2.840.10045.4.3.1": hashes.SHA224,
    "1.2.840.10045.4.3.2": hashes.SHA256,
    "1.2.840.10045.4.3.3": hashes.SHA384,
    "1.2.840.10045.4.3.4": hashes.SHA512,
}
_DSA_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "1.2.840.10040.4.3": hashes.SHA1,
    "2.16.840.1.101.3.4.3.2": hashes.SHA256,
}


def public_pem(spki: bytes) -> bytes:
    """The PEM (RFC 7468, label PUBLIC KEY) of a DER SubjectPublicKeyInfo. Raises PkiError `unsupported-key`."""
    key = load_public_key(spki)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def load_public_key(spki: bytes) -> PublicKeyTypes:
    """Load a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). Raises PkiError `unsupported-key`."""
    try:
        return serialization.load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        message = "The public key is damaged or of a kind that nobody here can use: make a P-256 or RSA 2048 key."
        raise PkiError("unsupported-key", message) from error


def to_spki(key: PublicKeyTypes) -> bytes:
    """The one DER SubjectPublicKeyInfo of `key` that certificates have: RSA as rsaEncryption with NULL, the point of a
    named curve uncompressed (RFC 3279 section 2.3, RFC 5480 section 2)."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def describe_key(key: PublicKeyTypes) -> str:
    """Name the kind of `key` as people do: "P-256", "RSA 2048", "DSA 1024", "Ed25519", "secp256k1"."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, key.curve.name)
    return type(key).__name__.removesuffix("PublicKey")


def made_signature(key: PublicKeyTypes, certificate: x509.Certificate | x509.CertificateSigningRequest) -> bool:
    """Tell whether `key` made the signature of `certificate`. How good the algorithm is, is not said here."""
    try:
        return _verify(key, certificate)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _verify(key: PublicKeyTypes, certificate: x509.Certificate | x509.CertificateSigningRequest) -> bool:
    """An algorithm that is not of the key's own kind verifies nothing, whatever the signature."""
    signature, signed = certificate.signature, _signed_bytes(certificate)
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, _rsa_padding(certificate), _rsa_digest(certificate))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(_digest(certificate, _EC_HASHES)))
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signature, signed, _digest(certificate, _DSA_HASHES))
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        _require_edwards(key, certificate)
        key.verify(signature, signed)
    else:
        return False
    return True


def _signed_bytes(certificate: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    if isinstance(certificate, x509.Certificate):
        return certificate.tbs_certificate_bytes
    return certificate.tbs_certrequest_bytes


def _rsa_digest(certificate: x509.Certificate | x509.CertificateSigningRequest) -> hashes.HashAlgorithm:
    if certificate.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS:
        return certificate.signature_hash_algorithm or hashes.SHA256()
    return _digest(certificate, _RSA_HASHES)


def _digest(
    certificate: x509.Certificate | x509.CertificateSigningRequest,
    known: Mapping[str, type[hashes.HashAlgorithm]],
) -> hashes.HashAlgorithm:
    oid = certificate.signature_algorithm_oid.dotted_string
    if oid not in known:
        raise UnsupportedAlgorithm(oid)
    return known[oid]()


def _require_edwards(
    key: ed25519.Ed25519PublicKey | ed448.Ed448PublicKey,
    certificate: x509.Certificate | x509.CertificateSigningRequest,
) -> None:
    is_short = isinstance(key, ed25519.Ed25519PublicKey)
    oid = SignatureAlgorithmOID.ED25519 if is_short else SignatureAlgorithmOID.ED448
    if certificate.signature_algorithm_oid != oid:
        raise UnsupportedAlgorithm(certificate.signature_algorithm_oid.dotted_string)


def _rsa_padding(
    certificate: x509.Certificate | x509.CertificateSigningRequest,
) -> padding.PKCS1v15 | padding.PSS:
    parameters = certificate.signature_algorithm_parameters
    return parameters if isinstance(parameters, padding.PSS) else padding.PKCS1v15()
