"""Signing in and out, and choosing a new password by mail."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from accounts.models import User
from audit.models import Record
from outbox.models import Message
from tests.accounts.mails import link_to, mails_to

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_earlier_tries() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def sign_in(client: Client, email: str, password: str, **extra: str) -> object:
    return client.post("/login/", {"login": email, "password": password, **extra})


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_a_person_signs_in_and_out(operator: User, password: str) -> None:
    client = Client()
    sign_in(client, "INES@fjordnet.example", password)
    assert is_in(client)
    client.post("/logout/")
    assert not is_in(client)
    acts = Record.objects.order_by("pk").values_list("action", flat=True)
    assert list(acts) == ["person.signed-in", "person.signed-out"]


def test_looking_at_the_sign_out_page_signs_nobody_out(operator: User, client_of: Callable[[User], Client]) -> None:
    client = client_of(operator)
    assert client.get("/logout/").status_code == 200
    assert is_in(client)


def test_the_session_changes_its_key_when_somebody_signs_in(operator: User, password: str) -> None:
    client = Client()
    client.session.save()
    client.get("/login/")
    before = client.session.session_key
    sign_in(client, operator.email, password)
    assert client.session.session_key != before


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(operator: User) -> None:
    answers = []
    for email in (operator.email, "nobody@fjordnet.example"):
        answer = Client().post("/login/", {"login": email, "password": "wrong-wrong-wrong"})
        answers.append((answer.status_code, answer.context["form"].errors))
    assert answers[0] == answers[1]
    assert Record.objects.filter(action="person.sign-in-failed").count() == 1


def test_a_deactivated_person_is_not_let_in(operator: User, password: str) -> None:
    User.objects.filter(pk=operator.pk).update(is_active=False)
    client = Client()
    sign_in(client, operator.email, password)
    assert not is_in(client)


def test_deactivating_somebody_ends_their_session(
    operator: User, vendor_user: User, client_of: Callable[[User], Client]
) -> None:
    client = client_of(vendor_user)
    assert is_in(client)
    client_of(operator).post(f"/settings/people/{vendor_user.pk}/deactivate/")
    assert not is_in(client)


def test_a_password_cannot_be_guessed(operator: User, password: str) -> None:
    for _ in range(5):
        sign_in(Client(), operator.email, "wrong-wrong-wrong")
    client = Client()
    sign_in(client, operator.email, password)
    assert not is_in(client)


def test_an_invented_port_does_not_start_the_count_anew(operator: User, password: str) -> None:
    """Fails without `_get_login_attempts_cache_key` in accounts/adapter.py."""
    for number in range(5):
        Client(HTTP_HOST=f"localhost:{8000 + number}").post(
            "/login/", {"login": operator.email, "password": "wrong-wrong-wrong"}
        )
    client = Client(HTTP_HOST="localhost:9999")
    sign_in(client, operator.email, password)
    assert not is_in(client)


def test_too_many_tries_from_one_place_get_our_page(settings: Settings, deployment: object) -> None:
    answers = [Client().post("/login/", {"login": f"p{n}@x.example", "password": "x"}) for n in range(31)]
    assert answers[-1].status_code == 429
    assert "Too many tries" in answers[-1].content.decode()


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "https:evil.example", "javascript:alert(1)"],
)
@pytest.mark.parametrize("address", ["/login/", "/account/again/"])
def test_nobody_is_sent_elsewhere(elsewhere: str, address: str, operator: User, password: str) -> None:
    client = Client()
    if address == "/account/again/":
        client.force_login(operator)
    answer = client.post(address, {"login": operator.email, "password": password, "next": elsewhere})
    assert answer.status_code == 302
    assert urlsplit(answer.headers["Location"]).netloc == ""
    assert answer.headers["Location"] == "/"


def test_another_host_that_may_serve_the_desk_is_elsewhere_too(operator: User, password: str) -> None:
    answer = Client().post(
        "/login/", {"login": operator.email, "password": password, "next": "http://localhost/gateways/"}
    )
    assert answer.headers["Location"] == "/"


def test_people_come_back_to_where_they_wanted_to_be(operator: User, password: str) -> None:
    answer = Client().post("/login/", {"login": operator.email, "password": password, "next": "/settings/"})
    assert answer.headers["Location"] == "/settings/"


def test_a_new_password_is_chosen_by_a_link_that_works_once(operator: User) -> None:
    client = Client()
    answer = client.post("/password/reset/", {"email": "INES@fjordnet.example"})
    assert answer.headers["Location"] == "/password/reset/done/"
    link = link_to(operator.email)
    form = client.get(link, follow=True)
    address = form.redirect_chain[-1][0]
    client.post(address, {"password1": "windmill-orchard-7", "password2": "windmill-orchard-7"})
    operator.refresh_from_db()
    assert operator.check_password("windmill-orchard-7")
    assert "does not work any more" in Client().get(link, follow=True).content.decode()
    assert mails_to(operator.email)[-1] == "Your password for Fjordnet LoRaWAN was changed"
    assert Record.objects.filter(action="person.password-reset").count() == 1


def test_a_new_password_ends_every_session(operator: User, client_of: Callable[[User], Client]) -> None:
    before = client_of(operator)
    client = Client()
    client.post("/password/reset/", {"email": operator.email})
    address = client.get(link_to(operator.email), follow=True).redirect_chain[-1][0]
    client.post(address, {"password1": "windmill-orchard-7", "password2": "windmill-orchard-7"})
    assert not is_in(before)


def test_a_weak_new_password_is_refused(operator: User, password: str) -> None:
    client = Client()
    client.post("/password/reset/", {"email": operator.email})
    address = client.get(link_to(operator.email), follow=True).redirect_chain[-1][0]
    answer = client.post(address, {"password1": "short", "password2": "short"})
    assert answer.status_code == 200
    operator.refresh_from_db()
    assert operator.check_password(password)


def test_the_link_in_the_mail_is_ours_whatever_the_host_header_says(operator: User) -> None:
    Client(HTTP_HOST="localhost:6666").post("/password/reset/", {"email": operator.email})
    text = Message.objects.get(recipient=operator.email).text
    assert "http://127.0.0.1:8000/password/reset/key/" in text
    assert "6666" not in text


def test_a_foreign_host_header_is_refused(operator: User) -> None:
    assert Client(HTTP_HOST="evil.example").post("/password/reset/", {"email": operator.email}).status_code == 400


def test_an_unknown_address_gets_the_same_answer_and_no_mail(operator: User) -> None:
    answers = [
        Client().post("/password/reset/", {"email": email}) for email in (operator.email, "nobody@fjordnet.example")
    ]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert set(Message.objects.values_list("recipient", flat=True)) == {operator.email}


def test_a_deactivated_person_gets_no_link(operator: User) -> None:
    User.objects.filter(pk=operator.pk).update(is_active=False)
    Client().post("/password/reset/", {"email": operator.email})
    assert not Message.objects.exists()


def test_a_mailbox_is_not_flooded(operator: User) -> None:
    answers = [Client().post("/password/reset/", {"email": operator.email}) for _ in range(4)]
    assert answers[-1].status_code == 429
    assert Message.objects.count() <= 3


def test_nobody_signs_up(deployment: object) -> None:
    assert Client().get("/signup/").status_code == 404
    assert Client().post("/signup/", {"email": "x@y.example", "password1": "lantern-harbour-42"}).status_code == 404


def test_no_other_address_of_allauth_exists() -> None:
    ours = {
        "account_login",
        "account_logout",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "account_reset_password_from_key_done",
        "account_signup",
        "account_inactive",
    }
    assert {name for name in _names(get_resolver().url_patterns) if name.startswith("account_")} == ours


def _names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _names(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name
