"""`manage.py rotate_kek`: replaces the key-encryption key; see docs/operators.md. Prints ids of keys, never a key."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import Refused
from keys import kek
from keys.rotation import rotate
from pki.errors import PkiError
from pki.sealing import kek_id


class Command(BaseCommand):
    help = "Put every sealed key under a new key-encryption key. The product may run; begin again if interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--new-file", type=Path, metavar="FILE", help="the new key; else CERTADMIN_NEW_KEK")

    def handle(self, *, new_file: Path | None, **options: Any) -> None:
        if new_file is not None and not new_file.is_file():
            raise CommandError(f"There is no file {new_file}.")
        try:
            new = kek.replacement(new_file)
            count = rotate(new)
            old_file = kek.settle(new)
        except (Refused, PkiError) as refusal:
            raise CommandError(refusal.message) from None
        self.stdout.write(f"{count} keys rewrapped; all are under key-encryption key {kek_id(new)} now.")
        self.stdout.write(_next_step(old_file))


def _next_step(old_file: Path | None) -> str:
    backups = "Older backups need the old key: keep it with them, apart, and destroy it when they are gone."
    if old_file is not None:
        return f"The new key is in its place, and the old one lies in {old_file}. {backups}"
    return f"Now set CERTADMIN_KEK to the new key everywhere, alone, and restart. {backups}"
