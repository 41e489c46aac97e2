"""Say what the upload page would say of some files. Exit status: 0 accepted, 1 refused, 2 misuse."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from cas.models import Authority
from cas.services.intake import known_to
from core import clock
from core.logs import one_line
from pki.findings import Finding
from pki.inspection import Inspection, inspect, to_json
from pki.intake import LARGEST_UPLOAD, UploadedFile
from pki.kinship import NOTHING_KNOWN, Known

REFUSED, MISUSE = 1, 2


class Command(BaseCommand):
    help = "Say what the upload page would say of certificate files. Nothing is kept."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print the answer for machines")

    def handle(self, *_: Any, **options: Any) -> None:
        files = [UploadedFile(Path(name).name, read_file(name)) for name in options["files"]]
        inspection = inspect(files, now=clock.now(), known=_known())
        self.stdout.write(json.dumps(to_json(inspection), indent=2) if options["json"] else _in_words(inspection))
        if not inspection.accepted:
            sys.exit(REFUSED)


def read_file(name: str) -> bytes:
    """Read a little more than an upload may have, so that what is too large is refused as such."""
    try:
        with Path(name).open("rb") as file:
            return file.read(LARGEST_UPLOAD + 1)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}", returncode=MISUSE) from error


def line(finding: Finding) -> str:
    """One finding for a terminal."""
    advice = f" {one_line(finding.advice)}" if finding.advice else ""
    return f"  {finding.severity.upper():<8} {one_line(finding.message)}{advice} [{finding.code}]"


def _known() -> Known:
    """What is on record; a command must answer without a database too."""
    try:
        return known_to(Authority.objects.only("name", "subject", "spki_sha256"))
    except DatabaseError:
        return NOTHING_KNOWN


def _in_words(inspection: Inspection) -> str:
    lines = ["Accepted" if inspection.accepted else "Refused"]
    lines += [line(finding) for finding in inspection.findings]
    for each in inspection.certificates:
        lines += ["", f"{one_line(each.facts.subject)} ({each.role})", f"  SHA-256  {each.facts.sha256}"]
        lines += [line(finding) for finding in each.findings]
    return "\n".join(lines)
