"""The page of what ends and is not renewed."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User, Vendor
from alerts.models import Alert
from alerts.services import answers
from alerts.services.mailing import send_digests
from alerts.services.notices import look
from core import clock
from gateways.models import Gateway
from outbox.models import Message
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, gateway

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def at_now() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def ending(vendor: Vendor, other_vendor: Vendor, operator: User, at_now: None) -> Gateway:
    """Kestrel: an authority in 20 days and a gateway in 5; Ampere: an authority that ended yesterday."""
    by = authority(vendor, left=20 * DAY, name="Kestrel CA 2")
    over = authority(other_vendor, left=-DAY, name="Ampere CA 1")
    of = gateway(vendor, name="Kvitfjell mast")
    certificate(of, by, left=5 * DAY)
    certificate(gateway(other_vendor), over, left=-DAY)
    look({})
    return of


def rows(client: Client, **query: str | int) -> list[object]:
    answer = client.get(reverse("alerts:list"), query)
    assert answer.status_code == 200
    return list(answer.context.get("rows") or [])


def names(client: Client, **query: str | int) -> list[str]:
    return [row.alert.name for row in rows(client, **query)]  # type: ignore[attr-defined]  # rows of the page


def test_it_shows_what_is_open_the_soonest_first(client_of: SignIn, operator: User, ending: Gateway) -> None:
    shown = names(client_of(operator))
    assert "Ampere CA 1" in shown[:2]
    assert shown[-2:] == [ending.eui, "Kestrel CA 2"]


def test_a_vendor_sees_its_own(client_of: SignIn, vendor_user: User, ending: Gateway) -> None:
    assert names(client_of(vendor_user)) == [ending.eui, "Kestrel CA 2"]


def test_a_vendor_cannot_widen_it(client_of: SignIn, vendor_user: User, other_vendor: Vendor, ending: Gateway) -> None:
    assert names(client_of(vendor_user), vendor=other_vendor.pk) == [ending.eui, "Kestrel CA 2"]


def test_nobody_anonymous_sees_it(client: Client) -> None:
    assert client.get(reverse("alerts:list")).status_code == 302


def test_an_auditor_sees_everything_and_can_tick_nothing(client_of: SignIn, auditor: User, ending: Gateway) -> None:
    page = client_of(auditor).get(reverse("alerts:list")).content.decode()
    assert "Ampere CA 1" in page
    assert 'name="pick"' not in page


def test_it_is_read_only(client_of: SignIn, operator: User) -> None:
    assert client_of(operator).post(reverse("alerts:list")).status_code == 405


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"kind": "authority"}, {"Kestrel CA 2", "Ampere CA 1"}),
        ({"urgency": "week"}, {"gateway"}),
        ({"urgency": "month"}, {"Kestrel CA 2"}),
        ({"urgency": "later"}, set()),
        ({"kind": "certificate", "threshold": "7d"}, {"gateway"}),
        ({"q": "kestrel"}, {"Kestrel CA 2"}),
        ({"q": "kvitfjell"}, {"gateway"}),
        ({"muted": "yes"}, set()),
        ({"muted": "no", "kind": "authority"}, {"Kestrel CA 2", "Ampere CA 1"}),
        ({"kind": "nonsense"}, {"Kestrel CA 2", "Ampere CA 1", "gateway", "other"}),
    ],
)
def test_it_filters_by_what_stands_in_the_url(
    client_of: SignIn, operator: User, ending: Gateway, query: dict[str, str], shown: set[str]
) -> None:
    found = {
        "gateway" if name == ending.eui else name if " " in name else "other"
        for name in names(client_of(operator), **query)
    }
    assert found == shown


def test_it_finds_a_gateway_in_any_notation(client_of: SignIn, operator: User, ending: Gateway) -> None:
    pairs = "-".join(ending.eui[i : i + 2] for i in range(0, 16, 2))
    assert names(client_of(operator), q=pairs.lower()) == [ending.eui]


def test_it_filters_by_the_authority_that_ends_or_that_signed(
    client_of: SignIn, operator: User, ending: Gateway
) -> None:
    assert set(names(client_of(operator), authority=ending.current_authority_id or 0)) == {ending.eui, "Kestrel CA 2"}


def test_each_state_has_its_tab_with_a_count(client_of: SignIn, operator: User, ending: Gateway) -> None:
    answers.acknowledge(operator, Alert.objects.filter(name=ending.eui))
    answers.snooze(operator, Alert.objects.filter(name="Kestrel CA 2"), until=NOW + 3 * DAY)
    client = client_of(operator)
    tabs = client.get(reverse("alerts:list")).context["tabs"]
    assert [(tab.state, tab.count) for tab in tabs] == [("open", 2), ("acknowledged", 1), ("snoozed", 1), ("closed", 0)]
    assert names(client, state="acknowledged") == [ending.eui]
    assert names(client, state="snoozed") == ["Kestrel CA 2"]
    assert names(client, state="nonsense") == names(client)


def test_what_was_renewed_is_among_the_closed(client_of: SignIn, vendor_user: User, ending: Gateway) -> None:
    certificate(ending, authority(ending.vendor, left=9 * YEAR), left=300 * DAY)
    look({})
    assert names(client_of(vendor_user)) == ["Kestrel CA 2"]
    page = client_of(vendor_user).get(reverse("alerts:list"), {"state": "closed"}).content.decode()
    assert ending.eui in page
    assert "renewed" in page


def test_each_subject_stands_once_with_its_newest_threshold(
    client_of: SignIn, vendor_user: User, ending: Gateway
) -> None:
    with clock.at(NOW + 3 * DAY):
        look({})
    shown = client_of(vendor_user).get(reverse("alerts:list")).context["rows"]
    assert [(row.alert.name, row.threshold) for row in shown] == [(ending.eui, "3 days"), ("Kestrel CA 2", "30 days")]


def test_it_says_which_gateways_will_not_check_in_before(
    client_of: SignIn, operator: User, vendor: Vendor, ending: Gateway
) -> None:
    seen = {"first_seen_at": NOW - 100 * DAY, "sightings": 5}
    Gateway.objects.filter(pk=ending.pk).update(**seen, last_seen_at=NOW - 10 * DAY)  # each 22.5 days
    certificate(gateway(vendor, **seen, last_seen_at=NOW - DAY), ending.current_authority, left=300 * DAY)  # type: ignore[arg-type]  # it has one
    page = client_of(operator).get(reverse("alerts:list"), {"vendor": vendor.pk})
    words = {row.alert.name: (row.breaks, row.reach) for row in page.context["rows"]}
    assert words[ending.eui] == ("Refused from its end on", "Will not check in before")
    assert words["Kestrel CA 2"] == ("2 gateways with it", "1 will not check in before")


def test_it_says_whether_people_were_told(
    client_of: SignIn, operator: User, vendor_user: User, ending: Gateway
) -> None:
    def told(user: User) -> list[str]:
        shown = client_of(user).get(reverse("alerts:list")).context["rows"]
        row = next(row for row in shown if row.alert.name == ending.eui)
        return [each.words for each in row.told]

    assert told(operator) == ["2 waiting"]
    assert told(vendor_user) == ["1 waiting"]  # of whom else is told, a vendor's person reads nothing
    send_digests()
    assert told(operator) == ["2 queued"]
    Message.objects.filter(recipient=vendor_user.email).update(state=Message.State.REFUSED)
    Message.objects.exclude(recipient=vendor_user.email).update(state=Message.State.SENT)
    assert told(operator) == ["1 mailed", "1 refused"]
    assert told(vendor_user) == ["1 refused"]


def test_htmx_gets_the_rows_the_count_and_the_tabs(client_of: SignIn, operator: User, ending: Gateway) -> None:
    answer = client_of(operator).get(reverse("alerts:list"), {"urgency": ""}, headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert "<html" not in page
    assert 'id="states"' in page
    assert answer["HX-Push-Url"] == reverse("alerts:list")


def test_an_empty_page_explains_itself(client_of: SignIn, operator: User) -> None:
    page = client_of(operator).get(reverse("alerts:list")).content.decode()
    assert "Nothing waits for an answer" in page


def test_an_empty_filter_offers_everything(client_of: SignIn, operator: User, ending: Gateway) -> None:
    page = client_of(operator).get(reverse("alerts:list"), {"urgency": "later"}).content.decode()
    assert "Show all alerts" in page


def test_long_lists_have_pages(client_of: SignIn, operator: User, vendor: Vendor, ending: Gateway) -> None:
    for number in range(60):
        certificate(gateway(vendor), authority(vendor, left=9 * YEAR), left=6 * DAY + timedelta(minutes=number))
    look({})
    client = client_of(operator)
    first = client.get(reverse("alerts:list"))
    second = client.get(reverse("alerts:list"), {"after": first.context["page"].after})
    shown = [row.alert.pk for answer in (first, second) for row in answer.context["rows"]]
    assert len(shown) == len(set(shown)) == 64


def test_it_costs_the_same_queries_at_any_size(
    client_of: SignIn, operator: User, vendor: Vendor, ending: Gateway
) -> None:
    client, counts = client_of(operator), []
    for more in (0, 40):
        for _ in range(more):
            certificate(gateway(vendor), authority(vendor, left=9 * YEAR), left=4 * DAY)
        look({})
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("alerts:list"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_frame_counts_what_presses_and_waits_for_an_answer(
    client_of: SignIn, operator: User, vendor_user: User, ending: Gateway
) -> None:
    def count() -> int:
        groups = client_of(vendor_user).get(reverse("alerts:list")).context["frame"]["groups"]
        [link] = [link for group in groups for link in group if link["entry"].name == "alerts:list"]
        return int(link["count"])

    assert count() == 1
    answers.mute(operator, Alert.objects.filter(name=ending.eui), until=NOW + DAY, reason="it is being replaced")
    assert count() == 0
    answers.unmute(operator, Alert.objects.filter(name=ending.eui))
    answers.acknowledge(vendor_user, Alert.objects.filter(name=ending.eui))
    assert count() == 0
