"""The vault's calls. A private key is unlocked only inside them, and never handed to a task, a log or an error.

Some are sealed in the database, others were made in a token: who calls need not know which."""

import hashlib
import os
import ssl
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from core import bulk, clock
from core.errors import Refused
from keys import kek, tokens
from keys.kek import WrongKek
from keys.models import Canary, Key
from pki import kit, private_keys, sealing
from pki.errors import PkiError
from pki.sealing import SealBroken, Sealed

KEY_COLUMNS = (
    "id", "purpose", "key_type", "public_key", "spki_sha256", "kek_id", "wrap_nonce", "wrapped_key", "nonce",
    "ciphertext",
)  # fmt: skip


def create_key(key_type: str, *, purpose: str, provider: str = Key.Provider.SEALED) -> Key:
    """Make a key pair, and keep its private half sealed, or make it in the token."""
    if provider == Key.Provider.PKCS11:
        return _create_in_token(key_type, purpose)
    check_kek()
    private_der = private_keys.generate(key_type)
    with transaction.atomic():
        row = _new_row(key_type, purpose, private_der, wrapping=_sealing_kek())
        return Key.objects.create(**dict(zip(KEY_COLUMNS, row, strict=True)))


def _create_in_token(key_type: str, purpose: str) -> Key:
    """Whatever keeps the row from being written leaves no key in the token that nobody knows of."""
    key_id, label = uuid.uuid4(), tokens.offered()
    public_der = tokens.generate(key_id, key_type)
    row = Key(id=key_id, provider=Key.Provider.PKCS11, token=label, purpose=purpose, key_type=key_type)
    row.public_key, row.spki_sha256 = public_der, hashlib.sha256(public_der).hexdigest()
    try:
        row.save(force_insert=True)
    except BaseException:
        tokens.destroy([key_id])
        raise
    return row


def create_keys(key_type: str, count: int, *, purpose: str) -> list[tuple[uuid.UUID, bytes]]:
    """Make many key pairs in the caller's transaction; return the id and the SubjectPublicKeyInfo (DER) of each."""
    with transaction.atomic():
        wrapping = _sealing_kek()
        made = (private_keys.generate(key_type) for _ in range(count))
        rows = [_new_row(key_type, purpose, private_der, wrapping=wrapping) for private_der in made]
        bulk.insert(Key, KEY_COLUMNS, rows)
    return [(row[0], row[3]) for row in rows]


def _new_row(key_type: str, purpose: str, private_der: bytes, *, wrapping: bytes) -> tuple[Any, ...]:
    key_id = uuid.uuid4()
    public_der = private_keys.public_key_der(private_der)
    sealed = sealing.seal(private_der, kek=wrapping, key_id=str(key_id))
    spki_sha256 = hashlib.sha256(public_der).hexdigest()
    seal = (sealed.kek_id, sealed.wrap_nonce, sealed.wrapped_key, sealed.nonce, sealed.ciphertext)
    return (key_id, purpose, key_type, public_der, spki_sha256, *seal)


def offered_token() -> str:
    """The label of the token that keys may be made in, or nothing."""
    return tokens.offered()


def public_key(key_id: uuid.UUID) -> bytes:
    """Return the DER SubjectPublicKeyInfo."""
    return bytes(Key.objects.only("public_key").get(pk=key_id).public_key)


def find_key(spki_sha256: str) -> Key | None:
    """Return the key pair whose public half has this hash, unless it is destroyed."""
    return Key.objects.filter(spki_sha256=spki_sha256, destroyed_at__isnull=True).first()


def sign(key_id: uuid.UUID, tbs: bytes) -> bytes:
    """Return the signature over `tbs`, with the hash that belongs to the key's type; the use is counted."""
    return sign_many(key_id, [tbs])[0]


def sign_many(key_id: uuid.UUID, tbses: Sequence[bytes]) -> list[bytes]:
    """The same for each of `tbses`; the key is unlocked once, and each use is counted."""
    row = _alive(key_id)
    if row.is_in_token:
        signatures = tokens.sign_each(row.pk, bytes(row.public_key), tbses)
    else:
        signatures = private_keys.sign_each(_unsealed(row), tbses)
    Key.objects.filter(pk=key_id).update(signatures=F("signatures") + len(signatures))
    return signatures


def sign_digest(key_id: uuid.UUID, digest: bytes) -> bytes:
    """The signature over a message of which only the digest is here; the use is counted."""
    row = _alive(key_id)
    if row.is_in_token:
        signature = tokens.sign_digest(row.pk, bytes(row.public_key), digest)
    else:
        signature = private_keys.sign_digest(_unsealed(row), digest)
    Key.objects.filter(pk=key_id).update(signatures=F("signatures") + 1)
    return signature


def open_private_key(key_id: uuid.UUID) -> bytes:
    """Return the PKCS#8 DER, for handing a made key to its holder. Keep it nowhere. A token gives none out."""
    row = _alive(key_id)
    if row.is_in_token:
        raise Refused("key-in-token", "This private key was made in a token, and never leaves it.")
    return _unsealed(row)


