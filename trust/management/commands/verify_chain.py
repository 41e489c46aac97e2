"""Validate a certification path (RFC 5280 section 6, our policy). Exit status: 0 valid, 1 refused, 2 misuse."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.logs import one_line
from pki.errors import PkiError
from pki.path_validation import ChainRefused, verify_chain
from pki.pem import read_blocks
from trust.management.commands.preflight import MISUSE, REFUSED, read_file, read_instant


class Command(BaseCommand):
    help = "Validate the path from a certificate to a trust anchor. Nothing is kept."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("leaf", metavar="LEAF", help="PEM or DER; of several the first")
        parser.add_argument("--trust", required=True, metavar="FILE", help="trust anchors, PEM or one DER")
        parser.add_argument("--untrusted", metavar="FILE", help="intermediates, PEM or one DER")
        parser.add_argument("--at", metavar="ISO-TIME", help="validate at another instant than now")
        parser.add_argument("--purpose", choices=["client", "server", "any"], default="any")
        parser.add_argument("--json", action="store_true", help="print the answer for machines")

    def handle(self, *_: Any, **options: Any) -> None:
        answer = _validate(options)
        words = f"{'Valid' if answer['accepted'] else 'Refused'} [{answer['code']}] {one_line(answer['message'])}"
        self.stdout.write(json.dumps(answer, indent=2) if options["json"] else words)
        if not answer["accepted"]:
            sys.exit(REFUSED)


def _validate(options: dict[str, Any]) -> dict[str, Any]:
    untrusted = options["untrusted"]
    try:
        verify_chain(
            _certificates(options["leaf"])[0],
            trust=_certificates(options["trust"]),
            untrusted=_certificates(untrusted) if untrusted else (),
            at=read_instant(options["at"]),
            purpose=options["purpose"],
        )
    except ChainRefused as refusal:
        return {"accepted": False, "code": refusal.code, "message": refusal.message}
    return {"accepted": True, "code": "valid", "message": "The path leads to a trust anchor."}


def _certificates(name: str) -> tuple[bytes, ...]:
    """The certificates of a PEM file, or the one of a DER file."""
    content = read_file(name)
    if b"-----BEGIN" not in content:
        return (content,)
    try:
        found = tuple(each.der for each in read_blocks(content) if each.label == "CERTIFICATE")
    except PkiError as error:
        raise CommandError(f"{name}: {error.message}", returncode=MISUSE) from error
    if not found:
        raise CommandError(f"{name} holds no certificate.", returncode=MISUSE)
    return found
