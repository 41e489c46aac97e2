"""Deciding on a mail once."""

import threading

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from outbox.models import Message, Stop
from outbox.services import queue_mail
from outbox.services.queueing import NewMail, queue_new
from outbox.topics import topic_of
from tests.outbox.letters import queue_letter

pytestmark = pytest.mark.django_db


def test_it_writes_subject_text_and_html() -> None:
    message = queue_letter()
    assert message.subject == "Ines Maurer invites you to Fjordnet LoRaWAN"
    assert "until 21 May 2026, 12:00 UTC" in message.text
    assert "http://127.0.0.1:8000/invitation/abc/" in message.text
    assert '<a href="http://127.0.0.1:8000/invitation/abc/"' in message.html


def test_the_same_key_is_the_same_message() -> None:
    first = queue_letter()
    again = queue_letter(inviter="Somebody else")
    assert (again.pk, again.subject) == (first.pk, first.subject)
    assert Message.objects.count() == 1


def test_a_key_of_any_length_is_a_key() -> None:
    first, second = queue_letter(key="x" * 500 + "1"), queue_letter(key="x" * 500 + "2")
    assert first.pk != second.pk
    assert queue_letter(key="x" * 500 + "1").pk == first.pk


def test_the_message_id_follows_from_the_key(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://desk.fjordnet.example"
    first = queue_letter()
    Message.objects.all().delete()
    assert queue_letter().message_id == first.message_id
    assert first.message_id.endswith("@desk.fjordnet.example>")


@pytest.mark.parametrize("name", ["Kestrel\r\nBcc: all@x.example", "Kestrel\x1b[31m", "Kestrel\u202egnp.exe", "a\0b"])
def test_no_name_breaks_out_of_the_subject(name: str) -> None:
    message = queue_letter(inviter=name)
    assert message.subject.isprintable()


def test_a_very_long_name_is_cut() -> None:
    assert len(queue_letter(inviter="x" * 1000).subject) == 300


def test_markup_is_escaped_in_html_and_left_alone_in_text() -> None:
    message = queue_letter(inviter="<b>R&D</b>")
    assert "<b>R&D</b> invites you" in message.text
    assert "&lt;b&gt;R&amp;D&lt;/b&gt; invites you" in message.html


def test_it_belongs_to_the_transaction_that_decides_it() -> None:
    with transaction.atomic():
        queue_letter()
        transaction.set_rollback(True)
    assert not Message.objects.exists()


def test_somebody_faster_does_not_spoil_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    first = queue_letter()
    monkeypatch.setattr("outbox.services.queueing._found", lambda key: None)  # as one sees it a moment too early
    with transaction.atomic():
        assert queue_letter().pk == first.pk
        assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_at_once_write_one_message() -> None:
    """G9. Fails without `unique=True` on `Message.key`."""
    start, found = threading.Barrier(4), []

    def write() -> None:
        start.wait()
        try:
            found.append(queue_letter().pk)
        finally:
            connection.close()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(found) == 4
    assert Message.objects.count() == 1


def test_an_unknown_template_is_a_mistake_that_is_seen() -> None:
    with pytest.raises(Exception, match="no_such_mail"):
        queue_mail(key="k", to="a@b.example", template="no_such_mail", context={})


def test_many_new_mails_are_written_at_once_and_who_stopped_them_gets_none() -> None:
    context = {"first": None, "closed": ["X: renewed"], "reason": "an operator", "deployment": "D", "alerts_url": "u"}
    Stop.objects.create(address="b@x.example", topic=topic_of("due_notices"))
    queue_new([NewMail(f"k{to}", to, context) for to in ("a@x.example", "B@x.example")], template="due_notices")
    states = dict(Message.objects.values_list("recipient", "state"))
    assert states == {"a@x.example": "queued", "B@x.example": "stopped"}
    assert Message.objects.first().message_id.startswith("<")  # type: ignore[union-attr]  # there are two
    assert {mail.subject for mail in Message.objects.all()} == {"Settled: X: renewed"}
