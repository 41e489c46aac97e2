"""The register of signatures: G1, G2 and G5 where they are kept."""

import hashlib
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from django.conf import settings
from django.db import IntegrityError, transaction

from cas.models import Signing
from cas.services import signing
from core import clock
from core.errors import Refused
from keys import services as vault
from keys.models import Key
from pki.issuing import new_serial
from tests.cas.signings import reserve_root, root_twin

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key() -> Key:
    return vault.create_key("P-256", purpose="authority")


def test_it_signs_exactly_what_was_reserved(key: Key) -> None:
    row = reserve_root(key)
    certificate = x509.load_der_x509_certificate(signing.sign(row))
    row.refresh_from_db()
    assert row.state == Signing.State.SIGNED
    assert hashlib.sha256(certificate.tbs_certificate_bytes).hexdigest() == row.tbs_sha256
    assert f"{certificate.serial_number:x}" == row.serial


def test_the_key_is_not_used_for_a_row_that_is_not_in_the_database(key: Key) -> None:
    """G1: fails without `row = _committed(signing)` in `cas.services.signing.sign`."""
    row = reserve_root(key)
    Signing.objects.filter(pk=row.pk).delete()
    with pytest.raises(Signing.DoesNotExist):
        signing.sign(row)
    key.refresh_from_db()
    assert key.signatures == 0


def test_reserving_inside_a_transaction_of_the_callers_is_a_mistake(key: Key) -> None:
    """G1: fails without `durable=True` in `cas.services.signing.reserve`."""
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        reserve_root(key)


def test_signing_inside_a_transaction_of_the_callers_is_a_mistake_and_uses_no_key(key: Key) -> None:
    """G1: fails without `durable=True` in `cas.services.signing._committed`."""
    row = reserve_root(key)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        signing.sign(row)
    key.refresh_from_db()
    assert key.signatures == 0


def test_a_crash_before_the_signature_leaves_a_row_that_can_be_finished(
    key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = reserve_root(key)
    with monkeypatch.context() as crash:
        crash.setattr(vault, "sign", _crash)
        with pytest.raises(_Crash):
            signing.sign(row)
    assert Signing.objects.reserved().get() == row
    assert x509.load_der_x509_certificate(signing.sign(row)).serial_number == int(row.serial, 16)


def test_a_crash_after_the_signature_leaves_a_row_that_may_exist(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """G1: fails without the update in `cas.services.signing.settle_stale`."""
    row = reserve_root(key)
    with monkeypatch.context() as crash:
        crash.setattr(signing, "complete", _crash)
        with pytest.raises(_Crash):
            signing.sign(row)
    key.refresh_from_db()
    assert key.signatures == 1
    with clock.at(_after_all_leases()):
        assert signing.settle_stale() == 1
    assert Signing.objects.may_exist().get() == row


def test_a_fresh_reservation_is_left_to_whoever_is_at_it(key: Key) -> None:
    reserve_root(key)
    assert signing.settle_stale() == 0


def test_finishing_twice_gives_the_same_certificate_and_one_signature(key: Key) -> None:
    """G3: fails without `if row.der is not None` in `cas.services.signing.sign`."""
    row = reserve_root(key)
    assert signing.sign(row) == signing.sign(row)
    key.refresh_from_db()
    assert key.signatures == 1


def test_what_may_exist_can_still_be_finished(key: Key) -> None:
    row = reserve_root(key)
    with clock.at(_after_all_leases()):
        signing.settle_stale()
    assert signing.sign(row)
    row.refresh_from_db()
    assert row.state == Signing.State.SIGNED


def test_two_workers_at_one_row_end_with_one_certificate(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """G3: fails without the condition `open_to_sign()` in `cas.services.signing._keep`."""
    row = reserve_root(key)
    genuine = vault.sign
    faster: list[bytes] = []

    def slow(key_id: object, tbs: bytes) -> bytes:
        with monkeypatch.context() as other:
            other.setattr(vault, "sign", genuine)
            faster.append(signing.sign(row))
        return genuine(key_id, tbs)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(vault, "sign", slow)
    assert signing.sign(row) == faster[0]


def test_bytes_that_are_not_the_linted_ones_are_not_signed(key: Key) -> None:
    """G5: fails without the comparison with `tbs_sha256` in `cas.services.signing.sign`."""
    row = reserve_root(key)
    Signing.objects.filter(pk=row.pk).update(tbs=root_twin(key, name="Somebody else").tbs)
    with pytest.raises(Refused) as refusal:
        signing.sign(row)
    assert refusal.value.code == "record-differs"
    key.refresh_from_db()
    assert key.signatures == 0


def test_a_serial_is_reserved_once_per_key(key: Key) -> None:
    """G2: fails without the constraint `serial_once_per_issuing_key` of `cas.models.Signing`."""
    serial = new_serial()
    reserve_root(key, serial=serial)
    with pytest.raises(Refused):
        reserve_root(key, name="Another root", serial=serial)


def test_a_signed_row_without_its_certificate_cannot_be_written(key: Key) -> None:
    row = reserve_root(key)
    with pytest.raises(IntegrityError):
        Signing.objects.filter(pk=row.pk).update(state=Signing.State.SIGNED)


def _after_all_leases() -> datetime:
    return clock.now() + timedelta(seconds=settings.LEASE_SECONDS * signing.LEASES_UNTIL_SETTLED + 1)


class _Crash(BaseException):
    """The process is gone: nothing catches this."""


def _crash(*_: object, **__: object) -> bytes:
    raise _Crash
