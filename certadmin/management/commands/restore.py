"""`manage.py restore FILE`: see the README, "Backup"."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from certadmin import backup
from core.errors import Refused
from keys.services import check_kek


class Command(BaseCommand):
    help = "Restore a backup of the database. Stop the product first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: Any) -> None:
        try:
            backup.restore(file)
        except Refused as refusal:
            raise CommandError(refusal.message) from None
        call_command("migrate", verbosity=0)
        try:
            check_kek()
        except Refused as refusal:
            raise CommandError(f"Restored, but nothing can be signed. {refusal.message}") from None
        self.stdout.write("Restored, and the key-encryption key fits.")
