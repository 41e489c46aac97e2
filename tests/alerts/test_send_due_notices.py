"""The task and the command that look for what ends."""

import json
from io import StringIO

import pytest
from django.core import mail
from django.core.management import call_command

from accounts.models import User, Vendor
from alerts.tasks import send_due_notices
from audit.models import Heartbeat
from core import bell, clock
from tests.alerts.rows import DAY, NOW, authority


@pytest.mark.django_db(transaction=True)
def test_the_task_delivers_what_it_found_and_leaves_a_heartbeat(operator: User, vendor: Vendor) -> None:
    authority(vendor, left=20 * DAY)
    with clock.at(NOW), bell.in_process():
        send_due_notices()
        send_due_notices()
    assert [message.to for message in mail.outbox] == [[operator.email]]
    assert Heartbeat.objects.get(pk="send due notices").succeeded_at == NOW


@pytest.mark.django_db
def test_the_command_says_what_it_did(operator: User, vendor: Vendor) -> None:
    authority(vendor, left=20 * DAY)
    said = StringIO()
    with clock.at(NOW):
        call_command("send_due_notices", stdout=said)
        call_command("send_due_notices", stdout=said)
    assert said.getvalue().splitlines() == [
        "1 notice written, 1 mail queued.",
        "Nothing crossed a threshold since the last run.",
    ]


@pytest.mark.django_db
def test_the_command_speaks_json(operator: User, vendor: Vendor) -> None:
    authority(vendor, left=20 * DAY)
    said = StringIO()
    with clock.at(NOW):
        call_command("send_due_notices", "--json", stdout=said)
    assert json.loads(said.getvalue()) == {"notices": 1, "mails": 1}
