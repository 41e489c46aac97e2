"""Pages behind a row, forth and back, and how many rows there are. Runs on both databases."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict

from accounts.models import Vendor
from core import clock, counting, keyset, patience
from gateways.models import Gateway, GatewayQuerySet

SORTS = {"eui": "eui", "ends": "current_not_after", "made": "id"}


@pytest.fixture
def rows(vendor: Vendor) -> GatewayQuerySet:
    """Thirty gateways: a fifth never ends, and those that do end three at a time."""
    now = clock.now()
    Gateway.objects.bulk_create(
        Gateway(
            eui=f"58A0CBFFFE{number * 7 % 30:06X}",
            vendor=vendor,
            current_not_after=now + timedelta(days=number // 3) if number % 5 else None,
        )
        for number in range(30)
    )
    return Gateway.objects.all()


def page(rows: GatewayQuerySet, **query: Any) -> keyset.Page[Gateway]:
    asked = QueryDict(mutable=True)
    asked.update(query)
    return keyset.paginate(rows, asked, sorts=SORTS, default="eui", size=7)


def walked(rows: GatewayQuerySet, sort: str) -> list[list[int]]:
    shown = page(rows, sort=sort)
    pages = [[row.pk for row in shown.rows]]
    while shown.after:
        shown = page(rows, sort=sort, after=shown.after)
        pages.append([row.pk for row in shown.rows])
    back = [pages[-1]]
    while shown.before:
        shown = page(rows, sort=sort, before=shown.before)
        back.append([row.pk for row in shown.rows])
    assert back[::-1] == pages
    return pages


@pytest.mark.parametrize("sort", ["eui", "-eui", "ends", "-ends", "made", "-made"])
def test_every_row_is_on_one_page_forth_and_back(rows: GatewayQuerySet, sort: str) -> None:
    asked = QueryDict(f"sort={sort}")
    in_order = [row.pk for row in keyset.sorted_as(rows, asked, sorts=SORTS, default="eui")]
    pages = walked(rows, sort)
    assert [len(each) for each in pages] == [7, 7, 7, 7, 2]
    assert [pk for each in pages for pk in each] == in_order


@pytest.mark.parametrize("sort", ["eui", "-ends", "ends", "-made"])
def test_chunks_are_the_same_rows_in_the_same_order(rows: GatewayQuerySet, sort: str) -> None:
    asked = QueryDict(f"sort={sort}")
    keyset_chunks = keyset.chunks(rows, asked, columns=["pk", "eui"], sorts=SORTS, default="eui", size=4)
    flat = [pk for chunk in keyset_chunks for pk, _ in chunk]
    assert flat == [row.pk for row in keyset.sorted_as(rows, asked, sorts=SORTS, default="eui")]


def test_chunks_go_on_behind_the_first(rows: GatewayQuerySet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset, "FIRST_CHUNK", 3)
    asked = QueryDict("sort=-ends")
    chunks = list(keyset.chunks(rows, asked, columns=["pk"], sorts=SORTS, default="eui", size=10))
    assert len(chunks[0]) == 3
    assert len({pk for chunk in chunks for (pk,) in chunk}) == 30


def test_few_rows_are_counted_exactly(rows: GatewayQuerySet) -> None:
    assert page(rows).counted == counting.Counted(30)
    assert page(rows.filter(current_not_after__isnull=True)).counted == counting.Counted(6)


def test_many_rows_are_not_counted_one_by_one(rows: GatewayQuerySet, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL the planner's guess, rounded, which is called one; elsewhere "more than"."""
    monkeypatch.setattr(counting, "EXACT", 10)
    counted = page(rows).counted
    if connection.vendor == "postgresql":
        assert counted.is_estimate
        assert counted.number >= 11
    else:
        assert counted == counting.Counted(10, is_capped=True)


def test_a_guess_has_three_digits() -> None:
    assert [counting.rounded(number) for number in (7, 999, 1234, 411_873)] == [7, 999, 1230, 412_000]


def test_what_would_cost_too_much_is_not_counted_at_all(rows: GatewayQuerySet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page waits for the count: where the planner says that it is long, its guess stands there."""
    monkeypatch.setattr(counting, "CHEAP", 0)
    assert page(rows).counted.is_estimate == (connection.vendor == "postgresql")


@pytest.mark.skipif(connection.vendor == "postgresql", reason="the planner guesses there")
def test_on_sqlite_what_takes_long_to_count_is_said_to_be_more(
    rows: GatewayQuerySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "BUDGET", 0)
    monkeypatch.setattr(patience, "STEPS", 1)
    monkeypatch.setattr(counting, "SOME", 20)
    assert counting.count(rows) == counting.Counted(20, is_capped=True)
