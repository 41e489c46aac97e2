"""Mail into a folder."""

from email import message_from_bytes, policy
from pathlib import Path

import pytest
from pytest_django import Settings

from outbox.models import Message
from outbox.services import deliver_due
from tests.outbox.letters import queue_letter

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = "outbox.folder.FolderBackend"
    settings.MAIL_DIR = tmp_path / "mail"
    return tmp_path / "mail"


def test_it_writes_one_whole_file_per_message_that_only_the_owner_reads(folder: Path) -> None:
    queue_letter(inviter="Åse")
    deliver_due()
    [file] = folder.iterdir()
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert mail["Subject"] == "Åse invites you to Fjordnet LoRaWAN"
    assert file.suffix == ".eml"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_message_that_is_delivered_twice_is_one_file(folder: Path) -> None:
    queue_letter()
    deliver_due()
    Message.objects.update(state=Message.State.QUEUED)
    deliver_due()
    assert len(list(folder.iterdir())) == 1
