"""The log of mails, and the button that tries the server."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User, Vendor
from accounts.services import vendors
from accounts.services.recipients import replies_to
from alerts.services.notices import send_due
from audit.models import Record
from core import clock
from outbox.models import Message
from tests.alerts.rows import NOW, authority
from tests.outbox.letters import queue_letter
from tests.outbox.servers import Box, mail_server

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def box(settings: Settings) -> Iterator[Box]:
    with mail_server() as made:
        settings.EMAIL_BACKEND = "outbox.smtp.SmtpBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", made.port, 5
        yield made


def test_it_shows_what_became_of_each_mail_and_never_what_stands_in_it(
    operator: User, auditor: User, client_of: SignIn
) -> None:
    """A link that chooses a password is for its recipient. Fails where the log shows a text."""
    queue_letter()
    Message.objects.update(state="refused", last_answer="550 5.1.1 No such person")
    for user in (operator, auditor):
        text = client_of(user).get("/mails/").content.decode()
        assert "550 5.1.1 No such person" in text
        assert "/invitation/abc/" not in text


def test_refused_addresses_stand_on_top(operator: User, client_of: SignIn) -> None:
    gone = queue_letter("1", "gone@kestrel.example")
    queue_letter("2")
    Message.objects.filter(pk=gone.pk).update(state="refused", last_answer="550 5.1.1 No such person")
    assert list(client_of(operator).get("/mails/").context["bounced"]) == [gone]


@pytest.mark.parametrize(("query", "found"), [("to=MARA", ["2"]), ("state=refused", ["2"]), ("topic=reminders", ["3"])])
def test_it_is_filtered(query: str, found: list[str], operator: User, client_of: SignIn) -> None:
    queue_letter("1")
    queue_letter("2", "mara@ampere.example")
    queue_letter("3")
    Message.objects.filter(key="2").update(state="refused")
    Message.objects.filter(key="3").update(topic="reminders")
    shown = client_of(operator).get(f"/mails/?{query}").context["page"]
    assert [row.key for row in shown.rows] == found


def test_a_try_shows_the_servers_own_words(box: Box, operator: User, client_of: SignIn) -> None:
    box.data = "554 5.7.1 <b>Looks like spam</b>"
    text = client_of(operator).post("/mails/try/").content.decode()
    assert "The mail server did not take it" in text
    assert "554 5.7.1 &lt;b&gt;Looks like spam" in text
    box.data = "250 2.0.0 Ok: queued as 4F2D81"
    text = client_of(operator).post("/mails/try/").content.decode()
    assert "250 2.0.0 Ok: queued as 4F2D81" in text
    assert box.recipients() == [operator.email]


def test_a_refused_mail_is_sent_once_more(operator: User, client_of: SignIn) -> None:
    message = queue_letter()
    Message.objects.update(state="refused")
    assert client_of(operator).post(f"/mails/{message.pk}/retry/").headers["Location"] == "/mails/"
    message.refresh_from_db()
    assert message.state == "queued"
    assert Record.objects.filter(action="mail.retried").exists()


def test_an_auditor_reads_and_does_nothing(auditor: User, client_of: SignIn) -> None:
    message, client = queue_letter(), client_of(auditor)
    assert client.post("/mails/try/").status_code == 403
    assert client.post(f"/mails/{message.pk}/retry/").status_code == 403
    assert "/retry/" not in client.get("/mails/").content.decode()


def test_vendors_and_strangers_do_not_get_in(vendor_user: User, client_of: SignIn) -> None:
    message = queue_letter()
    for client, status in ((client_of(vendor_user), 403), (Client(), 302)):
        assert client.get("/mails/").status_code == status
        assert client.post("/mails/try/").status_code == status
        assert client.post(f"/mails/{message.pk}/retry/").status_code == status


def test_wrong_methods_are_refused(operator: User, client_of: SignIn) -> None:
    client = client_of(operator)
    assert client.post("/mails/").status_code == 405
    assert client.get("/mails/try/").status_code == 405
    assert client.get("/mails/1/retry/").status_code == 405


def test_an_unknown_mail_is_404(operator: User, client_of: SignIn) -> None:
    assert client_of(operator).post("/mails/4711/retry/").status_code == 404


def test_the_page_asks_as_much_for_fifty_as_for_one(operator: User, client_of: SignIn) -> None:
    client, asked = client_of(operator), []
    for number in range(50):
        queue_letter(str(number), f"{number}@kestrel.example")
        Message.objects.update(state="refused")
        if number in (0, 49):
            with CaptureQueriesContext(connection) as queries:
                client.get("/mails/")
            asked.append(len(queries))
    assert asked[0] == asked[1]


def test_a_vendors_mails_are_answered_to_whom_operators_named(
    operator: User, vendor: Vendor, vendor_user: User, client_of: SignIn
) -> None:
    client = client_of(operator)
    client.post(f"/vendors/{vendor.pk}/edit/", {"name": vendor.name, "notes": "", "reply_to": "desk@fjordnet.example"})
    client.post(f"/vendors/{vendor.pk}/invite/", {"email": "new@kestrel.example"})
    assert Message.objects.get(recipient="new@kestrel.example").reply_to == "desk@fjordnet.example"
    assert "desk@fjordnet.example" in client.get(f"/vendors/{vendor.pk}/").content.decode()
    assert replies_to([vendor_user.email, operator.email]) == {vendor_user.email: "desk@fjordnet.example"}


def test_who_stands_for_two_vendors_answers_the_sender(operator: User, vendor: Vendor, other_vendor: Vendor) -> None:
    for each in (vendor, other_vendor):
        vendors.add_contact(operator, each, name="Both", email="both@agency.example")
    Vendor.objects.filter(pk=vendor.pk).update(reply_to="desk@fjordnet.example")
    assert replies_to(["both@agency.example"]) == {}


def test_the_digest_is_answered_to_whom_operators_named(operator: User, vendor: Vendor, vendor_user: User) -> None:
    Vendor.objects.filter(pk=vendor.pk).update(reply_to="desk@fjordnet.example")
    with clock.at(NOW):
        authority(vendor, left=timedelta(days=20))
        send_due()
    replies = dict(Message.objects.values_list("recipient", "reply_to"))
    assert replies == {vendor_user.email: "desk@fjordnet.example", operator.email: ""}
    assert set(Message.objects.values_list("topic", flat=True)) == {"reminders"}
