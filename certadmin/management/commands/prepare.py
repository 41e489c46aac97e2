"""`manage.py prepare`: everything that must be there before the first process starts. May run any number of times."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts.services.setup import ensure_admin_from_environment
from core.errors import Refused
from keys import services as keys
from trust.services.conditions import forget_probes
from trust.services.stores import connect_first_store


class Command(BaseCommand):
    help = "Migrate the database, make or check the key-encryption key, connect the first store."

    def handle(self, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        try:
            keys.prepare()
            ensure_admin_from_environment()
            connect_first_store()
            forget_probes()
        except Refused as refusal:
            raise CommandError(refusal.message) from None
