"""The page of what ends and is not renewed."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User, Vendor
from alerts.services.notices import send_due
from core import clock
from gateways.models import Gateway
from outbox.models import Message
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, gateway

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def at_now() -> object:
    with clock.at(NOW):
        yield


@pytest.fixture
def ending(vendor: Vendor, other_vendor: Vendor, operator: User, at_now: object) -> Gateway:
    """Kestrel: an authority in 20 days and a gateway in 5; Ampere: an authority that ended yesterday."""
    by = authority(vendor, left=20 * DAY, name="Kestrel CA 2")
    over = authority(other_vendor, left=-DAY, name="Ampere CA 1")
    of = gateway(vendor, name="Kvitfjell mast")
    certificate(of, by, left=5 * DAY)
    certificate(gateway(other_vendor), over, left=-DAY)
    send_due()
    return of


def names(client: Client, **query: str | int) -> list[str]:
    answer = client.get(reverse("alerts:list"), query)
    assert answer.status_code == 200
    return [row.notice.subject_name for row in answer.context["rows"]]


def test_it_shows_what_is_open_the_soonest_first(client_of: SignIn, operator: User, ending: Gateway) -> None:
    shown = names(client_of(operator))
    assert shown[0] == "Ampere CA 1"
    assert shown[-2:] == [ending.eui, "Kestrel CA 2"]


def test_a_vendor_sees_its_own(client_of: SignIn, vendor_user: User, ending: Gateway) -> None:
    assert names(client_of(vendor_user)) == [ending.eui, "Kestrel CA 2"]


def test_a_vendor_cannot_widen_it(client_of: SignIn, vendor_user: User, other_vendor: Vendor, ending: Gateway) -> None:
    assert names(client_of(vendor_user), vendor=other_vendor.pk) == [ending.eui, "Kestrel CA 2"]


def test_nobody_anonymous_sees_it(client: Client) -> None:
    assert client.get(reverse("alerts:list")).status_code == 302


def test_an_auditor_sees_everything(client_of: SignIn, auditor: User, ending: Gateway) -> None:
    assert "Ampere CA 1" in names(client_of(auditor))


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


def test_a_renewed_certificate_is_gone(client_of: SignIn, vendor_user: User, ending: Gateway) -> None:
    certificate(ending, authority(ending.vendor, left=9 * YEAR), left=300 * DAY)
    assert names(client_of(vendor_user)) == ["Kestrel CA 2"]


def test_an_ended_authority_without_gateways_is_gone(client_of: SignIn, operator: User, ending: Gateway) -> None:
    Gateway.objects.filter(current_authority__name="Ampere CA 1").update(current_authority=None)
    assert "Ampere CA 1" not in names(client_of(operator))


def test_each_subject_stands_once_with_its_newest_threshold(
    client_of: SignIn, vendor_user: User, ending: Gateway
) -> None:
    with clock.at(NOW + 3 * DAY):
        send_due()
    rows = client_of(vendor_user).get(reverse("alerts:list")).context["rows"]
    assert [(row.notice.subject_name, row.threshold) for row in rows] == [
        (ending.eui, "3 days"),
        ("Kestrel CA 2", "30 days"),
    ]


def test_it_says_whether_people_were_told(client_of: SignIn, vendor_user: User, ending: Gateway) -> None:
    def told() -> list[str]:
        rows = client_of(vendor_user).get(reverse("alerts:list")).context["rows"]
        return [each.words for each in rows[0].told]

    assert told() == ["2 queued"]
    Message.objects.filter(recipient=vendor_user.email).update(state=Message.State.REFUSED)
    Message.objects.exclude(recipient=vendor_user.email).update(state=Message.State.SENT)
    assert told() == ["1 mailed", "1 refused"]


def test_htmx_gets_the_rows_alone(client_of: SignIn, operator: User, ending: Gateway) -> None:
    answer = client_of(operator).get(reverse("alerts:list"), headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()


def test_an_empty_page_explains_itself(client_of: SignIn, operator: User) -> None:
    page = client_of(operator).get(reverse("alerts:list")).content.decode()
    assert "Nothing ends soon" in page


def test_an_empty_filter_offers_everything(client_of: SignIn, operator: User, ending: Gateway) -> None:
    page = client_of(operator).get(reverse("alerts:list"), {"urgency": "later"}).content.decode()
    assert "Show all alerts" in page


def test_it_costs_the_same_queries_at_any_size(
    client_of: SignIn, operator: User, vendor: Vendor, ending: Gateway
) -> None:
    client, counts = client_of(operator), []
    for more in (0, 40):
        for _ in range(more):
            certificate(gateway(vendor), authority(vendor, left=9 * YEAR), left=4 * DAY)
        send_due()
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("alerts:list"))
        counts.append(len(queries))
    assert counts[0] == counts[1]
