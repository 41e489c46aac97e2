"""Private keys of servers, made here: sealed until their holder has them or the time is over, then destroyed."""

from django.db import transaction

from accounts.models import User
from audit.services import SYSTEM, record
from certificates.models import ServerCertificate
from core import clock
from core.errors import Forbidden, Refused
from keys import services as vault
from pki import server_files
from pki.errors import PkiError


def private_key_pem(row: ServerCertificate, *, actor: User) -> bytes:
    """The private key as PKCS#8. Who reads it is written down and committed before it is opened."""
    _refuse(row, actor)
    if row.key_id is None or row.der is None:
        raise _gone()
    vault.check_kek()
    with transaction.atomic():
        record(actor, "server-certificate.key-downloaded", subject=row)
    try:
        return server_files.private_key_pem(vault.open_private_key(row.key_id), bytes(row.der))
    except PkiError as error:
        raise Refused(error.code, error.message) from None


def confirm_receipt(row: ServerCertificate, *, actor: User) -> ServerCertificate:
    """The server has the key: destroy ours."""
    _refuse(row, actor)
    with transaction.atomic():
        waiting = ServerCertificate.objects.filter(pk=row.pk, key_confirmed_at__isnull=True)
        if waiting.update(key_confirmed_at=clock.now()) and row.key_id:
            vault.destroy_key(row.key_id)
            record(actor, "server-certificate.key-received", subject=row)
    row.refresh_from_db()
    return row


def destroy_due_keys() -> int:
    """Destroy the keys that waited too long; return how many."""
    count = 0
    for row in ServerCertificate.objects.with_key_to_destroy(clock.now()).defer("der", "csr"):
        with transaction.atomic():
            if row.key_id and vault.destroy_key(row.key_id):
                record(SYSTEM, "server-certificate.key-destroyed", subject=row)
                count += 1
    return count


def _refuse(row: ServerCertificate, actor: User) -> None:
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "The key is for operators.")
    if not row.has_sealed_key:
        raise _gone()


def _gone() -> Refused:
    return Refused("key-gone", "The private key is not here any more. Renew the certificate to get a new one.")
