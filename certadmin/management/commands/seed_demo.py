"""`manage.py seed_demo`: the demonstration. Works whether or not the product is running."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from certadmin.demonstration.loading import Loaded, load
from core.errors import Refused


class Command(BaseCommand):
    help = "Load a lifelike demonstration into an empty desk: vendors, gateways, certificates, a release, mails."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the sign-ins for machines")

    def handle(self, **options: Any) -> None:
        try:
            loaded = load()
        except Refused as refusal:
            raise CommandError(refusal.message) from None
        self.stdout.write(_as_json(loaded) if options["json"] else _words(loaded))


def _as_json(loaded: Loaded | None) -> str:
    if loaded is None:
        return json.dumps({"loaded": False})
    people = [{"email": person.email, "role": person.role, "vendor": person.vendor} for person in loaded.people]
    return json.dumps({"loaded": True, "password": loaded.password, "people": people})


def _words(loaded: Loaded | None) -> str:
    if loaded is None:
        return "The demonstration is there already. Nothing was changed."
    lines = [
        f"    {person.email:<26} {person.role}{person.vendor and f', {person.vendor}'}" for person in loaded.people
    ]
    head = "\n  The demonstration is loaded. Sign in as one of these:\n"
    return "\n".join([head, *lines, "", f"  Password of all: {loaded.password}", "  It is not shown again.", ""])
