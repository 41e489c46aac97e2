"""`manage.py check_ledger`: is everything that our keys signed what is on record of it? Exit status 0 good, 1 not.

It stands here because releases, which lie above certificates, are signed too."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import QuerySet

from audit.models import Record
from certificates.services.ledger import Counts, check_ledger
from pki.ledger import Discrepancy
from trust.models import Release


class Command(BaseCommand):
    help = "Hold every certificate, signature and use of a key against the record; name the first discrepancy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--unexplained",
            type=int,
            default=0,
            metavar="N",
            help="so many uses of keys may be beyond the record: signatures that were interrupted and made again",
        )

    def handle(self, *, unexplained: int, **options: Any) -> None:
        try:
            counts = check_ledger(others=[_releases()], most_unexplained=unexplained)
        except Discrepancy as found:
            self.stdout.write(f"BAD ({found.code}) {found.message}.")
            sys.exit(1)
        self.stdout.write(_in_words(counts))


def _releases() -> QuerySet[Release]:
    """Those that were signed here, and not taken back from a store: their signatures another database counted."""
    taken = Record.objects.filter(action="release.taken-back").values_list("subject_id", flat=True)
    return Release.objects.filter(signature__isnull=False).exclude(pk__in=[int(pk) for pk in taken])


def _in_words(counts: Counts) -> str:
    said = (
        f"good: {counts.certificates} certificates and {counts.other_signatures} other signatures are as recorded; "
        f"{counts.uses} uses of {counts.keys} keys"
    )
    return f"{said}, {counts.unexplained} of them unexplained" if counts.unexplained else said
