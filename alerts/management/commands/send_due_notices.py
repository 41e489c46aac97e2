"""`manage.py send_due_notices`: what the schedule does every hour, now."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from alerts.services.notices import JOB, Sent, send_due
from audit.services import beat
from core import bell
from outbox.tasks import send_due as send_mails


class Command(BaseCommand):
    help = "Notice what crossed an expiry threshold, and queue one mail for each person that it concerns."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the numbers for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        sent = send_due()
        if sent.mails:
            bell.ring(send_mails)
        beat(JOB)
        self.stdout.write(json.dumps(asdict(sent)) if options["json"] else _words(sent))


def _words(sent: Sent) -> str:
    if not sent.notices:
        return "Nothing crossed a threshold since the last run."
    notices, mails = (f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in _counts(sent))
    return f"{notices} written, {mails} queued."


def _counts(sent: Sent) -> tuple[tuple[int, str], tuple[int, str]]:
    return (sent.notices, "notice"), (sent.mails, "mail")
