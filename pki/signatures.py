"""Which signature algorithm goes with which key, decided once, so that what is prepared and what is signed
agree."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from pki.errors import PkiError

CURVES = {"secp256r1": "P-256", "secp384r1": "P-384"}

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """One way of signing: the name that is recorded, the DER AlgorithmIdentifier, and the hash."""

    name: str
    identifier: bytes
    hash: hashes.SHA256 | hashes.SHA384


# AlgorithmIdentifiers: RFC 5758 section 3.2 (ECDSA, parameters absent), RFC 4055 section 5 (RSA, parameters
# NULL)
ECDSA_SHA256 = SignatureAlgorithm("ecdsa-with-SHA256", bytes.fromhex("300a06082a8648ce3d040302"), hashes.SHA256())
ECDSA_SHA384 = SignatureAlgorithm("ecdsa-with-SHA384", bytes.fromhex("300a06082a8648ce3d040303"), hashes.SHA384())
RSA_SHA256 = SignatureAlgorithm(
    "sha256WithRSAEncryption", bytes.fromhex("300d06092a864886f70d01010b0500"), hashes.SHA256()
)

_BY_NAME = {algorithm.name: algorithm for algorithm in (ECDSA_SHA256, ECDSA_SHA384, RSA_SHA256)}


def algorithm_named(name: str) -> SignatureAlgorithm:
    """The algorithm that a row recorded by its name; a KeyError for one that is not of these."""
    return _BY_NAME[name]


def read_public_key(der: bytes) -> PublicKey:
    """Read a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7); refuse every kind that is not RSA or
    ECDSA."""
    try:
        key: PublicKeyTypes = serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PkiError("public-key-unreadable", "The public key cannot be read; make a new one.") from error
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise PkiError("key-type-refused", "Gateways and authorities here use RSA or ECDSA keys, and this is neither.")
    return key


def key_type(public_key: PublicKey) -> str:
    """Name the key as columns do: "P-256", "P-384", "RSA 2048", …; another curve keeps its own name."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"RSA {public_key.key_size}"
    return CURVES.get(public_key.curve.name, public_key.curve.name)


def signature_algorithm(public_key: PublicKey) -> SignatureAlgorithm:
    """Say how the holder of `public_key` signs: SHA-256, but SHA-384 on P-384; RSA by PKCS#1 v1.5.

    RSA-PSS would be newer, but Basics Station's mbedTLS 2.28 build does not read it.
    """
    if isinstance(public_key, rsa.RSAPublicKey):
        return RSA_SHA256
    if public_key.curve.name == "secp256r1":
        return ECDSA_SHA256
    if public_key.curve.name == "secp384r1":
        return ECDSA_SHA384
    raise PkiError("key-type-refused", f"Nothing is signed with a key on {public_key.curve.name}; use P-256 or P-384.")


def hash_algorithm(public_key: PublicKey) -> hashes.SHA256 | hashes.SHA384:
    """Return the hash that `signature_algorithm` uses with this key."""
    return signature_algorithm(public_key).hash


def is_signed_by(public_key: PublicKey, *, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` over `message` was made with the private half of `public_key`."""
    return _is_signed(public_key, signature, message, hash_algorithm(public_key))


def is_signed_by_digest(public_key: PublicKey, *, signature: bytes, digest: bytes) -> bool:
    """The same for a message of which only the digest, by the key's own hash, is here."""
    return _is_signed(public_key, signature, digest, utils.Prehashed(hash_algorithm(public_key)))


def _is_signed(
    public_key: PublicKey, signature: bytes, data: bytes, made_by: hashes.SHA256 | hashes.SHA384 | utils.Prehashed
) -> bool:
    try:
        if isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(signature, data, padding.PKCS1v15(), made_by)
        else:
            public_key.verify(signature, data, ec.ECDSA(made_by))
    except InvalidSignature:
        return False
    return True
