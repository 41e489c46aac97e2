"""The month of ends."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Vendor
from alerts.calendar import Day, Month, month, read_month
from core import clock
from tests.alerts.rows import DAY, NOW, authority, certificate, gateway, server

ClientOf = Callable[[User], Client]
PAGE = "/alerts/calendar/"
JUNE = date(2026, 6, 1)  # NOW is the 15th


def day_of(shown: Month, day: int) -> Day:
    return next(each for each in shown.days if each.date.day == day)


@pytest.mark.parametrize("text", ["", "2026-13", "x", "2026", "2026-06-01", "0000-01", "9999-12", "²026-06"])
def test_nonsense_in_the_address_is_the_present_month(text: str) -> None:
    assert read_month(text, NOW) == JUNE


@pytest.mark.parametrize(
    ("text", "before", "after"), [("2027-01", "2026-12", "2027-02"), ("2028-02", "2028-01", "2028-03")]
)
def test_the_months_beside_it_are_named(text: str, before: str, after: str) -> None:
    shown = Month(read_month(text, NOW), ())
    assert (shown.before, shown.after) == (before, after)


@pytest.mark.django_db
def test_each_end_stands_in_its_day(operator: User, vendor: Vendor) -> None:
    ca = authority(vendor, left=10 * DAY)
    for left in (3, 3, 4):
        certificate(gateway(vendor), ca, left=left * DAY)
    server(ca, "lns.example", left=5 * DAY)
    shown = month(operator, JUNE, NOW)
    assert [(day.date.day, day.certificates) for day in shown.busy] == [(18, 2), (19, 1), (20, 0), (25, 0)]
    assert [(each.name, each.gateways) for each in day_of(shown, 25).authorities] == [(ca.name, 3)]
    assert [each.name for each in day_of(shown, 20).servers] == ["lns.example"]
    assert shown.certificates == 3


@pytest.mark.django_db
def test_a_day_is_a_day_in_utc(operator: User, vendor: Vendor) -> None:
    ca = authority(vendor, left=400 * DAY)
    for end in (datetime(2026, 6, 20, 0, 0, tzinfo=UTC), datetime(2026, 6, 20, 23, 59, 59, tzinfo=UTC)):
        certificate(gateway(vendor), ca, left=end - NOW)
    assert day_of(month(operator, JUNE, NOW), 20).certificates == 2


@pytest.mark.django_db
def test_what_something_follows_or_is_revoked_ends_nothing(operator: User, vendor: Vendor) -> None:
    ca, renewed = authority(vendor, left=400 * DAY), gateway(vendor)
    certificate(renewed, ca, left=3 * DAY)
    certificate(renewed, ca, left=300 * DAY)
    certificate(gateway(vendor), ca, left=3 * DAY, revoked_at=NOW - DAY)
    assert not month(operator, JUNE, NOW).busy


@pytest.mark.django_db
def test_a_past_day_still_shows_what_ended_and_nothing_followed(operator: User, vendor: Vendor) -> None:
    certificate(gateway(vendor), authority(vendor, left=400 * DAY), left=-3 * DAY)
    assert day_of(month(operator, JUNE, NOW), 12).certificates == 1


@pytest.mark.django_db
def test_a_vendor_sees_its_own_ends_and_no_servers(
    vendor: Vendor, other_vendor: Vendor, other_vendor_user: User
) -> None:
    ca = authority(vendor, left=10 * DAY)
    certificate(gateway(vendor), ca, left=3 * DAY)
    server(ca, "lns.example", left=5 * DAY)
    assert not month(other_vendor_user, JUNE, NOW).busy


@pytest.mark.django_db
def test_a_count_leads_to_its_certificates(operator: User, vendor: Vendor, client_of: ClientOf) -> None:
    ends = clock.now().replace(day=15) + timedelta(days=60)
    found = gateway(vendor)
    certificate(found, authority(vendor, left=ends - NOW + 900 * DAY), left=ends - NOW)
    client = client_of(operator)
    shown = month(operator, ends.date().replace(day=1), clock.now())
    url = shown.busy[0].url
    assert url.replace("&", "&amp;") in client.get(PAGE, {"month": f"{ends:%Y-%m}"}).text
    assert found.eui in client.get(url).text


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow(operator: User, vendor: Vendor, client_of: ClientOf) -> None:
    client = client_of(operator)
    with CaptureQueriesContext(connection) as few:
        client.get(PAGE, {"month": "2026-06"})
    for number in range(12):
        ca = authority(vendor, left=number * DAY)
        certificate(gateway(vendor), ca, left=number * DAY)
        server(ca, f"host{number}.example", left=number * DAY)
    with CaptureQueriesContext(connection) as many:
        client.get(PAGE, {"month": "2026-06"})
    assert len(many) == len(few)


@pytest.mark.django_db
def test_an_empty_month_says_so(operator: User, client_of: ClientOf) -> None:
    assert "Nothing ends in July 2031" in client_of(operator).get(PAGE, {"month": "2031-07"}).text


def test_nobody_reads_it_unasked(client: Client, db: None) -> None:
    assert client.get(PAGE).status_code == 302
    assert client.post(PAGE).status_code == 405
