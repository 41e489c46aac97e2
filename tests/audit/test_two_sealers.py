"""Two sealers at once are harmless."""

import threading

import pytest
from django.db import connection

from accounts.models import Vendor
from audit.models import Seal
from audit.services import seal_pending, sealing, verify
from tests.audit.acts import some_acts


@pytest.mark.django_db(transaction=True)
def test_two_sealers_make_one_chain(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """G10. Fails where `position` is no primary key, or `except IntegrityError` in `seal_pending` is removed."""
    monkeypatch.setattr(sealing, "CHUNK", 3)
    some_acts(vendor, 60)
    errors: list[BaseException] = []

    def seal() -> None:
        try:
            for _ in range(20):
                seal_pending()
        except BaseException as error:  # noqa: BLE001  shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    sealers = [threading.Thread(target=seal) for _ in range(3)]
    for sealer in sealers:
        sealer.start()
    for sealer in sealers:
        sealer.join()
    assert not errors
    assert Seal.objects.count() == 60
    assert verify().ok


@pytest.mark.django_db
def test_a_sealer_that_comes_second_leaves_its_chunk_to_the_next_run(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_acts(vendor)
    seal_pending()
    some_acts(vendor)
    with monkeypatch.context() as patch:
        patch.setattr(sealing, "_last", lambda: None)  # as one sees it who looked before the other committed
        assert seal_pending() == 0
    assert seal_pending() == 3
    assert verify().ok
