"""Replacing the key-encryption key, while everything goes on.

The canary is rewrapped first: from then on whatever is made is sealed under the new key. Then follow the keys, a batch
in each transaction. Each row says what it is sealed under, so that whoever was interrupted just begins again.
"""

from uuid import UUID

from django.db import transaction

from audit.services import Machine, record
from core import bulk
from keys import kek
from keys.kek import WrongKek
from keys.models import Canary, Key
from keys.services import check_kek, kek_of, open_canary, sealed_of
from pki import sealing
from pki.sealing import SealBroken, kek_id

AT_ONCE = 500
COLUMNS = ("id", "kek_id", "wrap_nonce", "wrapped_key")
BY_HAND = Machine("command", "rotate_kek")


def rotate(new: bytes) -> int:
    """Put everything that is sealed under `new`; return how many keys were rewrapped by this call.

    Nothing is changed unless all of it can be opened by the keys at hand. Runs outside of transactions.
    """
    check_kek()
    _refuse_unknown(new)
    _rewrap_canary(new)
    after, count = UUID(int=0), 0
    while done := _rewrap_some(new, after):
        after, count = done[-1], count + len(done)
    return count


def _refuse_unknown(new: bytes) -> None:
    unknown = Key.objects.sealed().exclude(kek_id__in=[*kek.held(), kek_id(new)])
    if unknown.exists():
        raise WrongKek(
            "unknown-kek",
            f"{unknown.count()} keys are sealed under a key-encryption key that is not here. Nothing was changed: "
            "give it as CERTADMIN_OLD_KEK, and begin again.",
        )


def _rewrap_canary(new: bytes) -> None:
    with transaction.atomic():
        row = Canary.objects.select_for_update(no_key=True).get()
        if row.kek_id == kek_id(new):
            return
        old = row.kek_id
        sealed = sealing.rewrap_canary(sealed_of(row), old=open_canary(row), new=new)
        row.kek_id, row.wrap_nonce, row.wrapped_key = sealed.kek_id, sealed.wrap_nonce, sealed.wrapped_key
        row.save()
        record(BY_HAND, "kek.replaced", subject=row, old=old, new=row.kek_id)


def _rewrap_some(new: bytes, after: UUID) -> list[UUID]:
    """Rewrap those that come next by their ids; return the ids."""
    with transaction.atomic():
        left = Key.objects.sealed().filter(pk__gt=after).exclude(kek_id=kek_id(new))
        rows = list(left.select_for_update(no_key=True).order_by("pk")[:AT_ONCE])
        bulk.update(Key, COLUMNS, [_rewrapped(row, new) for row in rows])
    return [row.pk for row in rows]


def _rewrapped(row: Key, new: bytes) -> tuple[object, ...]:
    try:
        sealed = sealing.rewrap(sealed_of(row), old=kek_of(row), new=new, key_id=str(row.pk))
    except SealBroken as broken:
        raise WrongKek(broken.code, f"Key {row.pk}: {broken.message}") from None
    return (row.pk, sealed.kek_id, sealed.wrap_nonce, sealed.wrapped_key)
