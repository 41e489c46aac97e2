"""What the overview keeps of a large fleet: the same numbers as counting anew, and how old they are."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User, Vendor
from certadmin import tasks
from certadmin.overview import counting
from core import clock
from gateways.models import Gateway
from tests.alerts.rows import DAY, NOW, authority, certificate, gateway

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


@pytest.fixture
def fleet(vendor: Vendor, other_vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> list[Gateway]:
    """Six gateways of two vendors, in every standing; three are called many."""
    monkeypatch.setattr(counting, "LARGE", 2)
    by, soon = authority(vendor, left=4000 * DAY), authority(other_vendor, left=20 * DAY)
    rows = [gateway(vendor) for _ in range(4)] + [gateway(other_vendor), gateway(vendor, retired_at=NOW)]
    for row, left in zip(rows, (300, 20, -3), strict=False):
        certificate(row, by, left=left * DAY)
    certificate(rows[4], soon, left=10 * DAY)
    return rows


def test_what_is_kept_is_what_counting_finds(fleet: list[Gateway], operator: User, vendor_user: User) -> None:
    with clock.at(NOW):
        for user in (operator, vendor_user):
            counting.keep(user, NOW)
            kept, anew = counting.counted(user, NOW), counting.count(user, NOW)
            assert kept.is_kept
            assert (kept.at, kept.fleet, kept.forecast, kept.todos) == (NOW, anew.fleet, anew.forecast, anew.todos)
            assert any(kept.todos.values())


def test_the_kept_numbers_agree_with_a_slow_reader(fleet: list[Gateway], operator: User) -> None:
    with clock.at(NOW):
        counting.keep(operator, NOW)
        found = counting.counted(operator, NOW).fleet
        by_hand: dict[str, int] = {}
        for row in Gateway.objects.all():
            by_hand[row.standing.label] = by_hand.get(row.standing.label, 0) + 1
    assert {part.tone: part.count for part in found.parts} == {"good": 1, "warn": 2, "bad": 1, "idle": 1}
    assert sorted(by_hand.values()) == [1, 1, 1, 1, 2]  # with the retired one, which the overview leaves out
    assert found.total == sum(by_hand.values()) - by_hand["Retired"]


def test_the_page_shows_it_and_says_how_old_it_is(fleet: list[Gateway], operator: User, client_of: ClientOf) -> None:
    with clock.at(NOW):
        counting.keep(operator, NOW)
    Gateway.objects.filter(pk=fleet[3].pk).delete()
    with clock.at(NOW + timedelta(minutes=7)):
        page = client_of(operator).get("/").content.decode()
    assert "counted <time" in page
    assert ">7 min</time> ago" in page
    assert '<span class="c-big">5</span>' in page


def test_a_page_counts_where_nothing_is_kept_or_it_is_old(fleet: list[Gateway], operator: User) -> None:
    with clock.at(NOW):
        assert not counting.counted(operator, NOW).is_kept
        assert counting.counted(operator, NOW + timedelta(minutes=29)).is_kept
        assert not counting.counted(operator, NOW + timedelta(minutes=31)).is_kept


@pytest.mark.parametrize("words", ["", "{}", "no json", '{"at": "2026-06-15T12:00:00Z", "fleet": {"parts": [{}]}}'])
def test_what_another_version_kept_is_counted_anew(words: str, fleet: list[Gateway], operator: User) -> None:
    with clock.at(NOW):
        counting.keep(operator, NOW)
        cache.set(f"overview:{operator.role}:", words)
        assert not counting.counted(operator, NOW).is_kept


def test_a_small_fleet_is_counted_at_once(fleet: list[Gateway], other_vendor_user: User) -> None:
    with clock.at(NOW):
        counting.keep(other_vendor_user, NOW)
        assert not counting.counted(other_vendor_user, NOW).is_kept


def test_vendors_read_their_own_counts_only(fleet: list[Gateway], operator: User, vendor_user: User) -> None:
    with clock.at(NOW):
        counting.keep(operator, NOW)
        assert counting.counted(operator, NOW).fleet.total == 5
        assert counting.counted(vendor_user, NOW).fleet.total == 4


def test_the_schedule_counts_for_whom_the_page_is_slow(
    fleet: list[Gateway], operator: User, second_operator: User, vendor_user: User, other_vendor_user: User
) -> None:
    people = [operator, second_operator, vendor_user, other_vendor_user]
    User.objects.filter(pk__in=[each.pk for each in people]).update(last_login=timezone.now())
    assert counting.recount() == 2  # once for both operators; the other vendor has few
    tasks.count_fleets()
    assert counting.counted(second_operator, clock.now()).is_kept
    User.objects.update(last_login=timezone.now() - timedelta(days=8))
    assert counting.recount() == 0


def test_the_kept_overview_asks_little_and_always_the_same(
    fleet: list[Gateway], operator: User, vendor: Vendor, client_of: ClientOf
) -> None:
    client = client_of(operator)
    client.get("/")
    with CaptureQueriesContext(connection) as few:
        client.get("/")
    for _ in range(30):
        certificate(gateway(vendor), authority(vendor, left=3000 * DAY), left=300 * DAY)
    with CaptureQueriesContext(connection) as many:
        client.get("/")
    assert len(many) == len(few)
    counts = [query["sql"] for query in many if "COUNT" in query["sql"] and "gateways_gateway" in query["sql"]]
    assert not [sql for sql in counts if "current_not_after" in sql]
