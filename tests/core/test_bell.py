"""The doorbell never raises and never keeps a person waiting."""

import pytest
from celery import shared_task
from django.db import transaction

from core import bell

heard: list[tuple[int, ...]] = []


@shared_task(name="tests.hear")
def hear(*row_ids: int) -> None:
    heard.append(row_ids)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    heard.clear()
    monkeypatch.setattr(bell, "_quiet_until", 0.0)


@pytest.mark.django_db(transaction=True)
def test_it_rings_after_the_commit_only() -> None:
    """G4. Fails when `ring` calls at once instead of on commit."""
    with bell.in_process():
        with transaction.atomic():
            bell.ring(hear, 7)
            assert heard == []
        assert heard == [(7,)]


@pytest.mark.django_db(transaction=True)
def test_it_rings_at_once_where_nothing_is_to_be_committed() -> None:
    with bell.in_process():
        bell.ring(hear, 2)
    assert heard == [(2,)]


def _ring_and_fail() -> None:
    with transaction.atomic():
        bell.ring(hear, 3)
        raise RuntimeError


@pytest.mark.django_db(transaction=True)
def test_it_does_not_ring_for_what_was_rolled_back() -> None:
    with bell.in_process(), pytest.raises(RuntimeError):
        _ring_and_fail()
    assert heard == []
