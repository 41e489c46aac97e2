"""No more mails of a kind, by the link in one of them."""

import re
from collections.abc import Iterator

import pytest
from django.template import Context, Engine
from django.test import Client
from pytest_django import Settings

from audit.models import Record
from outbox import topics
from outbox.models import Message, Stop
from outbox.services import deliver_due, queue_mail
from outbox.services.unsubscribing import link_for
from outbox.topics import Topic
from tests.outbox.servers import Box, mail_server

pytestmark = pytest.mark.django_db
JONAS = "jonas@kestrel.example"


@pytest.fixture
def box(settings: Settings) -> Iterator[Box]:
    with mail_server() as made:
        settings.EMAIL_BACKEND = "outbox.smtp.SmtpBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", made.port, 5
        settings.PUBLIC_URL = "https://desk.fjordnet.example"
        yield made


def reminder(key: str = "1", to: str = JONAS, topic: str | None = Topic.REMINDERS) -> Message:
    return queue_mail(key=key, to=to, template="mail_try", context={"who": "Ines"}, topic=topic)


def path_in(mail: object) -> str:
    return str(mail).strip().removeprefix("<https://desk.fjordnet.example").removesuffix(">")


def test_a_reminder_says_how_to_stop_it_with_one_click(box: Box) -> None:
    reminder()
    deliver_due()
    [mail] = box.mails
    link = str(mail["List-Unsubscribe"]).strip()  # it is long, and stands on the header's second line
    assert re.fullmatch(r"<https://desk\.fjordnet\.example/unsubscribe/[^>\s]+/>", link)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    body = mail.get_body(("plain",))
    assert body is not None
    assert link.strip("<>") in body.get_content().replace("\n", "")


@pytest.mark.parametrize(
    "template", ["invitation", "password_reset", "password_changed", "operator_invited", "mail_try"]
)
def test_what_must_arrive_has_no_way_out(template: str, box: Box) -> None:
    queue_mail(key="1", to=JONAS, template=template, context={})
    deliver_due()
    [mail] = box.mails
    assert mail["List-Unsubscribe"] is None
    assert "unsubscribe" not in str(mail)


@pytest.mark.parametrize("template", sorted(topics._TOPICS))
@pytest.mark.parametrize("part", ["txt", "html"])
def test_every_mail_of_a_topic_says_how_to_stop_it(template: str, part: str) -> None:
    engine, link = Engine.get_default(), "https://desk.example/unsubscribe/x/"
    values = Context({"stop_url": link, "draft": {"empties": True}})
    assert link in engine.get_template(f"emails/{template}.{part}").render(values)


def test_without_tls_nobody_is_invited_to_click_blindly(box: Box, settings: Settings) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    reminder()
    deliver_due()
    [mail] = box.mails
    assert mail["List-Unsubscribe"]
    assert mail["List-Unsubscribe-Post"] is None


def test_one_click_of_a_mail_program_stops_this_topic_for_this_address(box: Box) -> None:
    reminder()
    deliver_due()
    client = Client(enforce_csrf_checks=True)
    answer = client.post(path_in(box.mails[0]["List-Unsubscribe"]), {"List-Unsubscribe": "One-Click"}, secure=True)
    assert answer.status_code == 200
    states = [reminder("2").state, reminder("3", "mara@ampere.example").state, reminder("4", topic=Topic.RESULTS).state]
    assert states == ["stopped", "queued", "queued"]
    assert Record.objects.get(action="mail.stopped").subject_name == f"Reminders of what ends to {JONAS}"
    deliver_due()
    assert box.recipients() == [JONAS, JONAS, "mara@ampere.example"]


def test_what_waits_is_stopped_too(box: Box) -> None:
    waiting, needed = reminder(), reminder("2", topic="")
    Client().post(path_in(f"<{link_for(JONAS, Topic.REMINDERS)}>"), secure=True)
    waiting.refresh_from_db()
    needed.refresh_from_db()
    assert (waiting.state, needed.state) == ("stopped", "queued")


def test_looking_at_the_link_changes_nothing(box: Box) -> None:
    """Some mail programs follow every link in a mail."""
    path = path_in(f"<{link_for(JONAS, Topic.REMINDERS)}>")
    text = Client().get(path, secure=True).content.decode()
    assert "Reminders of what ends" in text
    assert JONAS in text
    assert not Stop.objects.exists()


def test_it_can_be_taken_back_by_the_same_link(box: Box) -> None:
    path = path_in(f"<{link_for(JONAS, Topic.REMINDERS)}>")
    Client().post(path, secure=True)
    assert "stopped" in Client().get(path, secure=True).content.decode()
    Client().post(path, {"act": "resume"}, secure=True)
    assert reminder().state == "queued"
    assert list(Record.objects.order_by("pk").values_list("action", flat=True)) == ["mail.stopped", "mail.resumed"]


def test_twice_is_once(box: Box) -> None:
    path = path_in(f"<{link_for(JONAS, Topic.REMINDERS)}>")
    for _ in range(2):
        Client().post(path, secure=True)
    assert (Stop.objects.count(), Record.objects.count()) == (1, 1)


@pytest.mark.parametrize("changed", ["x", "WyJqb25hcyJd:1x:abc", "%00"])
def test_a_link_that_is_not_ours_is_404(changed: str) -> None:
    assert Client().get(f"/unsubscribe/{changed}/").status_code == 404
    assert Client().post(f"/unsubscribe/{changed}/").status_code == 404
    assert not Stop.objects.exists()


def test_a_link_for_one_address_is_none_for_another(box: Box) -> None:
    """Fails where the token is not signed."""
    path = path_in(f"<{link_for(JONAS, Topic.REMINDERS)}>")
    other = path_in(f"<{link_for('mara@ampere.example', Topic.REMINDERS)}>")
    mixed = other.split(":", maxsplit=1)[0] + ":" + path.split(":", maxsplit=1)[1]
    assert Client().post(mixed, secure=True).status_code == 404


def test_wrong_methods_are_refused(box: Box) -> None:
    assert Client().delete(path_in(f"<{link_for(JONAS, Topic.REMINDERS)}>"), secure=True).status_code == 405
