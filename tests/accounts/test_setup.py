"""The first operator."""

import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.models import Deployment, SetupLink, User
from accounts.services import setup
from audit.models import Record
from core import clock
from core.errors import Refused
from tests.pki import makers

pytestmark = pytest.mark.django_db

FORM = {
    "name": "Ines Maurer",
    "email": "Ines@Fjordnet.example",
    "password": "lantern-harbour-42",
    "again": "lantern-harbour-42",
    "deployment_name": "Fjordnet LoRaWAN",
}


def path_of(link: str | None) -> str:
    assert link is not None
    return urlsplit(link).path


def test_the_link_makes_the_first_operator_and_signs_in() -> None:
    client, path = Client(), path_of(setup.setup_link())
    assert client.get(path).status_code == 200
    answer = client.post(path, FORM)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/welcome/")
    operator = User.objects.get()
    assert (operator.email, operator.role) == ("ines@fjordnet.example", "operator")
    assert operator.check_password(FORM["password"])
    assert Deployment.objects.get().name == "Fjordnet LoRaWAN"
    assert client.get("/welcome/").status_code == 200
    assert Record.objects.get(action="deployment.set-up").actor_id == operator.pk


def test_the_link_works_once() -> None:
    path = path_of(setup.setup_link())
    Client().post(path, FORM)
    assert Client().get(path).status_code == 404
    assert Client().post(path, {**FORM, "email": "second@fjordnet.example"}).status_code == 404
    assert User.objects.count() == 1


def test_a_new_link_ends_the_earlier_one() -> None:
    earlier = path_of(setup.setup_link())
    later = path_of(setup.setup_link())
    assert Client().get(earlier).status_code == 404
    assert Client().get(later).status_code == 200


def test_there_is_no_link_once_there_is_an_operator(operator: User) -> None:
    assert setup.setup_link() is None


def test_the_database_holds_no_link() -> None:
    link = setup.setup_link()
    assert link is not None
    assert SetupLink.objects.get().token_hash not in link


def test_a_guessed_link_is_404() -> None:
    setup.setup_link()
    assert Client().get("/setup/guess/").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"again": "something-else-42"}, "again"),
        ({"password": "short", "again": "short"}, "password"),
        ({"password": "ines@fjordnet.example", "again": "ines@fjordnet.example"}, "password"),
        ({"email": "not an address"}, "email"),
        ({"deployment_name": ""}, "deployment_name"),
        ({"cups_uri": "http://cups.example"}, "cups_uri"),
        ({"cups_trust": "no certificate"}, "cups_trust"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_the_link_stays(change: dict[str, str], field: str) -> None:
    path = path_of(setup.setup_link())
    answer = Client().post(path, {**FORM, **change})
    assert field in answer.context["form"].errors
    assert "Ines Maurer" in answer.content.decode()
    assert Client().get(path).status_code == 200


def test_the_trust_certificate_may_come_as_a_file() -> None:
    pem = makers.to_pem(makers.make_root("Fjordnet Server CA", not_after=clock.now() + timedelta(days=365)).der)
    file = SimpleUploadedFile("server.pem", pem)
    Client().post(path_of(setup.setup_link()), {**FORM, "cups_trust_file": file})
    assert Deployment.objects.get().cups_trust.encode().strip() == pem.strip()


def test_a_private_key_among_the_trust_is_refused_and_not_shown_again() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n-----END PRIVATE KEY-----"
    answer = Client().post(path_of(setup.setup_link()), {**FORM, "cups_trust": key})
    assert "cups_trust" in answer.context["form"].errors
    assert "MC4CAQAwBQYDK2VwBCIEI" not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_operator() -> None:
    token = path_of(setup.setup_link()).split("/")[2]
    start, outcomes = threading.Barrier(2), []

    def race(number: int) -> None:
        start.wait()
        try:
            fields = {"email": f"p{number}@fjordnet.example", "name": "P", "password": "lantern-harbour-42"}
            setup.set_up(token, deployment=Deployment(name=f"D{number}"), **fields)
            outcomes.append("made")
        except Refused as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    racers = [threading.Thread(target=race, args=(number,)) for number in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(outcomes) == ["made", "setup-done"]
    assert User.objects.count() == 1


def test_the_environment_names_the_first_operator(settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "Root@Fjordnet.example", "lantern-harbour-42"
    made = setup.ensure_admin_from_environment()
    assert made is not None
    assert (made.email, made.role, made.check_password("lantern-harbour-42")) == (
        "root@fjordnet.example",
        "operator",
        True,
    )
    assert setup.ensure_admin_from_environment() is None


def test_the_environment_changes_nothing_once_there_is_an_operator(operator: User, settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "root@fjordnet.example", "lantern-harbour-42"
    assert setup.ensure_admin_from_environment() is None
    assert User.objects.count() == 1


def test_welcome_is_for_operators(vendor_user: User, client_of: object) -> None:
    assert Client().get("/welcome/").status_code == 302
    assert client_of(vendor_user).get("/welcome/").status_code == 403  # type: ignore[operator]
