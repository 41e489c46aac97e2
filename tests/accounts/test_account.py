"""One's own account, and giving the password again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.http import HttpRequest
from django.test import Client
from django.test.client import RequestFactory

from accounts import reauthentication
from accounts.models import User
from audit.models import Record
from core import clock
from tests.accounts.mails import mails_to

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
NEW = "windmill-orchard-7"


@pytest.mark.parametrize("who", ["operator", "auditor", "vendor_user"])
def test_everybody_has_one(who: str, request: pytest.FixtureRequest, client_of: SignIn) -> None:
    user: User = request.getfixturevalue(who)
    assert user.email in client_of(user).get("/account/").content.decode()


def test_anonymous_people_are_asked_to_sign_in(deployment: object) -> None:
    assert Client().get("/account/").headers["Location"] == "/login/?next=/account/"
    assert Client().get("/account/again/").headers["Location"] == "/login/?next=/account/again/"


def test_the_own_name_is_changed(vendor_user: User, client_of: SignIn) -> None:
    client_of(vendor_user).post("/account/", {"name": "Jonas D."})
    vendor_user.refresh_from_db()
    assert vendor_user.name == "Jonas D."
    assert Record.objects.get().sentence == "Jonas Dahl is now called Jonas D."


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(
    operator: User, password: str, client_of: SignIn
) -> None:
    here, elsewhere = client_of(operator), client_of(operator)
    key = here.session.session_key
    here.post("/account/", {"old": password, "password": NEW, "again": NEW})
    operator.refresh_from_db()
    assert operator.check_password(NEW)
    assert here.get("/account/").status_code == 200
    assert here.session.session_key != key
    assert elsewhere.get("/account/").status_code == 302
    assert mails_to(operator.email) == ["Your password for Fjordnet LoRaWAN was changed"]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"old": "wrong-wrong-wrong", "password": NEW, "again": NEW}, "old"),
        ({"old": "lantern-harbour-42", "password": NEW, "again": "another-one-7"}, "again"),
        ({"old": "lantern-harbour-42", "password": "short", "again": "short"}, "password"),
    ],
)
def test_a_mistake_changes_no_password(
    typed: dict[str, str], field: str, operator: User, password: str, client_of: SignIn
) -> None:
    answer = client_of(operator).post("/account/", typed)
    assert list(answer.context["password_form"].errors) == [field]
    operator.refresh_from_db()
    assert operator.check_password(password)


def test_the_present_password_cannot_be_guessed(operator: User, password: str, client_of: SignIn) -> None:
    client = client_of(operator)
    for _ in range(5):
        client.post("/account/", {"old": "wrong-wrong-wrong", "password": NEW, "again": NEW})
    answer = client.post("/account/", {"old": password, "password": NEW, "again": NEW})
    assert "Too many wrong passwords" in answer.content.decode()
    operator.refresh_from_db()
    assert operator.check_password(password)


def test_giving_the_password_again_leads_back(operator: User, password: str, client_of: SignIn) -> None:
    client = client_of(operator)
    assert client.get("/account/again/?next=/settings/").status_code == 200
    answer = client.post("/account/again/", {"password": password, "next": "/settings/"})
    assert answer.headers["Location"] == "/settings/"
    assert reauthentication.recently(request_of(client, operator))


def test_a_wrong_password_is_not_recent(operator: User, client_of: SignIn) -> None:
    client = client_of(operator)
    answer = client.post("/account/again/", {"password": "wrong-wrong-wrong"})
    assert "That is not your password." in answer.content.decode()
    assert not reauthentication.recently(request_of(client, operator))


def test_recently_lasts_for_15_minutes(operator: User, password: str, client_of: SignIn) -> None:
    client, now = client_of(operator), clock.now()
    with clock.at(now):
        client.post("/account/again/", {"password": password})
    with clock.at(now + timedelta(minutes=14, seconds=59)):
        assert reauthentication.recently(request_of(client, operator))
    with clock.at(now + timedelta(minutes=15)):
        assert not reauthentication.recently(request_of(client, operator))


def test_signing_in_counts(operator: User, password: str) -> None:
    client = Client()
    client.post("/login/", {"login": operator.email, "password": password})
    assert reauthentication.recently(request_of(client, operator))


def test_a_session_from_before_is_not_recent(operator: User, client_of: SignIn) -> None:
    assert not reauthentication.recently(request_of(client_of(operator), operator))


def request_of(client: Client, user: User) -> HttpRequest:
    request = RequestFactory().get("/")
    request.session, request.user = client.session, user
    return request
