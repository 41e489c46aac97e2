"""The ways to a mail server and back, with real TLS and real failures."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import User
from audit.models import Record
from certadmin import environment
from core import clock
from outbox.models import Message
from outbox.services import deliver_due, delivery
from tests.outbox.letters import queue_letter
from tests.outbox.servers import PASSWORD, identity, mail_server

pytestmark = [
    pytest.mark.django_db,
    # aiosmtpd knows of TLS on request only: where TLS is there from the start it believes that there is none
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]
State = Message.State
NOW = datetime(2026, 5, 14, 12, tzinfo=UTC)


@pytest.fixture
def through(settings: Settings) -> Callable[[str], None]:
    """Send by this address from now on, as the environment would say it."""

    def use(url: str) -> None:
        for name, value in environment.mail(url).items():
            setattr(settings, name, value)
        settings.EMAIL_TIMEOUT = 3

    return use


def test_starttls_with_a_password(tmp_path: Path, through: Callable[[str], None]) -> None:
    me = identity(tmp_path)
    with mail_server(tls=me.context, auth=True) as box:
        through(f"smtp://desk:{PASSWORD}@localhost:{box.port}?ca={me.ca}")
        queue_letter()
        assert deliver_due() == 1
        assert (box.people, box.was_secure) == (["desk"], [True])


def test_tls_from_the_start_with_a_password(tmp_path: Path, through: Callable[[str], None]) -> None:
    me = identity(tmp_path)
    with mail_server(tls=me.context, at_once=True, auth=True) as box:
        through(f"smtps://desk:{PASSWORD}@localhost:{box.port}?ca={me.ca}")
        queue_letter()
        assert deliver_due() == 1
        assert box.people == ["desk"]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("wrong", ["another CA", "another name"])
def test_a_wrong_certificate_gets_no_mail_and_no_password(
    at_once: bool, wrong: str, tmp_path: Path, through: Callable[[str], None]
) -> None:
    """Fails where the context does not verify."""
    me = identity(tmp_path, "localhost" if wrong == "another CA" else "mail.example.com")
    trusted = "" if wrong == "another CA" else f"&ca={me.ca}"
    with mail_server(tls=me.context, at_once=at_once, auth=True) as box:
        scheme = "smtps" if at_once else "smtp"
        through(f"{scheme}://desk:{PASSWORD}@localhost:{box.port}?tls=starttls{trusted}")
        message = queue_letter()
        assert deliver_due() == 0
        message.refresh_from_db()
        assert (box.mails, box.people) == ([], [])
        assert message.state == State.QUEUED
        assert "certificate verify failed" in message.last_answer


def test_who_signs_in_does_so_under_tls_or_not_at_all(through: Callable[[str], None]) -> None:
    """Fails where a password goes over an open line because nobody wrote `tls=starttls`."""
    with mail_server() as box:
        through(f"smtp://desk:{PASSWORD}@localhost:{box.port}")
        message = queue_letter()
        assert deliver_due() == 0
        message.refresh_from_db()
        assert "STARTTLS" in message.last_answer


def test_a_wrong_password_is_said(tmp_path: Path, through: Callable[[str], None]) -> None:
    me = identity(tmp_path)
    with mail_server(tls=me.context, auth=True) as box:
        through(f"smtp://desk:wrong@localhost:{box.port}?ca={me.ca}")
        message = queue_letter()
        assert deliver_due() == 0
        message.refresh_from_db()
        assert message.last_answer.startswith("SMTPAuthenticationError: (535")
        assert "wrong" not in message.last_answer


def test_the_servers_words_are_kept(through: Callable[[str], None]) -> None:
    with mail_server() as box:
        through(f"smtp://localhost:{box.port}")
        box.data = "250 2.0.0 Ok: queued as 4F2D81"
        message = queue_letter()
        deliver_due()
        message.refresh_from_db()
        assert (message.state, message.last_answer) == (State.SENT, "250 2.0.0 Ok: queued as 4F2D81")


def test_a_server_that_cuts_in_the_middle_gets_it_later(through: Callable[[str], None]) -> None:
    with mail_server() as box:
        through(f"smtp://localhost:{box.port}")
        box.drops_in_data = True
        message = queue_letter()
        assert deliver_due() == 0
        box.drops_in_data = False
        with clock.at(clock.now() + timedelta(minutes=2)):
            assert deliver_due() == 1
        assert box.ids() == [message.message_id]


def test_a_slow_server_is_given_up_and_tried_later(through: Callable[[str], None], settings: Settings) -> None:
    """Whether it took the mail nobody knows: the second copy has the same Message-ID."""
    with mail_server() as box:
        through(f"smtp://localhost:{box.port}")
        settings.EMAIL_TIMEOUT, box.seconds = 0.5, 1.5
        message = queue_letter()
        assert deliver_due() == 0
        message.refresh_from_db()
        assert "timed out" in message.last_answer.lower()
        box.seconds = 0
        with clock.at(clock.now() + timedelta(minutes=2)):
            assert deliver_due() == 1
        assert set(box.ids()) == {message.message_id}


def test_a_recipient_who_is_busy_for_five_days_is_given_up(through: Callable[[str], None]) -> None:
    with mail_server() as box:
        through(f"smtp://localhost:{box.port}")
        box.answers["jonas@kestrel.example"] = "452 4.2.2 Mailbox full"
        with clock.at(NOW):
            message = queue_letter()
        for hours, state in ((0, State.QUEUED), (119, State.QUEUED), (121, State.REFUSED)):
            with clock.at(NOW + timedelta(hours=hours)):
                deliver_due()
            message.refresh_from_db()
            assert message.state == state
        assert message.last_answer == "452 4.2.2 Mailbox full"


def test_replies_go_to_the_vendors_own_contact_at_the_operator(through: Callable[[str], None]) -> None:
    with mail_server() as box:
        through(f"smtp://localhost:{box.port}")
        queue_letter("1")
        Message.objects.update(reply_to="kestrel-desk@fjordnet.example")
        queue_letter("2", "mara@ampere.example")
        deliver_due()
        replies = {str(mail["To"]): mail["Reply-To"] for mail in box.mails}
        assert replies == {"jonas@kestrel.example": "kestrel-desk@fjordnet.example", "mara@ampere.example": None}


def test_a_try_brings_the_real_answer_at_once(operator: User, through: Callable[[str], None]) -> None:
    with mail_server() as box:
        through(f"smtp://localhost:{box.port}")
        box.data = "250 2.0.0 Ok: queued as 4F2D81"
        good = delivery.try_mail(operator, operator.email, deployment="Fjordnet")
        box.answers[operator.email] = "550 5.7.1 Relaying denied"
        bad = delivery.try_mail(operator, operator.email, deployment="Fjordnet")
        assert (good.ok, good.words) == (True, "250 2.0.0 Ok: queued as 4F2D81")
        assert (bad.ok, bad.words) == (False, "550 5.7.1 Relaying denied")
        assert box.recipients() == [operator.email]
    nobody = delivery.try_mail(operator, operator.email, deployment="Fjordnet")
    assert (nobody.ok, "refused" in nobody.words) == (False, True)
    assert sorted(Message.objects.values_list("state", flat=True)) == ["refused", "refused", "sent"]
    assert Record.objects.filter(action="mail.tried").count() == 3
    assert deliver_due() == 0


def test_what_was_refused_is_sent_once_more_by_hand(operator: User, through: Callable[[str], None]) -> None:
    with mail_server() as box:
        through(f"smtp://localhost:{box.port}")
        box.answers["jonas@kestrel.example"] = "550 5.1.1 No such person here"
        message = queue_letter()
        deliver_due()
        assert list(Message.objects.bounced()) == [message]
        box.answers.clear()
        delivery.retry(operator, message)
        assert deliver_due() == 1
        assert not Message.objects.bounced().exists()
        delivery.retry(operator, message)  # what was sent stays sent
        assert deliver_due() == 0


def test_an_address_is_shown_as_refused_until_it_takes_a_mail(through: Callable[[str], None]) -> None:
    with mail_server() as box:
        through(f"smtp://localhost:{box.port}")
        box.answers["jonas@kestrel.example"] = "550 5.1.1 No"
        queue_letter("1")
        last = queue_letter("2")
        deliver_due()
        assert list(Message.objects.bounced()) == [last]
        box.answers.clear()
        queue_letter("3")
        deliver_due()
        assert not Message.objects.bounced().exists()
