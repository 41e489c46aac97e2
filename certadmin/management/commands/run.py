"""`manage.py run web|worker|beat`: one process of a distributed deployment."""

import os
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from certadmin.processes import NAMES, command
from core.errors import Refused
from keys.services import check_kek

LONGEST_WAIT_SECONDS = 120


class Command(BaseCommand):
    help = "Become the web server, a worker or beat, after checking the key-encryption key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=NAMES)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--processes", type=int, default=2)

    def handle(self, *, name: str, host: str, port: int, processes: int, **options: Any) -> None:
        try:
            self._check_kek()
        except Refused as refusal:
            raise CommandError(refusal.message) from None
        line = command(name, host=host, port=port, processes=processes)
        os.execv(line[0], line)  # noqa: S606  our own command, no shell

    def _check_kek(self) -> None:
        """A database that is starting, or recovering from a crash, is waited for; one that stays away is an error."""
        end = time.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            try:
                return check_kek()
            except OperationalError as error:
                connection.close()
                if time.monotonic() > end:
                    raise CommandError(f"The database does not answer: {error}") from None
                self.stderr.write("The database does not answer yet. Waiting for it.")
                time.sleep(2)
