"""Revoking many at once: first what it would do, then the act, which means what was looked at and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from django.db import transaction
from django.db.models import Count

from accounts.models import User
from audit.services import Act, record_many
from cas import bulk as register
from cas.models import Authority
from certificates.models import Certificate, CertificateQuerySet
from certificates.services import mails
from certificates.services.current import refresh_after_revocation
from certificates.services.many import parts, picked
from certificates.services.revocation import refuse_unknown
from core import clock
from core.errors import Forbidden
from keys import services as vault

MOST = 20_000


@dataclass(frozen=True, slots=True)
class Share:
    """How many of an authority or of a vendor."""

    name: str
    count: int
    is_operated: bool = True


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be revoked: `count` certificates in force; `off_the_air` gateways have no other afterwards."""

    count: int
    off_the_air: int
    by_authority: tuple[Share, ...]
    by_vendor: tuple[Share, ...]


def preview(chosen: CertificateQuerySet) -> Preview:
    """Count what of `chosen` is in force, by whom it was signed and whose it is."""
    open_ = _open(chosen)
    authorities = open_.values("authority__name", "authority__origin").annotate(n=Count("pk")).order_by("-n")[:20]
    vendors = open_.values("vendor__name").annotate(n=Count("pk")).order_by("-n")[:20]
    named = authorities.values_list("authority__name", "n", "authority__origin")
    kept = Certificate.objects.in_force(clock.now()).exclude(pk__in=open_.values("pk")).values("gateway")
    return Preview(
        open_.count(),
        open_.order_by().exclude(gateway__in=kept).values("gateway").distinct().count(),
        tuple(Share(name, count, origin == Authority.Origin.OPERATED) for name, count, origin in named),
        tuple(Share(each["vendor__name"], each["n"]) for each in vendors),
    )


def revoke_many(chosen: CertificateQuerySet, *, actor: User, reason: str, typed: str) -> int:
    """Revoke what of `chosen` is in force, once its number was `typed`. It cannot be taken back.

    What an interrupted act left is revoked by doing it again.
    """
    refuse_unknown(reason)
    pks = picked(_open(chosen), typed=typed, most=MOST)
    for part in parts(pks):
        revoke_part(part, actor, reason)
    return len(pks)


def _open(chosen: CertificateQuerySet) -> CertificateQuerySet:
    return chosen.filter(revoked_at__isnull=True, not_after__gt=clock.now())


def revoke_part(pks: Sequence[int], actor: User, reason: str) -> None:
    """Revoke those of these certificates that are not revoked, with their signatures and sealed keys."""
    if not pks:
        return
    with transaction.atomic():
        # a second one that revokes the same waits here, and finds nothing left
        fresh = Certificate.objects.filter(pk__any_of=pks, revoked_at__isnull=True)
        locked = fresh.select_for_update(of=("self",)).select_related("gateway", "authority", "vendor")
        rows = list(locked.defer("der"))
        _refuse_foreign(rows, actor)
        mine = [row.pk for row in rows]
        now = clock.now()
        Certificate.objects.filter(pk__any_of=mine).update(revoked_at=now, revocation_reason=reason, revoked_by=actor)
        _revoke_signings(rows, reason)
        vault.destroy_keys([row.key_id for row in rows if row.key_id])
        refresh_after_revocation([row.gateway_id for row in rows])
        _tell(rows, actor, reason)


def _refuse_foreign(rows: Sequence[Certificate], actor: User) -> None:
    if not actor.is_operator and any(row.vendor_id != actor.vendor_id for row in rows):
        raise Forbidden("not-your-certificate", "You can revoke certificates of your own gateways only.")


def _revoke_signings(rows: Sequence[Certificate], reason: str) -> None:
    """By serial, because what an operated authority signed may have been recorded later, from a file."""
    for key_id in {row.authority.key_id for row in rows if row.authority.key_id}:
        register.revoke_many(key_id, [row.serial for row in rows if row.authority.key_id == key_id], reason=reason)


def _tell(rows: Sequence[Certificate], actor: User, reason: str) -> None:
    acts = [
        Act("certificate", row.pk, str(row), row.vendor_id, {"serial": row.serial, "reason": reason}) for row in rows
    ]
    record_many(actor, "certificate.revoked", acts)
    for vendor in sorted({row.vendor for row in rows}, key=attrgetter("name")):
        own = [row for row in rows if row.vendor_id == vendor.pk]
        mails.tell_many_revoked(vendor, own, actor=actor)
