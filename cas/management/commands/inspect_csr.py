"""Say whether a gateway's certificate can be made from a request. Exit status: 0 accepted, 1 refused, 2 misuse."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cas.management.commands.inspect import MISUSE, REFUSED, line, read_file
from core.logs import one_line
from pki.csr import CsrInspection, inspect_csr
from pki.eui import InvalidEui, read_eui


class Command(BaseCommand):
    help = "Say what is found in a certificate request (PKCS#10, PEM or DER)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--eui", help="the gateway that it is for, in any notation")
        parser.add_argument("--json", action="store_true", help="print the answer for machines")

    def handle(self, *_: Any, **options: Any) -> None:
        eui = _eui(options["eui"]) if options["eui"] else None
        inspection = inspect_csr(read_file(options["file"]), eui=eui)
        self.stdout.write(json.dumps(_to_json(inspection), indent=2) if options["json"] else _in_words(inspection))
        if not inspection.accepted:
            sys.exit(REFUSED)


def _eui(text: str) -> str:
    try:
        reading = read_eui(text)
    except InvalidEui as error:
        raise CommandError(f"--eui: {error.message}", returncode=MISUSE) from error
    if reading.question:
        raise CommandError(f"--eui: {reading.question} Give all 16 digits.", returncode=MISUSE)
    return reading.eui


def _to_json(inspection: CsrInspection) -> dict[str, object]:
    return {
        "accepted": inspection.accepted,
        "common_name": inspection.common_name,
        "key_type": inspection.key_type,
        "findings": [
            {"code": each.code, "severity": each.severity.value, "message": each.message, "advice": each.advice}
            for each in inspection.findings
        ],
    }


def _in_words(inspection: CsrInspection) -> str:
    lines = ["Accepted" if inspection.accepted else "Refused"]
    if inspection.key_type:
        lines.append(f"  CN={one_line(inspection.common_name)}, {inspection.key_type}")
    return "\n".join([*lines, *(line(finding) for finding in inspection.findings)])
