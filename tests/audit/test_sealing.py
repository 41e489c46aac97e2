"""Chaining committed records."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from accounts.models import Vendor
from audit import tasks
from audit.models import Heartbeat, Record, Seal
from audit.services import GENESIS, SYSTEM, head, record, seal_pending, sealing, verify
from core import clock
from tests.append_only import triggers_off
from tests.audit.acts import some_acts

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 14, 12, tzinfo=UTC)


def change(sql: str, *values: str | int) -> None:
    """What somebody can do who has the database in hand."""
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def test_it_seals_every_record_once_in_order(vendor: Vendor) -> None:
    acts = some_acts(vendor, 5)
    assert seal_pending() == 5
    assert seal_pending() == 0
    assert list(Seal.objects.order_by("position").values_list("position", "record_id")) == [
        (place, act.pk) for place, act in enumerate(acts, start=1)
    ]


def test_it_seals_in_chunks(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "CHUNK", 2)
    some_acts(vendor, 5)
    assert seal_pending() == 5
    assert verify().ok


def test_a_whole_chain_is_good(vendor: Vendor) -> None:
    some_acts(vendor)
    seal_pending()
    some_acts(vendor)
    seal_pending()
    verdict = verify()
    assert (verdict.ok, verdict.sealed, verdict.head) == (True, 6, head())


def test_an_empty_record_is_good() -> None:
    assert verify().ok
    assert head() == GENESIS


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor_name", "Somebody else"),
        ("actor_kind", "operator"),
        ("actor_id", 7),
        ("action", "vendor.created"),
        ("subject_kind", "authority"),
        ("subject_id", "99"),
        ("subject_name", "Other Radio"),
        ("vendor_id", 99),
        ("details", '{"number": 8}'),
        ("at", "2020-01-01 00:00:00"),
    ],
)
def test_a_changed_column_breaks_the_chain_at_its_row(column: str, value: str | int, vendor: Vendor) -> None:
    """G10. Fails for a column that `COVERED` in audit/services/sealing.py leaves out (and `at` without its line)."""
    acts = some_acts(vendor)
    seal_pending()
    change(f"UPDATE audit_record SET {column} = %s WHERE id = %s", value, acts[1].pk)
    verdict = verify()
    assert (verdict.ok, verdict.code, verdict.first_bad) == (False, "broken-chain", "seal 2")


def test_a_column_that_is_added_later_is_covered_too() -> None:
    columns = {field.name for field in Record._meta.concrete_fields}
    assert columns == {*sealing.COVERED, "at"}


def test_a_changed_record_with_a_new_hash_breaks_the_seal_after_it(vendor: Vendor) -> None:
    acts = some_acts(vendor)
    seal_pending()
    change("UPDATE audit_record SET actor_name = 'Somebody else' WHERE id = %s", acts[1].pk)
    second = Seal.objects.select_related("record").get(position=2)
    change("UPDATE audit_seal SET hash = %s WHERE position = 2", sealing.link(second.previous_hash, 2, second.record))
    assert verify().first_bad == "seal 3"


def test_a_removed_record_is_noticed(vendor: Vendor) -> None:
    acts = some_acts(vendor)
    seal_pending()
    change("DELETE FROM audit_seal WHERE position = 2")
    change("DELETE FROM audit_record WHERE id = %s", acts[1].pk)
    assert verify().first_bad == "seal 3"


def test_a_removed_end_is_noticed_by_a_head_that_was_noted(vendor: Vendor) -> None:
    """G10. Fails without `if not walk.met` in audit/services/verification.py."""
    acts = some_acts(vendor)
    seal_pending()
    noted = head()
    change("DELETE FROM audit_seal WHERE position = 3")
    change("DELETE FROM audit_record WHERE id = %s", acts[2].pk)
    assert verify().ok
    assert (verify(noted).ok, verify(noted).code) == (False, "unknown-head")


def test_an_earlier_head_is_on_the_chain(vendor: Vendor) -> None:
    some_acts(vendor)
    seal_pending()
    noted = head()
    some_acts(vendor)
    seal_pending()
    assert verify(noted).ok


def test_what_was_not_sealed_for_a_minute_is_named(vendor: Vendor) -> None:
    """G10. Fails without `_forgotten()` in audit/services/verification.py."""
    with clock.at(NOW):
        forgotten = some_acts(vendor, 1)[0]
    with clock.at(NOW + timedelta(seconds=59)):
        assert verify().ok
    with clock.at(NOW + timedelta(seconds=61)):
        verdict = verify()
    assert (verdict.ok, verdict.code, verdict.first_bad) == (False, "unsealed", f"record {forgotten.pk}")


def test_a_record_that_claims_to_be_of_the_future_does_not_escape(vendor: Vendor) -> None:
    with clock.at(NOW + timedelta(days=400)):
        some_acts(vendor, 1)
    with clock.at(NOW):
        assert verify().code == "unsealed"


def test_names_that_no_column_takes_are_recorded_readably(vendor: Vendor) -> None:
    written = record(SYSTEM, "vendor.changed", subject=vendor, file="a\0b\ud800", parts=["x\0"])
    written.refresh_from_db()
    assert written.details == {"file": "a�b?", "parts": ["x�"]}


def test_the_task_seals_and_says_that_it_lives(vendor: Vendor) -> None:
    some_acts(vendor)
    with clock.at(NOW):
        tasks.seal()
    assert not Record.objects.unsealed().exists()
    assert Heartbeat.objects.get(job="seal the audit record").succeeded_at == NOW
