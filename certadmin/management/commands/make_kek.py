"""`manage.py make_kek`: prints a new key-encryption key, for CERTADMIN_KEK."""

import base64
import secrets
from typing import Any

from django.core.management.base import BaseCommand

from pki.sealing import KEY_SIZE


class Command(BaseCommand):
    help = "Print a new key-encryption key. Keep it apart from the database: each is worthless without the other."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        self.stdout.write(base64.b64encode(secrets.token_bytes(KEY_SIZE)).decode())
