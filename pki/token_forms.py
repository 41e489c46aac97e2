"""What a PKCS#11 token takes and gives, and how the rest of the world writes the same."""

from collections.abc import Sequence
from hashlib import new as new_hash

from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.errors import PkiError
from pki.private_keys import CURVES, KEY_TYPES, RSA_SIZES
from pki.signatures import PublicKey, hash_algorithm

_CURVE_OIDS = {"P-256": bytes.fromhex("06082a8648ce3d030107"), "P-384": bytes.fromhex("06052b81040022")}
# the DER of DigestInfo before a SHA-256 digest (RFC 8017 section 9.2, note 1)
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def curve_parameters(key_type: str) -> bytes | None:
    """The DER of the named curve's OID, as CKA_EC_PARAMS has it, or None for RSA. A PkiError `key-type-unknown` for
    what is none of `KEY_TYPES`."""
    if key_type not in KEY_TYPES:
        message = f"No key of type {key_type!r} is made in a token; choose one of {', '.join(KEY_TYPES)}."
        raise PkiError("key-type-unknown", message)
    return _CURVE_OIDS.get(key_type)


def rsa_bits(key_type: str) -> int:
    """The length of the modulus."""
    return RSA_SIZES[key_type]


def ec_public_key(key_type: str, point: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo of CKA_EC_POINT: an uncompressed point, in an OCTET STRING as the standard wants it,
    or bare as some tokens give it. A PkiError `public-key-unreadable` for what is no such point."""
    curve = CURVES[key_type]
    size = 1 + 2 * (curve.key_size // 8)
    try:
        return _spki(ec.EllipticCurvePublicKey.from_encoded_point(curve, point[-size:]))
    except ValueError as error:
        raise PkiError("public-key-unreadable", "The token gave a public key that is none.") from error


def rsa_public_key(modulus: bytes, exponent: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo of CKA_MODULUS and CKA_PUBLIC_EXPONENT (big-endian)."""
    numbers = rsa.RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big"))
    return _spki(numbers.public_key())


def digests_of(public_key: PublicKey, messages: Sequence[bytes]) -> list[bytes]:
    """The digest of each message, by the hash that belongs to the key."""
    name = hash_algorithm(public_key).name
    return [new_hash(name, message).digest() for message in messages]


def to_sign(public_key: PublicKey, digest: bytes) -> bytes:
    """What CKM_ECDSA or CKM_RSA_PKCS signs: the digest, for RSA inside a DigestInfo (RFC 8017 section 9.2). A
    ValueError where the digest is not of the key's hash."""
    if len(digest) != hash_algorithm(public_key).digest_size:
        raise ValueError(f"a digest of {len(digest)} octets is not of the key's hash")
    return digest if isinstance(public_key, ec.EllipticCurvePublicKey) else _SHA256_INFO + digest


def from_raw(public_key: PublicKey, raw: bytes) -> bytes:
    """A token's signature as X.509 has it: the DER ECDSA-Sig-Value (RFC 3279 section 2.2.3) of r and s, which a token
    gives one after the other; the octets of RSA stay as they are."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return raw
    half = len(raw) // 2
    return utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def _spki(public_key: PublicKey) -> bytes:
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
