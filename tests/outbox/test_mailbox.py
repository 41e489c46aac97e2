"""The mailbox page of the embedded mode."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from outbox.urls import patterns
from tests.outbox.letters import queue_letter

pytestmark = pytest.mark.django_db


def test_it_lists_mails_without_signing_in_and_says_so() -> None:
    queue_letter()
    text = Client().get("/dev/mail/").content.decode()
    assert "Ines Maurer invites you to Fjordnet LoRaWAN" in text
    assert "without signing in" in text


def test_the_links_of_a_mail_can_be_followed() -> None:
    message = queue_letter()
    text = Client().get(f"/dev/mail/{message.pk}/").content.decode()
    assert '<a href="http://127.0.0.1:8000/invitation/abc/"' in text


def test_markup_in_a_mail_is_inert() -> None:
    message = queue_letter(inviter="<script>alert(1)</script>")
    text = Client().get(f"/dev/mail/{message.pk}/").content.decode()
    assert "<script>alert" not in text


@pytest.mark.parametrize("address", ["/dev/mail/", "/dev/mail/{pk}/"])
@pytest.mark.parametrize(
    "sender",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"REMOTE_ADDR": "::1", "HTTP_FORWARDED": "for=192.0.2.7"},
    ],
)
def test_it_is_not_there_for_others_than_this_machine(address: str, sender: dict[str, str]) -> None:
    message = queue_letter()
    assert Client(**sender).get(address.format(pk=message.pk)).status_code == 404  # type: ignore[arg-type]


def test_an_unknown_mail_is_404() -> None:
    assert Client().get("/dev/mail/4711/").status_code == 404


def test_wrong_methods_are_refused() -> None:
    assert Client().post("/dev/mail/").status_code == 405


def test_there_are_no_addresses_where_it_is_not_shown() -> None:
    assert patterns(shown=False) == []


@pytest.mark.parametrize("setting", [{"CERTADMIN_PRODUCTION": "1"}, {"CERTADMIN_SMTP_URL": "smtp://mail.example:25"}])
def test_it_is_not_shown_in_production_or_with_a_mail_server(setting: dict[str, str], tmp_path: Path) -> None:
    code = "from certadmin import settings; print(settings.SHOWS_MAILBOX)"
    environment = {**os.environ, **setting, "CERTADMIN_DATA": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
