"""G10: the record is append-only, whoever asks the database."""

import contextlib

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Vendor
from audit.models import Record, Seal
from audit.services import seal_pending
from tests.audit.acts import some_acts

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_record SET actor_name = 'Somebody else'",
        "DELETE FROM audit_record WHERE id NOT IN (SELECT record_id FROM audit_seal)",
        "UPDATE audit_seal SET hash = 'made up'",
        "DELETE FROM audit_seal",
    ],
)
def test_the_database_refuses_to_change_or_remove_what_was_recorded(statement: str, vendor: Vendor) -> None:
    """G10. Fails without `migrations.RunPython(protect, release)` in audit/migrations/0002_append_only.py."""
    some_acts(vendor, 1)
    seal_pending()
    some_acts(vendor, 1)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Record.objects.filter(actor_name="certadmin").count() == 2
    assert Seal.objects.count() == 1


def test_the_act_of_a_transaction_that_fails_is_not_recorded(vendor: Vendor) -> None:
    """The other half of G10, that no act goes unrecorded, is tests/accounts/test_acts_and_records.py."""
    with contextlib.suppress(RuntimeError), transaction.atomic():
        some_acts(vendor)
        raise RuntimeError
    assert not Record.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_triggers_are_there_again_after_a_test_that_committed(vendor: Vendor) -> None:
    some_acts(vendor, 1)
    with pytest.raises(DatabaseError, match="append-only"):
        Record.objects.all().delete()
