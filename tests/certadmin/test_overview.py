"""The first page: what needs the person, what ends when, how the fleet stands."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Deployment, User, Vendor
from audit.models import Heartbeat
from audit.services import record
from cas.models import Authority, Signing
from certadmin.overview import access, publishing, waiting
from certadmin.overview.chart import draw, tick_step
from certadmin.overview.fleet import fleet
from certadmin.overview.forecast import forecast, monday
from certadmin.overview.todo import Finder
from core import clock
from gateways.models import Dispute
from keys import services as vault
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, gateway, release
from trust.models import Membership, Store
from trust.services.groups import common

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


def titles(user: User, *finders: Finder) -> list[str]:
    return [todo.title for finder in finders for todo in finder(user, NOW)]


def fill(vendor: Vendor, *, gateways: int = 3) -> Authority:
    by = authority(vendor, left=20 * DAY, name="Kestrel CA 2")
    for number in range(gateways):
        certificate(gateway(vendor), by, left=(200 + number) * DAY)
    return by


def test_every_role_sees_it(client_of: SignIn, operator: User, auditor: User, vendor_user: User) -> None:
    for user in (operator, auditor, vendor_user):
        answer = client_of(user).get("/")
        assert answer.status_code == 200
        assert "Overview" in answer.content.decode()


def test_nobody_anonymous_sees_it(client: Client) -> None:
    for name in ("overview", "forecast"):
        assert client.get(reverse(name)).status_code == 302


def test_it_is_read_only(client_of: SignIn, operator: User) -> None:
    for name in ("overview", "forecast"):
        assert client_of(operator).post(reverse(name)).status_code == 405


def test_a_new_desk_explains_the_first_steps(client_of: SignIn, operator: User) -> None:
    page = client_of(operator).get("/").content.decode()
    assert "The first three steps" in page
    assert reverse("accounts:new_vendor") in page


def test_a_new_vendor_is_led_to_its_own_first_steps(client_of: SignIn, vendor_user: User) -> None:
    page = client_of(vendor_user).get("/").content.decode()
    assert "Hand in your CA certificate" in page


def test_gateways_that_lose_access_stand_first(client_of: SignIn, operator: User, vendor: Vendor) -> None:
    by = fill(vendor)
    with clock.at(NOW):
        page = client_of(operator).get("/").content.decode()
    first = re.search(r'<ul class="c-todo">\s*<li>(.*?)</li>', page, re.DOTALL)
    assert first is not None
    assert "3 gateways lose access in 20 days" in first[1]
    assert f"authority={by.pk}" in first[1]


def test_each_thing_to_do_leads_to_exactly_what_it_counts(
    client_of: SignIn, operator: User, vendor: Vendor, other_vendor: Vendor
) -> None:
    fill(vendor)
    lasting = authority(other_vendor, left=9 * YEAR)
    certificate(gateway(other_vendor), lasting, left=300 * DAY)
    certificate(gateway(other_vendor), lasting, left=9 * DAY)
    renewed = gateway(other_vendor)
    certificate(renewed, lasting, left=9 * DAY)
    certificate(renewed, lasting, left=300 * DAY)
    certificate(gateway(other_vendor), lasting, left=-9 * DAY)
    found = [todo for find in (access.lost, access.authorities, access.certificates) for todo in find(operator, NOW)]
    counts = [int(re.search(r"\d+", todo.title)[0]) for todo in found]  # type: ignore[index]
    with clock.at(NOW):
        listed = [len(client_of(operator).get(todo.url).context["page"].rows) for todo in found]
    assert counts == listed == [1, 3, 1]


def test_a_vendor_sees_its_own_only(vendor: Vendor, vendor_user: User, other_vendor_user: User) -> None:
    fill(vendor)
    assert titles(vendor_user, access.authorities) == ["3 gateways lose access in 20 days"]
    assert titles(other_vendor_user, access.authorities) == []
    assert fleet(vendor_user, NOW).total == 3
    assert fleet(other_vendor_user, NOW).total == 0
    assert forecast(other_vendor_user, NOW).is_empty


def test_events_of_others_are_not_shown(
    client_of: SignIn, operator: User, vendor: Vendor, other_vendor: Vendor, other_vendor_user: User
) -> None:
    record(operator, "vendor.changed", subject=vendor, vendor_id=vendor.pk)
    record(operator, "vendor.changed", subject=other_vendor, vendor_id=other_vendor.pk)
    events = client_of(other_vendor_user).get("/").context["events"]
    assert [event.vendor_id for event in events] == [other_vendor.pk]


def test_what_waits_for_a_decision_is_named(operator: User, vendor: Vendor, other_vendor: Vendor) -> None:
    authority(vendor, left=9 * YEAR, state=Authority.State.SUBMITTED, submitted_at=NOW - 2 * DAY)
    authority(other_vendor, left=9 * YEAR, state=Authority.State.SUBMITTED, submitted_at=NOW - DAY)
    Dispute.objects.create(gateway=gateway(vendor), claimant=other_vendor, claimed_at=NOW)
    assert titles(operator, waiting.reviews, waiting.disputes) == [
        "2 authorities to review",
        "1 gateway is claimed twice",
    ]


def test_decisions_are_not_asked_of_others(auditor: User, vendor_user: User, vendor: Vendor) -> None:
    authority(vendor, left=9 * YEAR, state=Authority.State.SUBMITTED)
    for user in (auditor, vendor_user):
        assert titles(user, waiting.reviews, waiting.requests, waiting.disputes, publishing.stores) == []


def test_stores_that_are_not_as_they_should_be_are_named(operator: User) -> None:
    assert titles(operator, publishing.stores) == ["No store is connected"]
    Store.objects.create(
        name="fra-2", kind=Store.Kind.DIRECTORY, state=Store.State.OURS, directory="1", complaint="x is gone"
    )
    Store.objects.create(name="ams-1", kind=Store.Kind.DIRECTORY, state=Store.State.FOREIGN, directory="2")
    Store.objects.create(name="osl-1", kind=Store.Kind.DIRECTORY, state=Store.State.OURS, directory="3")
    assert titles(operator, publishing.stores) == [
        "Store ams-1 holds an index of somebody else",
        "Store fra-2 is not complete",
    ]


def test_a_group_that_differs_from_its_release_wants_publishing(operator: User, vendor: Vendor) -> None:
    old, new = authority(vendor, left=9 * YEAR), authority(vendor, left=9 * YEAR)
    made = release(old)
    group = common()
    Membership.objects.create(group=group, authority=old)
    assert titles(operator, publishing.unpublished) == []
    Membership.objects.create(group=group, authority=new)
    assert titles(operator, publishing.unpublished) == [f"The group differs from release {made.number}"]


def test_an_approved_authority_whose_gateways_wait_is_named(operator: User, vendor: Vendor) -> None:
    by = authority(vendor, left=9 * YEAR, name="Kestrel CA 3")
    certificate(gateway(vendor), by, left=300 * DAY)
    assert titles(operator, access.untrusted) == ["Kestrel CA 3 is not trusted yet"]
    Membership.objects.create(group=common(), authority=by)
    assert titles(operator, access.untrusted) == []


def test_missing_cups_settings_are_named(operator: User, vendor: Vendor, deployment: Deployment) -> None:
    gateway(vendor)
    assert titles(operator, waiting.kits) == ["The CUPS address is missing"]
    Deployment.objects.update(cups_uri="https://cups.example", cups_trust="PEM")
    assert titles(operator, waiting.kits) == []


def test_a_silent_job_is_named(operator: User, auditor: User) -> None:
    beat = Heartbeat.objects.create(job="send due notices", succeeded_at=NOW - timedelta(hours=5))
    assert titles(operator, waiting.silence) == []
    beat.succeeded_at = NOW - timedelta(hours=5, minutes=2)
    beat.save()
    assert titles(operator, waiting.silence) == ["The job “send due notices” is silent"]
    Heartbeat.objects.create(job="seal the audit record", succeeded_at=NOW - timedelta(minutes=3))
    assert titles(operator, waiting.silence) == ["2 scheduled jobs are silent"]
    assert titles(auditor, waiting.silence) == []


def test_what_the_schedule_does_not_name_is_no_job(operator: User) -> None:
    """A heartbeat of a job of an older version is no alarm for ever."""
    Heartbeat.objects.create(job="of an older version", succeeded_at=NOW - timedelta(days=90))
    assert titles(operator, waiting.silence) == []


def test_the_page_lists_the_jobs_for_who_sees_all(operator: User, vendor_user: User, client_of: SignIn) -> None:
    assert "Scheduled jobs" in client_of(operator).get("/").text
    assert "Scheduled jobs" not in client_of(vendor_user).get("/").text


def test_health_names_what_is_silent(client: Client) -> None:
    Heartbeat.objects.create(job="renew certificates", succeeded_at=clock.now() - timedelta(days=3))
    part = client.get("/healthz").json()["parts"]["schedule"]
    assert part == {"ok": False, "state": "silent: renew certificates"}


def test_each_bar_leads_to_exactly_what_it_counts(client_of: SignIn, operator: User, vendor: Vendor) -> None:
    by = authority(vendor, left=9 * YEAR)
    start = monday(NOW)
    for offset in (start - NOW + 8 * DAY, start - NOW + 14 * DAY - timedelta(seconds=1), start - NOW + 14 * DAY):
        certificate(gateway(vendor), by, left=offset)
    certificate(gateway(vendor), by, left=9 * DAY, revoked_at=NOW)
    certificate(gateway(vendor), by, left=9 * DAY, origin="issued")
    weeks = [week for week in forecast(operator, NOW).weeks if week.total]
    assert [(week.issued, week.recorded) for week in weeks] == [(1, 2), (0, 1)]
    with clock.at(NOW):
        listed = [len(client_of(operator).get(week.url).context["page"].rows) for week in weeks]
    assert listed == [3, 1]


def test_authorities_stand_in_their_own_lane(operator: User, vendor: Vendor) -> None:
    fill(vendor)
    authority(vendor, left=100 * DAY, name="Quiet CA")
    drawn = draw(forecast(operator, NOW))
    assert [(mark.end.name, mark.end.gateways, mark.is_named) for mark in drawn.marks] == [
        ("Kestrel CA 2", 3, True),
        ("Quiet CA", 0, False),
    ]


@pytest.mark.parametrize(("largest", "step"), [(0, 1), (1, 1), (3, 1), (4, 2), (14, 5), (16, 10), (747, 500)])
def test_the_highest_tick_reaches_the_largest_week(largest: int, step: int) -> None:
    assert tick_step(largest) == step


def test_the_forecast_is_there_as_a_table(client_of: SignIn, operator: User, vendor: Vendor) -> None:
    fill(vendor)
    with clock.at(NOW):
        page = client_of(operator).get(reverse("forecast")).content.decode()
    assert "Kestrel CA 2" in page


def test_the_fleet_adds_up(operator: User, vendor: Vendor) -> None:
    by = authority(vendor, left=9 * YEAR)
    for left in (300 * DAY, 20 * DAY, -DAY):
        certificate(gateway(vendor), by, left=left)
    gateway(vendor)
    shown = fleet(operator, NOW)
    assert [part.count for part in shown.parts] == [1, 1, 1, 1]
    assert shown.total == 4
    assert (shown.untrusted, shown.authorities_trusted, shown.due) == (0, 1, 1)
    release(authority(vendor, left=9 * YEAR))
    assert fleet(operator, NOW).untrusted == 2


def test_it_costs_the_same_queries_at_any_size(client_of: SignIn, operator: User, vendor: Vendor) -> None:
    client = client_of(operator)
    client.get("/")  # what a process asks once does not count
    counts = []
    for gateways in (2, 40):
        by = fill(vendor, gateways=gateways)
        certificate(gateway(vendor), by, left=5 * DAY)
        authority(vendor, left=9 * YEAR, state=Authority.State.SUBMITTED)
        with clock.at(NOW), CaptureQueriesContext(connection) as queries:
            assert client.get("/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 45


@pytest.mark.parametrize(("profile", "title", "place"), [
    ("gateway-client", "1 certificate may exist", "/requests/"),
    ("root", "1 authority may exist", "/authorities/"),
])  # fmt: skip
def test_what_may_exist_leads_to_where_it_is_settled(operator: User, profile: str, title: str, place: str) -> None:
    key = vault.create_key("P-256", purpose="authority")
    Signing.objects.create(
        key=key, serial="ab", subject="x", profile=profile, profile_version=1, tbs=b"-", tbs_sha256="0" * 64,
        signature_algorithm="ecdsa-with-SHA256", not_after=NOW, requester="x", state=Signing.State.MAY_EXIST,
    )  # fmt: skip
    (todo,) = waiting.may_exist(operator, NOW)
    assert todo.title == title
    assert todo.url.startswith(place)