def _alive(key_id: uuid.UUID) -> Key:
    row = Key.objects.get(pk=key_id)
    if row.destroyed_at is not None:
        raise Refused("key-destroyed", "This private key was destroyed. Request a new certificate instead.")
    return row


def _unsealed(row: Key) -> bytes:
    try:
        return sealing.open_sealed(sealed_of(row), kek=kek_of(row), key_id=str(row.pk))
    except SealBroken as broken:
        raise WrongKek(broken.code, broken.message) from None


def client_tls(key_id: uuid.UUID, leaf: bytes, *, trust: str = "") -> ssl.SSLContext:
    """A TLS client that shows `leaf` (DER) and holds its key; `trust` is PEM, and the system's trust where it is empty.

    It speaks TLS 1.2, as stations do: there a server says inside the handshake what it thinks of the certificate.

    The key goes to OpenSSL by way of a file in memory that nobody else can open and that is gone afterwards.
    """
    context = ssl.create_default_context(cadata=trust or None)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with os.fdopen(os.memfd_create("", os.MFD_CLOEXEC), "wb") as memory:
        memory.write(kit.private_key_pem(open_private_key(key_id), leaf) + ssl.DER_cert_to_PEM_cert(leaf).encode())
        memory.flush()
        context.load_cert_chain(f"/proc/self/fd/{memory.fileno()}")
    return context


def destroy_key(key_id: uuid.UUID) -> bool:
    """Destroy the data key, so that no later backup can open the private key; tell whether this call did it."""
    return bool(destroy_keys([key_id]))


def destroy_keys(key_ids: Sequence[uuid.UUID]) -> int:
    """The same for many; return how many were destroyed by this call. A token's key is destroyed there once this is
    committed: what is rolled back must still sign."""
    alive = Key.objects.alive().filter(pk__any_of=key_ids)
    in_token = list(alive.in_token().values_list("pk", flat=True))
    if in_token:
        transaction.on_commit(partial(tokens.destroy, in_token), robust=True)
    return alive.update(destroyed_at=clock.now(), wrapped_key=None, wrap_nonce=None, nonce=None, ciphertext=None)


def prepare() -> bool:
    """Make the key-encryption key and its canary on the first run; tell whether the key was made here.

    A database that already has a canary never gets a new key: it would open nothing.
    """
    made = settings.MAKES_KEK and not Canary.objects.exists() and kek.make_file()
    check_kek()
    return made


def check_kek() -> None:
    """Raise `NoKek` or `WrongKek` unless a key at hand opens this database's canary."""
    open_canary(_canary())


def check_key(key_id: uuid.UUID | None) -> None:
    """Raise `VaultClosed` unless the vault opens, and the key is in its token where it belongs into one: whoever asks
    before they reserve leaves nothing that may exist."""
    check_kek()
    if key_id is not None and Key.objects.in_token().filter(pk=key_id).exists():
        tokens.check_key(key_id)


def open_canary(row: Canary) -> bytes:
    """Return the key that this database seals with: the one at hand that opens its canary."""
    try:
        wrapping = kek_of(row)
        sealing.check_canary(sealed_of(row), kek=wrapping)
    except SealBroken:
        raise WrongKek(
            "wrong-kek",
            "This is not the key-encryption key that this database was made with: nothing can be signed. "
            "Put the right one back; a backup of the database is worthless without it.",
        ) from None
    except PkiError as error:
        raise WrongKek(error.code, error.message) from None
    return wrapping


def kek_of(row: Key | Canary) -> bytes:
    """The key at hand under which the row is sealed; where there is none, the one in use, which will not open it."""
    return kek.held().get(row.kek_id) or kek.read()


def _sealing_kek() -> bytes:
    """What to seal with until the caller's transaction ends: no rotation goes past it before that, so that none of its
    rows is left under the old key. SQLite lets only one write at a time."""
    row = _canary()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM keys_canary FOR SHARE")
        row.refresh_from_db()
    return open_canary(row)


def _canary() -> Canary:
    row = Canary.objects.first()
    if row is not None:
        return row
    sealed = sealing.seal_canary(kek.read())
    try:
        with transaction.atomic():
            return Canary.objects.create(
                kek_id=sealed.kek_id,
                wrap_nonce=sealed.wrap_nonce,
                wrapped_key=sealed.wrapped_key,
                nonce=sealed.nonce,
                ciphertext=sealed.ciphertext,
            )
    except IntegrityError:  # another process was faster
        return Canary.objects.get()


def sealed_of(row: Key | Canary) -> Sealed:
    """The columns of a row as the value that they were."""
    return Sealed(
        wrapped_key=bytes(row.wrapped_key or b""),
        wrap_nonce=bytes(row.wrap_nonce or b""),
        nonce=bytes(row.nonce or b""),
        ciphertext=bytes(row.ciphertext or b""),
        kek_id=row.kek_id,
    )
