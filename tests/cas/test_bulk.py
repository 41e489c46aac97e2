"""Many signatures at once: the register keeps the same promises as for one (G1, G5)."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography import x509
from django.db import transaction

from accounts.models import User
from cas import bulk as register
from cas.bulk import Reservation, Signed
from cas.models import Authority, Signing
from cas.services import operate
from cas.services.operate import Plan
from core import bulk, clock
from core.errors import Refused
from keys.models import Key
from pki.facts import read_certificate
from pki.issuing import Template, new_serial, prepare
from pki.profiles import GATEWAY_CLIENT
from tests.pki.makers import p256_key, public_der

pytestmark = pytest.mark.django_db(transaction=True)
EUI = "58A0CBFFFE8011D4"


@pytest.fixture
def authorities(operator: User) -> list[Authority]:
    """Two that sign gateways' certificates, with keys of two kinds."""
    root = operate.create_root(operator, Plan("Fjordnet Root", "Fjordnet", "P-256", 20, 1))
    plans = [Plan("Fjordnet CA 1", "Fjordnet", "P-256", 10, 0), Plan("Fjordnet CA 2", "Fjordnet", "P-384", 10, 0)]
    return [operate.create_issuing(operator, root, plan) for plan in plans]


@pytest.fixture
def reservations(authorities: list[Authority]) -> list[Reservation]:
    """Six, by turns for the one and the other authority; not in the database yet."""
    return [_reservation(pk, authorities[pk % 2]) for pk in bulk.take_ids(Signing, 6)]


def _reservation(pk: int, issuer: Authority) -> Reservation:
    now, serial = clock.now().replace(microsecond=0), new_serial()
    end = now + timedelta(days=90)
    twin = prepare(
        Template(
            profile=GATEWAY_CLIENT,
            common_name=EUI,
            public_key_der=public_der(p256_key()),
            serial=serial,
            not_before=now,
            not_after=end,
            issuer_der=bytes(issuer.der),
        )
    )
    return Reservation(
        id=pk,
        key_id=issuer.key_id or uuid4(),
        issuer_id=issuer.pk,
        serial=f"{serial:x}",
        subject=EUI,
        profile=GATEWAY_CLIENT.name,
        profile_version=GATEWAY_CLIENT.version,
        tbs=twin.tbs,
        tbs_sha256=twin.tbs_sha256,
        signature_algorithm=twin.signature_algorithm,
        not_after=end,
        requester="Ines Maurer",
        reserved_at=now,
    )


def _signed(reservations: Sequence[Reservation], ders: Sequence[bytes]) -> list[Signed]:
    now = clock.now()
    return [Signed(each.id, der, now, None, "") for each, der in zip(reservations, ders, strict=True)]


def _uses(authority: Authority) -> int:
    """How often its key signed."""
    return Key.objects.values_list("signatures", flat=True).get(spki_sha256=authority.spki_sha256)


def test_each_certificate_is_signed_by_the_key_of_its_reservation(
    reservations: list[Reservation], authorities: list[Authority]
) -> None:
    register.reserve_many(reservations)
    for each, der in zip(reservations, register.sign_many(reservations), strict=True):
        certificate = x509.load_der_x509_certificate(der)
        issuer = next(one for one in authorities if one.pk == each.issuer_id)
        certificate.verify_directly_issued_by(x509.load_der_x509_certificate(bytes(issuer.der)))
        assert hashlib.sha256(certificate.tbs_certificate_bytes).hexdigest() == each.tbs_sha256
    assert [_uses(each) for each in authorities] == [3, 3]


def test_what_was_signed_is_kept_in_the_row_that_was_reserved(reservations: list[Reservation]) -> None:
    register.reserve_many(reservations)
    ours = Signing.objects.filter(pk__in=[each.id for each in reservations]).order_by("pk")
    assert {row.state for row in ours} == {Signing.State.RESERVED}
    ders = register.sign_many(reservations)
    with transaction.atomic():
        register.keep_many(_signed(reservations, ders))
    assert {row.state for row in ours.all()} == {Signing.State.SIGNED}
    assert [bytes(row.der or b"") for row in ours.all()] == ders
    assert [row.serial for row in ours] == [read_certificate(der).serial for der in ders]


def test_no_key_is_used_for_what_is_not_in_the_database(
    reservations: list[Reservation], authorities: list[Authority]
) -> None:
    """G1: fails without `_refuse_unrecorded` in `cas.bulk.sign_many`."""
    register.reserve_many(reservations[:5])
    with pytest.raises(Refused, match="Nothing was signed"):
        register.sign_many(reservations)
    assert [_uses(each) for each in authorities] == [0, 0]


def test_other_bytes_than_the_recorded_ones_are_not_signed(reservations: list[Reservation]) -> None:
    """G5."""
    register.reserve_many(reservations)
    with pytest.raises(Refused, match="not what was recorded"):
        register.sign_many([reservations[0]._replace(tbs=reservations[1].tbs)])


def test_signing_inside_a_transaction_is_a_mistake(reservations: list[Reservation]) -> None:
    """G1: fails without `durable=True` in `cas.bulk`."""
    register.reserve_many(reservations)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        register.sign_many(reservations)


def test_what_was_revoked_meanwhile_is_not_kept_as_signed(reservations: list[Reservation]) -> None:
    register.reserve_many(reservations)
    ders = register.sign_many(reservations)
    Signing.objects.filter(pk=reservations[0].id).update(revoked_at=clock.now(), revocation_reason="unspecified")
    with pytest.raises(Refused, match="revoked or signed meanwhile"), transaction.atomic():
        register.keep_many(_signed(reservations, ders))
    assert not Signing.objects.filter(pk__in=[each.id for each in reservations], state="signed").exists()
