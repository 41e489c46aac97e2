"""One answer to many alerts: those that are ticked, or all that match, after a look at what they are."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Vendor
from alerts.models import Alert
from alerts.services import answers
from alerts.services.notices import look
from audit.models import Record
from core import clock
from tests.alerts.rows import DAY, NOW, authority, certificate, gateway

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
ACKNOWLEDGE = "/alerts/answer/acknowledge/"


@pytest.fixture
def many(vendor: Vendor, other_vendor: Vendor, operator: User) -> Iterator[list[Alert]]:
    """Three gateways of Kestrel and one of Ampere that end in five days."""
    with clock.at(NOW):
        by = authority(left=900 * DAY)
        for owner in (vendor, vendor, vendor, other_vendor):
            certificate(gateway(owner), by, left=5 * DAY)
        look({})
        yield list(Alert.objects.order_by("pk"))


def states() -> list[str]:
    return list(Alert.objects.order_by("pk").values_list("state", flat=True))


def test_it_shows_what_it_would_touch_before_it_does(client_of: SignIn, operator: User, many: list[Alert]) -> None:
    answer = client_of(operator).get(ACKNOWLEDGE)
    summary = answer.context["summary"]
    assert summary.count == 4
    assert summary.vendors == (("Kestrel Radio", 3), ("Ampere IoT", 1))
    assert "Acknowledge 4 alerts" in answer.content.decode()
    assert states() == ["open"] * 4


def test_the_ticked_ones_are_answered(client_of: SignIn, operator: User, many: list[Alert]) -> None:
    url = f"{ACKNOWLEDGE}?pick={many[0].pk}&pick={many[3].pk}"
    assert client_of(operator).post(url, {"note": "Seen to"}).status_code == 302
    assert states() == ["acknowledged", "open", "open", "acknowledged"]


def test_all_that_match_are_answered(client_of: SignIn, operator: User, vendor: Vendor, many: list[Alert]) -> None:
    url = f"{ACKNOWLEDGE}?vendor={vendor.pk}&pick={many[0].pk}&everything=1&sort=ends"
    answer = client_of(operator).post(url, {})
    assert answer["Location"] == f"/alerts/?vendor={vendor.pk}&sort=ends"
    assert states() == ["acknowledged", "acknowledged", "acknowledged", "open"]
    assert Record.objects.filter(action="alerts.acknowledged").count() == 1


def test_a_vendor_answers_for_its_own_only(client_of: SignIn, vendor_user: User, many: list[Alert]) -> None:
    picks = "&".join(f"pick={alert.pk}" for alert in many)
    assert client_of(vendor_user).post(f"{ACKNOWLEDGE}?{picks}", {}).status_code == 302
    assert states() == ["acknowledged", "acknowledged", "acknowledged", "open"]


@pytest.mark.parametrize("query", ["vendor=999999", "kind=nonsense", "pick=abc", "authority=x"])
def test_a_filter_that_is_not_understood_touches_nothing(
    client_of: SignIn, operator: User, many: list[Alert], query: str
) -> None:
    assert client_of(operator).get(f"{ACKNOWLEDGE}?{query}").context["summary"].count == 0
    client_of(operator).post(f"{ACKNOWLEDGE}?{query}", {})
    assert states() == ["open"] * 4


def test_those_of_another_tab_are_left_alone(client_of: SignIn, operator: User, many: list[Alert]) -> None:
    answers.snooze(operator, Alert.objects.filter(pk=many[0].pk), until=NOW + DAY)
    client_of(operator).post(ACKNOWLEDGE, {})
    assert states() == ["snoozed", "acknowledged", "acknowledged", "acknowledged"]
    client_of(operator).post("/alerts/answer/reopen/?state=snoozed", {})
    assert states()[0] == "open"


def test_many_are_snoozed_and_muted(client_of: SignIn, operator: User, many: list[Alert]) -> None:
    client = client_of(operator)
    assert client.post("/alerts/answer/snooze/", {"until": "2026-06-18"}).status_code == 302
    mute = {"until": "2026-07-18", "reason": "The whole site is rebuilt"}
    assert client.post("/alerts/answer/mute/?state=snoozed", mute).status_code == 302
    assert all(alert.is_muted and alert.state == "snoozed" for alert in Alert.objects.all())
    assert client.post("/alerts/answer/unmute/?state=snoozed", {}).status_code == 302
    assert not Alert.objects.muted_at(NOW).exists()


def test_what_is_missing_stands_beside_the_field(client_of: SignIn, operator: User, many: list[Alert]) -> None:
    answer = client_of(operator).post("/alerts/answer/mute/", {"until": "2026-07-18"})
    assert answer.status_code == 400
    assert answer.context["form"].errors["reason"]


def test_nothing_to_answer_is_said(client_of: SignIn, operator: User, deployment: object) -> None:
    assert "Nothing to acknowledge" in client_of(operator).get(ACKNOWLEDGE).content.decode()


def test_who_may_not(client_of: SignIn, vendor_user: User, auditor: User, many: list[Alert]) -> None:
    assert Client().get(ACKNOWLEDGE).status_code == 302
    assert client_of(auditor).get(ACKNOWLEDGE).status_code == 403
    assert client_of(vendor_user).get("/alerts/answer/mute/").status_code == 403
    assert client_of(vendor_user).get("/alerts/answer/forget/").status_code == 404
    assert client_of(vendor_user).put(ACKNOWLEDGE).status_code == 405


def test_it_costs_the_same_queries_at_any_size(
    client_of: SignIn, operator: User, vendor: Vendor, many: list[Alert]
) -> None:
    client, counts = client_of(operator), []
    for more in (0, 30):
        for _ in range(more):
            certificate(gateway(vendor), authority(left=900 * DAY), left=4 * DAY)
        look({})
        with CaptureQueriesContext(connection) as queries:
            client.get(ACKNOWLEDGE)
        counts.append(len(queries))
    assert counts[0] == counts[1]
