"""`manage.py verify_audit`: is the audit record still what it was? Exit status 0 good, 1 bad, 2 misuse."""

import json
import re
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.services import verify


class Command(BaseCommand):
    help = "Verify the chain of the audit record; name the first bad row and anything unsealed for over a minute."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--head", metavar="HASH", help="a head noted earlier: it must be on the chain")
        parser.add_argument("--json", action="store_true", help="answer for machines")

    def handle(self, *, head: str | None, json: bool, **options: Any) -> None:
        if head is not None and not re.fullmatch("[0-9a-fA-F]{64}", head):
            raise CommandError("--head wants the 64 hex digits of a head.", returncode=2)
        verdict = verify(head.lower() if head else None)
        self.stdout.write(_as_json(asdict(verdict)) if json else _as_text(asdict(verdict)))
        if not verdict.ok:
            sys.exit(1)


def _as_json(verdict: dict[str, Any]) -> str:
    return json.dumps(verdict)


def _as_text(verdict: dict[str, Any]) -> str:
    word = "good" if verdict["ok"] else f"BAD ({verdict['code']}, {verdict['first_bad']})"
    return f"{word}: {verdict['message']}\nhead {verdict['head']} over {verdict['sealed']} records"
