"""Sightings: the latest counts, and nothing is made of what nobody registered."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import User
from audit.models import Record
from core import clock
from gateways.models import Gateway
from tests.api.conftest import EUI, ProgramOf

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEAF = "ab" * 32


def told(at: datetime, eui: str = EUI, sha256: str = "") -> dict[str, str]:
    return {"eui": eui, "at": at.isoformat(), "sha256": sha256}


def test_the_latest_counts_whatever_the_order(gateway: Gateway, operator: User, program_of: ProgramOf) -> None:
    later = NOON + timedelta(hours=1)
    rows = [told(later, sha256=LEAF.upper()), told(NOON), told(NOON)]
    answer = program_of(operator).post("/sightings", {"sightings": rows})
    assert answer.json() == {"taken": 2, "older": 1, "unknown": 0, "unreadable": 0}
    gateway.refresh_from_db()
    assert (gateway.first_seen_at, gateway.last_seen_at) == (NOON, later)
    assert (gateway.last_seen_sha256, gateway.sightings) == (LEAF, 2)


def test_what_is_not_later_changes_nothing(gateway: Gateway, operator: User, program_of: ProgramOf) -> None:
    program = program_of(operator)
    program.post("/sightings", {"sightings": [told(NOON, sha256=LEAF)]})
    again = program.post("/sightings", {"sightings": [told(NOON), told(NOON - timedelta(days=1))]})
    assert again.json()["older"] == 2
    gateway.refresh_from_db()
    assert (gateway.last_seen_at, gateway.last_seen_sha256, gateway.sightings) == (NOON, LEAF, 1)


def test_unknown_gateways_are_counted_and_not_made(gateway: Gateway, operator: User, program_of: ProgramOf) -> None:
    rows = [told(NOON, "58A0CBFFFE800000"), told(NOON, "no eui"), told(NOON, "58:A0:CB:FF:FE:80:11:D4")]
    answer = program_of(operator).post("/sightings", {"sightings": rows})
    assert answer.json() == {"taken": 1, "older": 0, "unknown": 1, "unreadable": 1}
    assert Gateway.objects.count() == 1
    assert Record.objects.get(action="sightings.told").details["api_token"] == "nightly job"


@pytest.mark.parametrize("minutes", [6, -60 * 24 * 365 * 20])
def test_an_instant_that_cannot_be_refuses_all(
    minutes: int, gateway: Gateway, operator: User, program_of: ProgramOf
) -> None:
    rows = [told(NOON), told(clock.now() + timedelta(minutes=minutes))]
    answer = program_of(operator).post("/sightings", {"sightings": rows})
    assert (answer.status_code, answer.json()["field"]) == (422, "sightings.1.at")
    gateway.refresh_from_db()
    assert gateway.last_seen_at is None


def test_only_an_operators_token_tells(
    gateway: Gateway, vendor_user: User, auditor: User, operator: User, program_of: ProgramOf
) -> None:
    body = {"sightings": [told(NOON)]}
    assert program_of(vendor_user).post("/sightings", body).status_code == 403
    assert program_of(auditor).post("/sightings", body).status_code == 403
    without = program_of(operator, "read", "gateways").post("/sightings", body)
    assert without.json()["code"] == "scope-missing"


def test_ten_thousand_are_taken_at_once_and_no_more(gateway: Gateway, operator: User, program_of: ProgramOf) -> None:
    rows = [told(NOON + timedelta(seconds=second)) for second in range(10_001)]
    program = program_of(operator)
    assert program.post("/sightings", {"sightings": rows}).status_code == 422
    assert program.post("/sightings", {"sightings": rows[1:]}).json()["taken"] == 10_000


def test_a_thousand_gateways_cost_few_queries(
    operator: User, gateway: Gateway, program_of: ProgramOf, django_assert_max_num_queries: object
) -> None:
    program = program_of(operator)
    rows = [told(NOON, f"58A0CBFFFE9{number:05X}") for number in range(1000)]
    with django_assert_max_num_queries(12):  # type: ignore[operator]  # a fixture of pytest-django
        assert program.post("/sightings", {"sightings": rows}).json()["unknown"] == 1000
