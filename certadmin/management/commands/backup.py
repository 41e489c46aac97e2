"""`manage.py backup FILE`: see the README, "Backup"."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from certadmin import backup
from core.errors import Refused


class Command(BaseCommand):
    help = "Write a backup of the database; the key-encryption key is not in it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: Any) -> None:
        try:
            backup.write(file)
        except Refused as refusal:
            raise CommandError(refusal.message) from None
        self.stdout.write(f"Written to {file}. It is worthless without the key-encryption key: keep both, apart.")
