"""Many signatures of our own keys at once: recorded and committed first, then made, as `cas.services.signing` does it
for one (G1)."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F

from cas.models import Signing, StatusService
from core import bulk, clock
from core.errors import Refused
from keys import services as vault
from pki.issuing import complete, join


class Reservation(NamedTuple):
    """What will be signed: a row of the register."""

    id: int
    key_id: UUID
    issuer_id: int
    serial: str
    subject: str
    profile: str
    profile_version: int
    tbs: bytes
    tbs_sha256: str
    signature_algorithm: str
    not_after: datetime
    requester: str
    reserved_at: datetime


class Signed(NamedTuple):
    """What became of a reservation."""

    id: int
    der: bytes
    signed_at: datetime
    revoked_at: datetime | None
    revocation_reason: str
    state: str = Signing.State.SIGNED.value


def reserve_many(reservations: Sequence[Reservation]) -> None:
    """Write what will be signed, in the caller's transaction: it is committed before `sign_many` is called."""
    bulk.insert(Signing, Reservation._fields, reservations)


def sign_many(reservations: Sequence[Reservation]) -> list[bytes]:
    """Return the certificates (DER) of these reservations, in their order. Each key is unlocked once.

    Nothing but what the database holds is signed, and only while its hash is the one that was recorded (G5).
    """
    _refuse_unrecorded(reservations)
    by_key: dict[UUID, list[int]] = defaultdict(list)
    for place, each in enumerate(reservations):
        by_key[each.key_id].append(place)
    ders = [b""] * len(reservations)
    for key_id, places in by_key.items():
        signed = _sign_by(key_id, [reservations[place] for place in places])
        for place, der in zip(places, signed, strict=True):
            ders[place] = der
    return ders


def keep_many(signed: Sequence[Signed]) -> None:
    """Write the certificates into their reservations, in the caller's transaction."""
    still_open = Signing.objects.open_to_sign().filter(pk__any_of=[each.id for each in signed])
    if len(still_open.select_for_update().values_list("pk")) != len(signed):
        raise Refused("signed-meanwhile", "Some of these serial numbers were revoked or signed meanwhile.")
    bulk.update(Signing, Signed._fields, signed)


def revoke_many(key_id: UUID, serials: Sequence[str], *, reason: str) -> int:
    """Revoke these serial numbers of a key, in the caller's transaction; return how many were not before. Who did it
    and why is recorded by the caller, once for each certificate."""
    open_ = Signing.objects.filter(key=key_id, serial__any_of=serials, revoked_at__isnull=True)
    count = open_.update(revoked_at=clock.now(), revocation_reason=reason)
    StatusService.objects.filter(authority__key=key_id).update(revocations=F("revocations") + count)
    return count


def _refuse_unrecorded(reservations: Sequence[Reservation]) -> None:
    """Look at the rows as others see them; inside a caller's transaction this raises, because nothing would be
    committed before the keys are used."""
    with transaction.atomic(durable=True):
        rows = Signing.objects.open_to_sign().filter(pk__any_of=[each.id for each in reservations])
        recorded = dict(rows.values_list("pk", "tbs_sha256"))
    if any(recorded.get(each.id) != hashlib.sha256(each.tbs).hexdigest() for each in reservations):
        message = "What is to be signed is not what was recorded, or it was revoked meanwhile. Nothing was signed."
        raise Refused("record-differs", message)


def _sign_by(key_id: UUID, reservations: Sequence[Reservation]) -> list[bytes]:
    """One signature of each lot is verified: a wrong key or algorithm would make all of them wrong."""
    signatures = vault.sign_many(key_id, [each.tbs for each in reservations])
    first, public_key = reservations[0], vault.public_key(key_id)
    complete(first.tbs, algorithm=first.signature_algorithm, signature=signatures[0], issuer_public_key_der=public_key)
    return [
        join(each.tbs, algorithm=each.signature_algorithm, signature=signature)
        for each, signature in zip(reservations, signatures, strict=True)
    ]
