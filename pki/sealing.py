"""Envelope encryption of secrets at rest: one data key per secret, itself wrapped by the key-encryption key.

AES-256-GCM (NIST SP 800-38D) both times. Destroying the wrapped data key destroys the secret, in every backup
made afterwards, without touching the key-encryption key.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pki.errors import PkiError

KEY_SIZE = 32
NONCE_SIZE = 12
CANARY = b"certadmin: this key-encryption key is the right one"
CANARY_ID = "canary"


class SealBroken(PkiError):
    """What is sealed cannot be opened: another key-encryption key, altered bytes, or a destroyed data key."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as it may lie in a database. `wrapped_key` is empty once the data key has been destroyed."""

    wrapped_key: bytes
    wrap_nonce: bytes
    nonce: bytes
    ciphertext: bytes
    kek_id: str


def seal(plaintext: bytes, *, kek: bytes, key_id: str, purpose: str = "private-key") -> Sealed:
    """Encrypt under a fresh data key; what comes out opens only with the same `key_id` and `purpose`.

    `kek` is the key-encryption key, 32 octets.
    """
    _check_kek(kek)
    data_key, wrap_nonce, nonce = (secrets.token_bytes(size) for size in (KEY_SIZE, NONCE_SIZE, NONCE_SIZE))
    return Sealed(
        wrapped_key=AESGCM(kek).encrypt(wrap_nonce, data_key, _bound_to("data-key", purpose, key_id)),
        wrap_nonce=wrap_nonce,
        nonce=nonce,
        ciphertext=AESGCM(data_key).encrypt(nonce, plaintext, _bound_to("secret", purpose, key_id)),
        kek_id=kek_id(kek),
    )


def open_sealed(sealed: Sealed, *, kek: bytes, key_id: str, purpose: str = "private-key") -> bytes:
    """Decrypt what `seal` made. Raises `SealBroken`, whose code tells `wrong-kek` from `data-key-destroyed`
    from `seal-broken` (altered, or taken from another row)."""
    data_key = _data_key(sealed, kek=kek, key_id=key_id, purpose=purpose)
    try:
        return AESGCM(data_key).decrypt(sealed.nonce, sealed.ciphertext, _bound_to("secret", purpose, key_id))
    except (InvalidTag, ValueError):
        raise _broken() from None


def rewrap(sealed: Sealed, *, old: bytes, new: bytes, key_id: str, purpose: str = "private-key") -> Sealed:
    """Put the data key from under the key-encryption key `old` under `new`. The secret itself is not touched, nor
    opened. Raises `SealBroken` as `open_sealed` does."""
    _check_kek(new)
    data_key, wrap_nonce = _data_key(sealed, kek=old, key_id=key_id, purpose=purpose), secrets.token_bytes(NONCE_SIZE)
    wrapped_key = AESGCM(new).encrypt(wrap_nonce, data_key, _bound_to("data-key", purpose, key_id))
    return replace(sealed, wrapped_key=wrapped_key, wrap_nonce=wrap_nonce, kek_id=kek_id(new))


def kek_id(kek: bytes) -> str:
    """Name a key-encryption key by 16 hex digits that tell nothing about it."""
    _check_kek(kek)
    return hmac.new(kek, b"certadmin key-encryption key id", hashlib.sha256).hexdigest()[:16]


def seal_canary(kek: bytes) -> Sealed:
    """Make the value that is stored on the first run and opened at every start."""
    return seal(CANARY, kek=kek, key_id=CANARY_ID, purpose="canary")


def rewrap_canary(canary: Sealed, *, old: bytes, new: bytes) -> Sealed:
    """The same value under the key-encryption key `new`."""
    check_canary(canary, kek=old)
    return rewrap(canary, old=old, new=new, key_id=CANARY_ID, purpose="canary")


def check_canary(canary: Sealed, *, kek: bytes) -> None:
    """Raise `SealBroken` unless `kek` is the key-encryption key that sealed the canary."""
    if open_sealed(canary, kek=kek, key_id=CANARY_ID, purpose="canary") != CANARY:
        raise SealBroken("wrong-kek", "This is not the key-encryption key of this database; configure the right one.")


def _data_key(sealed: Sealed, *, kek: bytes, key_id: str, purpose: str) -> bytes:
    if not sealed.wrapped_key:
        raise SealBroken(
            "data-key-destroyed", "This key was destroyed after its holder had received it; make a new one."
        )
    if not hmac.compare_digest(sealed.kek_id, kek_id(kek)):
        raise SealBroken("wrong-kek", "This was sealed under another key-encryption key; configure that one.")
    try:
        return AESGCM(kek).decrypt(sealed.wrap_nonce, sealed.wrapped_key, _bound_to("data-key", purpose, key_id))
    except (InvalidTag, ValueError):
        raise _broken() from None


def _broken() -> SealBroken:
    return SealBroken("seal-broken", "The stored secret has been altered; restore it from a backup.")


def _check_kek(kek: bytes) -> None:
    if len(kek) != KEY_SIZE:
        raise PkiError("kek-size", f"A key-encryption key has {KEY_SIZE} octets, and this one has {len(kek)}.")


def _bound_to(layer: str, purpose: str, key_id: str) -> bytes:
    """Lengths are written too, so that no two (purpose, id) pairs spell the same associated data."""
    parts = ("certadmin", "1", layer, purpose, key_id)
    return b"".join(len(part.encode()).to_bytes(2, "big") + part.encode() for part in parts)
