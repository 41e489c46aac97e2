"""This process's session with a PKCS#11 token, and what is asked of it. Only `keys.tokens` calls this.

A process speaks with its token by one thread at a time, and never by what it inherited over a fork (PKCS#11 2.40 base
specification, section 5.4): a lock is held around each use, a fork waits for it, and the child opens everything anew.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, TokenFlag

from core.errors import Refused
from keys.errors import TokenAway
from pki import token_forms
from pki.signatures import read_public_key

log = logging.getLogger(__name__)
# seconds: SoftHSM writes the state of its token at each login, and who looks for it at that moment sees none
_PAUSES = (0.1, 0.4)
T = TypeVar("T")

# what a token says of a kind of key that it does not make
_CANNOT = (
    pkcs11.MechanismInvalid, pkcs11.MechanismParamInvalid, pkcs11.KeySizeRange, pkcs11.DomainParamsInvalid,
    pkcs11.TemplateInconsistent, pkcs11.AttributeValueInvalid, pkcs11.FunctionNotSupported,
)  # fmt: skip
_WORDS: dict[type[Exception], str] = {
    pkcs11.NoSuchToken: "The token is not there: none has the label in CERTADMIN_PKCS11_TOKEN. Put it back, or correct "
    "the label.",
    pkcs11.MultipleTokensReturned: "Several tokens have the label in CERTADMIN_PKCS11_TOKEN. Take all but one away.",
    pkcs11.NoSuchKey: "The key is not in the token. Put back the token that it was made in, or restore its backup.",
    pkcs11.PinLocked: "The token is locked after too many wrong PINs. Unlock it by its own tools, correct "
    "CERTADMIN_PKCS11_PIN, and restart.",
}
_WRONG_PIN = (
    "The token refuses the PIN, which is not tried again, so that the token is not locked. Correct "
    "CERTADMIN_PKCS11_PIN, and restart."
)
_LAST_TRY = (
    "The token was given wrong PINs and takes one more try, which is left to you. Log in to it by its own tools, look "
    "at CERTADMIN_PKCS11_PIN, and restart."
)
_NO_MODULE = "The token's library does not load. Set CERTADMIN_PKCS11_MODULE to its path, for every process."
_SILENT = "The token does not answer. It is tried again; look at the token if this stays."


@dataclass(frozen=True, slots=True)
class Access:
    """How to come to a token."""

    module: str
    token: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Opened:
    access: Access
    process: int
    library: Any
    session: pkcs11.Session


class _Line:
    """The one session of this process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._opened: _Opened | None = None
        self._refused: set[Access] = set()
        os.register_at_fork(
            before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._lock.release
        )

    def use(self, access: Access, act: Callable[[pkcs11.Session], T]) -> T:
        """Do `act`; where the session is lost meanwhile, once more with a new one."""
        with self._lock:
            try:
                return act(self._session(access))
            except _CANNOT:
                raise _cannot() from None
            except pkcs11.PKCS11Error as error:
                log.warning("The session with the token is opened anew after %r", error)
                self._close()
            try:
                return act(self._session(access))
            except pkcs11.PKCS11Error as error:
                self._close()
                raise _away(error) from None

    def hang_up(self) -> None:
        """End the session; whoever comes next opens one, and may try a refused PIN again."""
        with self._lock:
            self._close()
            self._refused.clear()

    def _session(self, access: Access) -> pkcs11.Session:
        opened = self._opened
        if opened is None or (opened.access, opened.process) != (access, os.getpid()):
            self._close()
            opened = self._opened = self._open(access)
        return opened.session

    def _open(self, access: Access) -> _Opened:
        if access in self._refused:
            raise TokenAway("token-away", _WRONG_PIN)
        try:
            return _open_patiently(access)
        except pkcs11.PKCS11Error as error:
            if isinstance(error, _WRONG_PINS):
                self._refused.add(access)
            raise _away(error) from None

    def _close(self) -> None:
        if self._opened is not None:
            _finalize(self._opened.library)
            self._opened = None


_WRONG_PINS = (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange)
_line = _Line()
hang_up = _line.hang_up


def generate(access: Access, key_id: UUID, key_type: str) -> bytes:
    """Make a key pair that signs and never leaves the token; return its SubjectPublicKeyInfo (DER)."""
    parameters = token_forms.curve_parameters(key_type)

    def act(session: pkcs11.Session) -> bytes:
        _destroy(session, key_id)  # an earlier try whose answer was lost
        if parameters is None:
            public, private = _generate_rsa(session, key_id, key_type)
            spki = token_forms.rsa_public_key(public[Attribute.MODULUS], public[Attribute.PUBLIC_EXPONENT])
        else:
            public, private = _generate_ec(session, key_id, parameters)
            spki = token_forms.ec_public_key(key_type, public[Attribute.EC_POINT])
        _refuse_extractable(session, key_id, private)
        return spki

    return _line.use(access, act)


