"""Files at rest in encrypted parts, so that a large one is never in memory as a whole.

Each file has its own key: HKDF-SHA-256 (RFC 5869) of the key-encryption key and a salt. Each part is AES-256-GCM (NIST
SP 800-38D) with its number as associated data, so that parts cannot change places.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pki.sealing import KEY_SIZE, NONCE_SIZE, SealBroken

SALT_SIZE = 32


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_SIZE)


def file_key(kek: bytes, salt: bytes) -> bytes:
    """The key, 32 octets, of the file with this salt; `kek` is the key-encryption key."""
    return HKDF(SHA256(), KEY_SIZE, salt, b"certadmin work file").derive(kek)


def seal_part(key: bytes, number: int, content: bytes) -> bytes:
    """A fresh nonce, the encrypted content and its tag."""
    nonce = secrets.token_bytes(NONCE_SIZE)
    return nonce + AESGCM(key).encrypt(nonce, content, _place(number))


def open_part(key: bytes, number: int, sealed: bytes) -> bytes:
    """What `seal_part` was given. Raises `SealBroken` where the key, the number or an octet is another."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], _place(number))
    except (InvalidTag, ValueError):
        raise SealBroken("seal-broken", "This part of the file has been altered, or is of another one.") from None


def _place(number: int) -> bytes:
    return b"certadmin part " + number.to_bytes(8, "big")
