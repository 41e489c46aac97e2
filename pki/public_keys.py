"""Public keys of every kind that turns up in certificates: their names, and whether they made a signature."""

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
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "1.2.840.113549.1.1.4": hashes.MD5,
    "1.2.840.113549.1.1.5": hashes.SHA1,
    "1.2.840.113549.1.1.11": hashes.SHA256,
    "1.2.840.113549.1.1.12": hashes.SHA384,
    "1.2.840.113549.1.1.13": hashes.SHA512,
    "1.2.840.113549.1.1.14": hashes.SHA224,
    "1.2.840.10045.4.1": hashes.SHA1,
    "1.2.840.10045.4.3.1": hashes.SHA224,
    "1.2.840.10045.4.3.2": hashes.SHA256,
    "1.2.840.10045.4.3.3": hashes.SHA384,
    "1.2.840.10045.4.3.4": hashes.SHA512,
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
    signature, signed = certificate.signature, _signed_bytes(certificate)
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        key.verify(signature, signed)
        return True
    digest = _digest(certificate)
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, _rsa_padding(certificate), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(digest))
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signature, signed, digest)
    else:
        return False
    return True


def _signed_bytes(certificate: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    if isinstance(certificate, x509.Certificate):
        return certificate.tbs_certificate_bytes
    return certificate.tbs_certrequest_bytes


def _digest(certificate: x509.Certificate | x509.CertificateSigningRequest) -> hashes.HashAlgorithm:
    oid = certificate.signature_algorithm_oid
    if oid == SignatureAlgorithmOID.RSASSA_PSS:
        return certificate.signature_hash_algorithm or hashes.SHA256()
    known = _HASHES.get(oid.dotted_string)
    if known is None:
        raise UnsupportedAlgorithm(oid.dotted_string)
    return known()


def _rsa_padding(
    certificate: x509.Certificate | x509.CertificateSigningRequest,
) -> padding.PKCS1v15 | padding.PSS:
    parameters = certificate.signature_algorithm_parameters
    return parameters if isinstance(parameters, padding.PSS) else padding.PKCS1v15()