def sign(access: Access, key_id: UUID, spki: bytes, digests: Sequence[bytes]) -> list[bytes]:
    """The signature over each of `digests`, in the form that certificates have."""
    public_key = read_public_key(spki)
    wanted = [token_forms.to_sign(public_key, digest) for digest in digests]

    def act(session: pkcs11.Session) -> list[bytes]:
        key = _private_key(session, key_id)
        mechanism = Mechanism.RSA_PKCS if key.key_type == KeyType.RSA else Mechanism.ECDSA
        return [key.sign(each, mechanism=mechanism) for each in wanted]

    return [token_forms.from_raw(public_key, raw) for raw in _line.use(access, act)]


def digest_and_sign(access: Access, key_id: UUID, spki: bytes, messages: Sequence[bytes]) -> list[bytes]:
    """The same for whole messages, by the hash that belongs to the key."""
    return sign(access, key_id, spki, token_forms.digests_of(read_public_key(spki), messages))


def look_for(access: Access, key_id: UUID) -> None:
    """Raise `TokenAway` unless the key is there."""
    _line.use(access, lambda session: _private_key(session, key_id))


def look(access: Access) -> None:
    """Raise `TokenAway` unless the token answers."""
    _line.use(access, lambda session: session.token.slot.get_token())


def destroy(access: Access, key_id: UUID) -> None:
    """Leave nothing of the key pair; nothing happens where there is none."""
    _line.use(access, lambda session: _destroy(session, key_id))


def _open_patiently(access: Access) -> _Opened:
    for pause in _PAUSES:
        with suppress(pkcs11.NoSuchToken, pkcs11.GeneralError):
            return _open(access)
        time.sleep(pause)
    return _open(access)


def _open(access: Access) -> _Opened:
    library = _load(access.module)
    try:
        return _Opened(access, os.getpid(), library, _log_in(library, access))
    except (pkcs11.PKCS11Error, TokenAway):
        _finalize(library)
        raise


def _load(module: str) -> Any:
    try:
        return pkcs11.lib(module)
    except pkcs11.PKCS11Error as error:
        log.warning("The token's library does not load: %s", error)
        raise TokenAway("token-away", _NO_MODULE) from None


def _log_in(library: Any, access: Access) -> pkcs11.Session:
    token = library.get_token(token_label=access.token)
    if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
        raise TokenAway("token-away", _LAST_TRY)
    session: pkcs11.Session = token.open(rw=True, user_pin=access.pin)
    return session


def _finalize(library: Any) -> None:
    with suppress(pkcs11.PKCS11Error):  # after a fork, a library may say that it knows of nothing to end
        library.finalize()


def _generate_ec(session: pkcs11.Session, key_id: UUID, parameters: bytes) -> tuple[Any, Any]:
    curve = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: parameters}, local=True)
    return curve.generate_keypair(**_wanted(key_id))


def _generate_rsa(session: pkcs11.Session, key_id: UUID, key_type: str) -> tuple[Any, Any]:
    return session.generate_keypair(KeyType.RSA, token_forms.rsa_bits(key_type), **_wanted(key_id))


def _wanted(key_id: UUID) -> dict[str, Any]:
    """It lies in the token, signs, and does nothing else."""
    private = {
        Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.MODIFIABLE: False,
    }  # fmt: skip
    capabilities = MechanismFlag.SIGN | MechanismFlag.VERIFY
    named = {"id": key_id.bytes, "label": str(key_id), "store": True, "capabilities": capabilities}
    return {**named, "private_template": private}


def _refuse_extractable(session: pkcs11.Session, key_id: UUID, private: Any) -> None:
    """A token may do as it likes with what it was asked for."""
    if private[Attribute.SENSITIVE] and not private[Attribute.EXTRACTABLE]:
        return
    _destroy(session, key_id)
    raise Refused(
        "token-unsafe", "The token made a key that can be read out of it. It was destroyed: use another token."
    )


def _private_key(session: pkcs11.Session, key_id: UUID) -> Any:
    return session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=key_id.bytes)


def _destroy(session: pkcs11.Session, key_id: UUID) -> None:
    for found in list(session.get_objects({Attribute.ID: key_id.bytes})):
        found.destroy()


def _cannot() -> Refused:
    message = "The token makes no keys of this kind, or signs with none. Choose another kind."
    return Refused("token-cannot", message, field="key_type")


def _away(error: pkcs11.PKCS11Error) -> TokenAway:
    log.warning("The token is away: %r", error)
    words = _WRONG_PIN if isinstance(error, _WRONG_PINS) else _WORDS.get(type(error), _SILENT)
    return TokenAway("token-away", words)
