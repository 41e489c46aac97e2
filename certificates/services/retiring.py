"""Gateways that are out of use: they have no certificate in force and get none, and lists leave them out."""

from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from audit.services import Act, record, record_many
from cas.models import Signing
from certificates.models import Certificate, CertificateQuerySet
from certificates.services.bulk_revocation import revoke_part
from certificates.services.current import refresh_owned
from certificates.services.many import parts, picked
from certificates.services.ownership import RETIRED, end_waiting
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Gateway, GatewayQuerySet

MOST = 20_000


def retire(chosen: GatewayQuerySet, *, actor: User, typed: str) -> int:
    """Take the gateways of `chosen` out of use, once their number was `typed`: their certificates are revoked."""
    pks = picked(chosen.in_use(), typed=typed, most=MOST)
    for part in parts(pks):
        _retire(part, actor)
    return len(pks)


def take_back(gateway: Gateway, *, actor: User) -> None:
    """Use a retired gateway again. Its certificates stay revoked: it needs a new one."""
    _refuse_foreign([gateway], actor)
    with transaction.atomic():
        if not Gateway.objects.filter(pk=gateway.pk, retired_at__isnull=False).update(retired_at=None):
            raise Refused("gateway-in-use", "This gateway is in use. Reload the page.")
        record(actor, "gateway.taken-back", subject=gateway, vendor_id=gateway.vendor_id)
        refresh_owned([gateway.pk])


def _retire(pks: Sequence[int], actor: User) -> None:
    with transaction.atomic():
        found = Gateway.objects.in_use().filter(pk__any_of=pks).order_by("pk")
        gateways = list(found.select_for_update(of=("self",)))
        _refuse_foreign(gateways, actor)
        mine = [each.pk for each in gateways]
        Gateway.objects.filter(pk__any_of=mine).update(retired_at=clock.now())
        in_force = Certificate.objects.in_force(clock.now()).filter(gateway__any_of=mine)
        revoke_part(list(_own(in_force, actor).values_list("pk", flat=True)), actor, Signing.Reason.CESSATION)
        end_waiting(mine, actor, why=RETIRED)
        refresh_owned(mine)
        record_many(
            actor, "gateway.retired", [Act("gateway", each.pk, each.eui, each.vendor_id, {}) for each in gateways]
        )


def _own(certificates: CertificateQuerySet, actor: User) -> CertificateQuerySet:
    """What a former owner has for the gateway is not the new one's to revoke."""
    return certificates if actor.is_operator else certificates.filter(vendor=actor.vendor_id)


def _refuse_foreign(gateways: Sequence[Gateway], actor: User) -> None:
    if not actor.is_operator and any(each.vendor_id != actor.vendor_id for each in gateways):
        raise Forbidden("not-your-gateway", "You can do this to your own gateways only.")
