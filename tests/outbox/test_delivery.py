"""Sending, against a real mail server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as configured
from pytest_django import Settings

from audit.models import Heartbeat
from core import clock
from outbox import tasks
from outbox.models import Message
from outbox.services import deliver_due
from tests.outbox.letters import queue_letter
from tests.outbox.servers import Box, mail_server

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 14, 12, tzinfo=UTC)


@pytest.fixture
def box(settings: Settings) -> Iterator[Box]:
    with mail_server() as box:
        settings.EMAIL_BACKEND = "outbox.smtp.SmtpBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", box.port, 5
        yield box


def test_it_delivers_both_parts_with_the_messages_own_id_and_date(box: Box) -> None:
    with clock.at(NOW):
        message = queue_letter()
        tasks.send_due()
    [mail] = box.mails
    assert mail["Message-ID"] == message.message_id
    assert mail["To"] == "jonas@kestrel.example"
    assert mail["Date"] == "Thu, 14 May 2026 12:00:00 +0000"
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    message.refresh_from_db()
    assert (message.state, message.sent_at) == (Message.State.SENT, NOW)


def test_it_sends_each_message_once(box: Box) -> None:
    queue_letter()
    assert (deliver_due(), deliver_due()) == (1, 0)
    assert len(box.mails) == 1


def test_a_recipient_that_is_refused_for_good_stops_nobody_else(box: Box) -> None:
    box.answers["gone@kestrel.example"] = "550 5.1.1 No such person here"
    gone = queue_letter("1", "gone@kestrel.example")
    other = queue_letter("2", "jonas@kestrel.example")
    tasks.send_due()
    gone.refresh_from_db()
    other.refresh_from_db()
    assert (gone.state, gone.last_answer) == (Message.State.REFUSED, "550 5.1.1 No such person here")
    assert other.state == Message.State.SENT
    assert box.ids() == [other.message_id]


def test_a_refused_message_is_not_tried_again(box: Box) -> None:
    box.answers["gone@kestrel.example"] = "550 No"
    queue_letter(to="gone@kestrel.example")
    deliver_due()
    box.answers.clear()
    with clock.at(clock.now() + timedelta(days=2)):
        assert deliver_due() == 0


def test_a_server_that_refuses_the_content_for_good_is_believed(box: Box) -> None:
    box.data = "554 5.7.1 Looks like spam"
    message = queue_letter()
    deliver_due()
    message.refresh_from_db()
    assert (message.state, message.last_answer) == (Message.State.REFUSED, "554 5.7.1 Looks like spam")


def test_a_recipient_who_is_busy_is_tried_again_after_1_5_15_60_and_60_minutes(box: Box) -> None:
    box.answers["jonas@kestrel.example"] = "450 4.2.1 Try later"
    message, now, waits = queue_letter(), clock.now(), []
    for _ in range(5):
        with clock.at(now):
            deliver_due()
            message.refresh_from_db()
            waits.append((message.next_attempt_at - now).total_seconds() / 60)
            assert deliver_due() == 0
        now = message.next_attempt_at
    assert waits == [1, 5, 15, 60, 60]
    box.answers.clear()
    with clock.at(now):
        assert deliver_due() == 1


def test_a_server_that_is_down_loses_nothing(box: Box, settings: Settings) -> None:
    letters = [queue_letter(str(n), f"p{n}@kestrel.example") for n in range(3)]
    settings.EMAIL_PORT = 1
    for hour in range(24):
        with clock.at(clock.now() + timedelta(hours=hour)):
            assert deliver_due() == 0
    settings.EMAIL_PORT = box.port
    with clock.at(clock.now() + timedelta(hours=25)):
        assert deliver_due() == 3
    assert sorted(box.ids()) == sorted(letter.message_id for letter in letters)


def test_a_lost_answer_is_sent_again_under_the_same_id(box: Box) -> None:
    box.drops_after_data = True
    message = queue_letter()
    assert deliver_due() == 0
    box.drops_after_data = False
    with clock.at(clock.now() + timedelta(minutes=2)):
        assert deliver_due() == 1
    assert box.ids() == [message.message_id, message.message_id]


def test_what_another_sender_holds_is_left_alone(box: Box) -> None:
    message = queue_letter()
    assert Message.objects.claim(message.pk, seconds=60)
    assert deliver_due() == 0


def test_what_a_killed_sender_held_is_sent_when_its_lease_is_over(box: Box) -> None:
    message = queue_letter()
    Message.objects.claim(message.pk, seconds=60)
    with clock.at(clock.now() + timedelta(seconds=61)):
        assert deliver_due() == 1


def test_a_lease_outlives_the_slowest_server() -> None:
    steps = 6  # greeting, EHLO, MAIL, RCPT, DATA, end of data
    assert steps * 15 < 2 * configured.LEASE_SECONDS


def test_the_sweep_sends_and_says_that_it_lives(box: Box) -> None:
    queue_letter()
    with clock.at(clock.now() + timedelta(seconds=1)):
        tasks.sweep()
    assert len(box.mails) == 1
    assert Heartbeat.objects.filter(job="sweep the outbox").exists()
