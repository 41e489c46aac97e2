"""What people get, and whom mails do not reach."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User, Vendor
from alerts.models import Recipient
from audit.models import Record
from tests.alerts.rows import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
MINE, ALL = "/alerts/mine/", "/alerts/recipients/"


def test_everybody_sees_the_usual_wishes(client_of: SignIn, operator: User, vendor_user: User, auditor: User) -> None:
    for person in (operator, vendor_user, auditor):
        answer = client_of(person).get(MINE)
        assert answer.status_code == 200
        assert answer.context["form"]["hour"].value() == 7
    assert "Auditors are mailed nothing" in client_of(auditor).get(MINE).content.decode()
    assert not Recipient.objects.exists()


def test_one_chooses_hour_zone_and_which_mails(client_of: SignIn, vendor_user: User) -> None:
    typed = {"hour": "22", "zone": "Pacific/Auckland", "wants": "pressing"}
    assert client_of(vendor_user).post(MINE, typed).status_code == 302
    recipient = Recipient.objects.get()
    assert recipient.email == vendor_user.email
    assert (recipient.hour, recipient.zone, recipient.wants) == (22, "Pacific/Auckland", "pressing")
    assert Record.objects.get(action="recipient.changed").actor_name == vendor_user.name
    assert "you want no digest" in client_of(vendor_user).get(MINE).content.decode()


@pytest.mark.parametrize("typed", [{"hour": "24"}, {"zone": "Middle/Earth"}, {"zone": "../etc"}, {"wants": "less"}])
def test_nonsense_stands_beside_the_field(client_of: SignIn, operator: User, typed: dict[str, str]) -> None:
    answer = client_of(operator).post(MINE, {"hour": "7", "zone": "", "wants": "all", **typed})
    assert answer.status_code == 400
    assert set(answer.context["form"].errors) == set(typed)


def test_nobody_anonymous_chooses(client: Client, db: None) -> None:
    assert client.get(MINE).status_code == 302
    assert client.post(MINE, {"hour": "7", "zone": "", "wants": "all"}).status_code == 302
    assert not Recipient.objects.exists()


@pytest.fixture
def bouncing(db: None) -> Recipient:
    Recipient.objects.create(email="fine@kestrel.example")
    words = "550 5.1.1 <gone@kestrel.example>: no such user"
    return Recipient.objects.create(
        email="gone@kestrel.example", bounced_since=NOW, bounced_words=words, last_key="digest:1"
    )


def test_who_bounces_stands_first_with_the_servers_words(
    client_of: SignIn, operator: User, auditor: User, bouncing: Recipient
) -> None:
    for person in (operator, auditor):
        page = client_of(person).get(ALL).content.decode()
        assert page.index("gone@kestrel.example") < page.index("fine@kestrel.example")
        assert "no such user" in page


def test_an_operator_says_that_it_works_again(client_of: SignIn, operator: User, bouncing: Recipient) -> None:
    url = f"{ALL}{bouncing.pk}/clear/"
    assert client_of(operator).post(url)["Location"] == ALL
    bouncing.refresh_from_db()
    assert (bouncing.bounced_since, bouncing.bounced_words, bouncing.last_key) == (None, "", "")
    assert Record.objects.filter(action="recipient.cleared").count() == 1
    assert client_of(operator).post(url).status_code == 409


def test_nobody_else_does(client_of: SignIn, vendor_user: User, auditor: User, bouncing: Recipient) -> None:
    url = f"{ALL}{bouncing.pk}/clear/"
    assert client_of(vendor_user).get(ALL).status_code == 403
    assert client_of(vendor_user).post(url).status_code == 403
    assert client_of(auditor).post(url).status_code == 403
    assert Client().post(url).status_code == 302
    assert client_of(auditor).get(url).status_code == 405
    bouncing.refresh_from_db()
    assert bouncing.bounced_since


def test_it_says_whose_address_it_is(
    client_of: SignIn, operator: User, vendor_user: User, vendor: Vendor, bouncing: Recipient
) -> None:
    Recipient.objects.create(email=vendor_user.email)
    page = client_of(operator).get(ALL).content.decode()
    assert f"{vendor_user.name}, {vendor.name}" in page
    assert "contact of a vendor" in page
