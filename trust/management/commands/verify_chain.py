"""`manage.py verify_chain`: path validation by RFC 5280 section 6, with our policy."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import clock
from pki.intake import UploadedFile, read_files
from pki.path_validation import ChainRefused, verify_chain
from trust.management.commands.preflight import instant, read_file


class Command(BaseCommand):
    help = "Exit status 0: the path is valid, 1: it is not, 2: misuse."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("leaf", type=Path)
        parser.add_argument("--trust", type=Path, required=True, help="trust anchors, PEM or DER")
        parser.add_argument("--untrusted", type=Path, help="intermediates, PEM or DER")
        parser.add_argument("--at", help="ISO 8601; default: now")
        parser.add_argument("--purpose", choices=["client", "server", "any"], default="any")
        parser.add_argument("--json", action="store_true")

    def handle(self, *, leaf: Path, trust: Path, untrusted: Path | None, **options: Any) -> None:
        try:
            path = verify_chain(
                _certificates(leaf)[0],
                trust=_certificates(trust),
                untrusted=_certificates(untrusted) if untrusted else (),
                at=instant(options["at"]) or clock.now(),
                purpose=options["purpose"],
            )
            answer = {"accepted": True, "code": "valid", "message": f"A valid path of {len(path.certificates)}."}
        except ChainRefused as refusal:
            answer = {"accepted": False, "code": refusal.code, "message": refusal.message}
        words = f"{'valid' if answer['accepted'] else 'refused'} ({answer['code']}): {answer['message']}"
        self.stdout.write(json.dumps(answer) if options["json"] else words)
        if not answer["accepted"]:
            raise SystemExit(1)


def _certificates(path: Path) -> tuple[bytes, ...]:
    """Every certificate of a file. Raises CommandError for a file that holds none or cannot be read."""
    found = read_files([UploadedFile(path.name, read_file(path))])
    if not found.certificates:
        words = found.findings[0].message if found.findings else "it holds no certificate"
        raise CommandError(f"{path}: {words}", returncode=2)
    return tuple(each.der for each in found.certificates)
