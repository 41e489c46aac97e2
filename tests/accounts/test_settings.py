"""Settings of the deployment, its operators and auditors."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Deployment, User
from accounts.services import people
from audit.models import Record
from core.errors import Refused
from tests.accounts.mails import mails_to

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
FORM = {
    "deployment_name": "Fjordnet LoRaWAN",
    "cups_uri": "https://cups.fjordnet.example:8987",
    "cups_trust": "",
    "default_lifetime_days": "730",
}


def test_an_operator_saves_the_settings(operator: User, client_of: SignIn) -> None:
    client_of(operator).post("/settings/", FORM)
    saved = Deployment.objects.get()
    assert (saved.cups_uri, saved.default_lifetime_days) == ("https://cups.fjordnet.example:8987", 730)


def test_what_changed_is_recorded_with_both_values(operator: User, client_of: SignIn) -> None:
    client_of(operator).post("/settings/", FORM)
    written = Record.objects.get()
    assert written.sentence == "Settings of Fjordnet LoRaWAN changed: CUPS address, lifetime"
    assert written.details["changes"] == {
        "cups_uri": ["", "https://cups.fjordnet.example:8987"],
        "default_lifetime_days": [365, 730],
    }


def test_saving_the_same_again_is_no_act(operator: User, client_of: SignIn) -> None:
    client_of(operator).post("/settings/", FORM)
    client_of(operator).post("/settings/", FORM)
    assert Record.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("deployment_name", ""),
        ("cups_uri", "https://cups.fjordnet.example"),
        ("cups_trust", "no certificate"),
        ("default_lifetime_days", "10000"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_nothing_is_saved(
    field: str, value: str, operator: User, client_of: SignIn
) -> None:
    answer = client_of(operator).post("/settings/", {**FORM, field: value})
    assert field in answer.context["form"].errors
    assert Deployment.objects.get().cups_uri == ""


def test_an_auditor_reads_and_changes_nothing(auditor: User, client_of: SignIn) -> None:
    client = client_of(auditor)
    assert client.get("/settings/").status_code == 200
    assert client.post("/settings/", FORM).status_code == 403
    assert Deployment.objects.get().cups_uri == ""


def test_vendors_do_not_see_them(vendor_user: User, client_of: SignIn) -> None:
    assert client_of(vendor_user).get("/settings/").status_code == 403
    assert client_of(vendor_user).post("/settings/", FORM).status_code == 403


def test_anonymous_people_are_asked_to_sign_in(deployment: Deployment) -> None:
    assert Client().get("/settings/").headers["Location"] == "/login/?next=/settings/"


def test_access_is_taken_and_given_back(operator: User, auditor: User, client_of: SignIn) -> None:
    client = client_of(operator)
    client.post(f"/settings/people/{auditor.pk}/deactivate/")
    auditor.refresh_from_db()
    assert not auditor.is_active
    client.post(f"/settings/people/{auditor.pk}/activate/")
    auditor.refresh_from_db()
    assert auditor.is_active
    acts = Record.objects.order_by("pk").values_list("action", flat=True)
    assert list(acts) == ["person.deactivated", "person.activated"]


def test_nobody_takes_the_own_access_away(operator: User, second_operator: User, client_of: SignIn) -> None:
    answer = client_of(operator).post(f"/settings/people/{operator.pk}/deactivate/")
    assert answer.status_code == 409
    operator.refresh_from_db()
    assert operator.is_active


def test_who_was_put_out_meanwhile_puts_nobody_out(operator: User, second_operator: User) -> None:
    """The last operator stays. Fails without `_refuse_unless_operator` in accounts/services/people.py."""
    people.deactivate(operator, second_operator)
    with pytest.raises(Refused):
        people.deactivate(second_operator, operator)
    assert list(User.objects.active_operators()) == [operator]


@pytest.mark.django_db(transaction=True)
def test_two_operators_cannot_put_each_other_out(operator: User, second_operator: User) -> None:
    """Fails on PostgreSQL without `_one_at_a_time` in accounts/services/people.py."""
    start, outcomes = threading.Barrier(2), []

    def put_out(actor: User, person: User) -> None:
        start.wait()
        try:
            people.deactivate(actor, person)
            outcomes.append("done")
        except Refused as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    pairs = [(operator, second_operator), (second_operator, operator)]
    racers = [threading.Thread(target=put_out, args=pair) for pair in pairs]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(outcomes) == ["done", "not-for-your-role"]
    assert User.objects.active_operators().count() == 1


def test_every_operator_hears_who_comes_and_goes(operator: User, second_operator: User, client_of: SignIn) -> None:
    client = client_of(operator)
    client.post(f"/settings/people/{second_operator.pk}/deactivate/")
    client.post(f"/settings/people/{second_operator.pk}/activate/")
    for address in (operator.email, second_operator.email):
        assert mails_to(address) == [
            "Ines Maurer took the access of operator Tomas Lind away",
            "Ines Maurer gave Tomas Lind access as an operator again",
        ]


@pytest.mark.parametrize("act", ["deactivate", "activate"])
@pytest.mark.parametrize("who", ["vendor_user", "auditor"])
def test_only_operators_decide_on_access(
    act: str, who: str, request: pytest.FixtureRequest, operator: User, client_of: SignIn
) -> None:
    answer = client_of(request.getfixturevalue(who)).post(f"/settings/people/{operator.pk}/{act}/")
    assert answer.status_code == 403
    assert User.objects.active_operators().count() == 1


@pytest.mark.parametrize("act", ["deactivate", "activate"])
def test_wrong_methods_and_unknown_people(act: str, operator: User, client_of: SignIn) -> None:
    assert client_of(operator).get(f"/settings/people/{operator.pk}/{act}/").status_code == 405
    assert client_of(operator).post(f"/settings/people/4711/{act}/").status_code == 404
