"""`manage.py setup_link`: prints the one-time link with which the first operator is made."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services.setup import setup_link


class Command(BaseCommand):
    help = "Print a new one-time link for the first operator; earlier links stop working."

    def handle(self, **options: Any) -> None:
        link = setup_link()
        if link is None:
            raise CommandError("There is an operator already: sign in, or ask for a password reset.")
        self.stdout.write(link)
