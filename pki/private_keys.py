"""Private keys as bytes in and bytes out. Only the vault calls this: nothing else may hold a private key."""

from collections.abc import Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from pki.errors import PkiError
from pki.signatures import hash_algorithm

CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
RSA_SIZES = {"RSA 2048": 2048, "RSA 3072": 3072, "RSA 4096": 4096}
KEY_TYPES = (*CURVES, *RSA_SIZES)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def generate(key_type: str) -> bytes:
    """Make a key of one of `KEY_TYPES`; out comes unencrypted PKCS#8 DER (RFC 5958). RSA has e = 65537."""
    return _generate(key_type).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_key_der(private_der: bytes) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a PKCS#8 private key."""
    return (
        read_private_key(private_der)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def sign(private_der: bytes, tbs: bytes) -> bytes:
    """Sign `tbs`: the DER ECDSA-Sig-Value (RFC 3279 section 2.2.3), or the PKCS#1 v1.5 octets for RSA."""
    return sign_each(private_der, [tbs])[0]


def sign_each(private_der: bytes, tbses: Sequence[bytes]) -> list[bytes]:
    """The same for each of `tbses`; the key is read once."""
    key = read_private_key(private_der)
    return _sign(key, tbses, hash_algorithm(key.public_key()))


def sign_digest(private_der: bytes, digest: bytes) -> bytes:
    """Sign a message of which only the digest is here, by the hash that belongs to the key's type. A ValueError where
    the digest is not of its size."""
    key = read_private_key(private_der)
    return _sign(key, [digest], utils.Prehashed(hash_algorithm(key.public_key())))[0]


def _sign(
    key: PrivateKey, messages: Sequence[bytes], made_by: hashes.SHA256 | hashes.SHA384 | utils.Prehashed
) -> list[bytes]:
    if isinstance(key, rsa.RSAPrivateKey):
        return [key.sign(message, padding.PKCS1v15(), made_by) for message in messages]
    algorithm = ec.ECDSA(made_by)
    return [key.sign(message, algorithm) for message in messages]


def read_private_key(private_der: bytes) -> PrivateKey:
    """Read PKCS#8 DER; a PkiError for anything else, without a cause that could carry key bytes into a
    log."""
    try:
        # the check of RSA primes takes 40 ms, and the seal has already shown that these are the bytes we made
        key = serialization.load_der_private_key(private_der, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise PkiError("private-key-unreadable", "The stored private key cannot be read; restore a backup.") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise PkiError("key-type-refused", "Only RSA and ECDSA private keys are used here.")
    return key


def _generate(key_type: str) -> PrivateKey:
    if key_type in CURVES:
        return ec.generate_private_key(CURVES[key_type])
    if key_type in RSA_SIZES:
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_SIZES[key_type])
    raise PkiError(
        "key-type-unknown", f"No key of type {key_type!r} is made here; choose one of {', '.join(KEY_TYPES)}."
    )
