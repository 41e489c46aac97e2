"""Private keys in a PKCS#11 token: made there, used there, destroyed there.

What speaks with the token is loaded where there is one only: it takes a tenth of a second of each process's start.
"""

import importlib
import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from keys.errors import TokenAway

log = logging.getLogger(__name__)


def offered() -> str:
    """The label of the token that keys may be made in, or nothing."""
    return settings.PKCS11_TOKEN if settings.PKCS11_MODULE else ""


def generate(key_id: UUID, key_type: str) -> bytes:
    """Make a key pair, which the token knows by `key_id`; return its SubjectPublicKeyInfo (DER)."""
    spki: bytes = _cryptoki().generate(_access(), key_id, key_type)
    return spki


def sign_each(key_id: UUID, spki: bytes, messages: Sequence[bytes]) -> list[bytes]:
    """The signature over each of `messages`, as `pki.private_keys.sign_each` makes them."""
    signatures: list[bytes] = _cryptoki().digest_and_sign(_access(), key_id, spki, messages)
    return signatures


def sign_digest(key_id: UUID, spki: bytes, digest: bytes) -> bytes:
    """The same for a message of which only the digest is here."""
    signature: bytes = _cryptoki().sign(_access(), key_id, spki, [digest])[0]
    return signature


def check_key(key_id: UUID) -> None:
    """Raise `TokenAway` unless the key can be used now."""
    _cryptoki().look_for(_access(), key_id)


def check() -> None:
    """Raise `TokenAway` unless the token answers."""
    _cryptoki().look(_access())


def destroy(key_ids: Sequence[UUID]) -> None:
    """Destroy these where the token is at hand. Where it is away, the log names what an operator has to destroy there;
    the vault uses it no more."""
    for key_id in key_ids:
        try:
            _cryptoki().destroy(_access(), key_id)
        except TokenAway as away:
            log.error("The token still has the destroyed key %s: destroy it there. %s", key_id, away.message)


def _cryptoki() -> Any:
    return importlib.import_module("keys.cryptoki")


def _access() -> object:
    if not (settings.PKCS11_MODULE and settings.PKCS11_TOKEN and settings.PKCS11_PIN):
        names = "CERTADMIN_PKCS11_MODULE, CERTADMIN_PKCS11_TOKEN and CERTADMIN_PKCS11_PIN"
        raise TokenAway("token-away", f"The key lives in a token, and none is configured: set {names}, and restart.")
    return _cryptoki().Access(settings.PKCS11_MODULE, settings.PKCS11_TOKEN, settings.PKCS11_PIN)
