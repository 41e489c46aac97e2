"""The register of what our own keys sign: first the row, then the key (G1).

`reserve` commits every byte that will be signed. `sign` reads the row back, signs exactly these bytes, and commits
the certificate into the same row. Neither runs inside a transaction of the caller's: what is not committed is not
recorded. A row in between can be finished by calling `sign` again, which gives the same certificate.
"""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import User
from audit.services import record
from cas.models import Authority, Signing, StatusService
from core import clock
from core.errors import Refused
from core.logs import one_line
from keys import services as vault
from keys.models import Key
from pki.facts import read_certificate
from pki.issuing import Twin, complete
from pki.profiles import Profile

LEASES_UNTIL_SETTLED = 5  # whoever resumes interrupted work has had its chances by then


def reserve(*, issuer: Authority | None, key: Key, twin: Twin, profile: Profile, requester: str) -> Signing:
    """Commit what `key` will sign: serial, subject and end as they stand in the twin, and its bytes (G1, G2).

    `issuer` is None for a root, which signs itself. `requester` is who wants it, in words.
    """
    try:
        with transaction.atomic(durable=True):
            return note(issuer=issuer, key=key, twin=twin, profile=profile, requester=requester)
    except IntegrityError as error:
        name = read_certificate(twin.der).name
        message = f"{name} or its serial number is being signed already. Look at the list, or choose another name."
        raise Refused("already-reserved", message, field="name") from error


def note(*, issuer: Authority | None, key: Key, twin: Twin, profile: Profile, requester: str) -> Signing:
    """The same as a row in the caller's transaction, which commits it together with the row that it is for."""
    facts = read_certificate(twin.der)
    return Signing.objects.create(
        key=key,
        issuer=issuer,
        serial=facts.serial,
        subject=one_line(facts.name)[:300],
        profile=profile.name,
        profile_version=profile.version,
        tbs=twin.tbs,
        tbs_sha256=twin.tbs_sha256,
        signature_algorithm=twin.signature_algorithm,
        not_after=facts.not_after,
        requester=requester[:200],
    )


def sign(signing: Signing) -> bytes:
    """Return the certificate (DER) of a reserved row, signing it unless that was done before.

    Nothing but what the database holds is signed, and only while its hash is the one that was recorded (G5).
    """
    row = _committed(signing)
    if row.der is not None:
        return bytes(row.der)
    tbs = bytes(row.tbs)
    if hashlib.sha256(tbs).hexdigest() != row.tbs_sha256:
        raise Refused("record-differs", "The bytes to be signed are not those that were linted. Nothing was signed.")
    signature = vault.sign(row.key_id, tbs)
    public_key = vault.public_key(row.key_id)
    der = complete(tbs, algorithm=row.signature_algorithm, signature=signature, issuer_public_key_der=public_key)
    return _keep(row, der)


def settle_stale() -> int:
    """Say `may-exist` of what was reserved long ago and never finished; return how many rows were settled."""
    stale = Signing.objects.reserved_before(stale_since())
    return stale.update(state=Signing.State.MAY_EXIST)


def stale_since() -> datetime:
    """Who began before this instant and is not done was interrupted."""
    return clock.now() - timedelta(seconds=settings.LEASE_SECONDS * LEASES_UNTIL_SETTLED)


def revoke_signing(signing: Signing, *, actor: User, reason: str) -> Signing:
    """Revoke by serial what was signed or may exist; a reserved row can then no longer be finished."""
    with transaction.atomic():
        revoked = Signing.objects.filter(pk=signing.pk, revoked_at__isnull=True)
        if not revoked.update(revoked_at=clock.now(), revocation_reason=reason):
            raise Refused("already-revoked", "This serial number is revoked already.")
        signing.refresh_from_db()
        StatusService.objects.filter(authority=signing.issuer_id).update(revocations=F("revocations") + 1)
        record(actor, "signing.revoked", subject=signing, serial=signing.serial, reason=reason)
    return signing


def _committed(signing: Signing) -> Signing:
    """Read the row as others see it; inside a caller's transaction this raises, because nothing would be
    committed before the key is used."""
    with transaction.atomic(durable=True):
        row = Signing.objects.get(pk=signing.pk)
    if row.revoked_at is not None:
        raise Refused("revoked-meanwhile", "This serial number was revoked. Ask for a new certificate.")
    return row


def _keep(row: Signing, der: bytes) -> bytes:
    """Commit the certificate. Where another worker finished the same row first, its certificate is the one."""
    with transaction.atomic(durable=True):
        kept = Signing.objects.open_to_sign().filter(pk=row.pk)
        if kept.update(state=Signing.State.SIGNED, der=der, signed_at=clock.now()):
            return der
    return bytes(_committed(row).der or b"")
