"""Say whether The Things Stack would accept a gateway. Exit status: 0 accepted, 1 refused, 2 misuse."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import clock
from core.logs import one_line
from pki.errors import PkiError
from pki.eui import read_eui
from pki.preflight import Verdict, preflight_pem
from trust.models import Group
from trust.services import verdicts
from trust.services.verdicts import Against, Subject

REFUSED, MISUSE = 1, 2


class Command(BaseCommand):
    help = "Say whether The Things Stack would accept a gateway's certificate. Nothing is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--leaf", required=True, metavar="FILE", help="the gateway's certificate, PEM or DER")
        parser.add_argument("--eui", help="in any notation; else what the certificate says")
        against = parser.add_mutually_exclusive_group()
        against.add_argument("--group", default="common", help="check against what is published of this group")
        against.add_argument("--bundle", metavar="FILE", help="check against a PEM file, as the server reads it")
        parser.add_argument("--at", metavar="ISO-TIME", help="check at another instant than now")
        parser.add_argument("--json", action="store_true", help="print the answer for machines")

    def handle(self, *_: Any, **options: Any) -> None:
        verdict = _decide(options)
        self.stdout.write(json.dumps(_to_json(verdict), indent=2) if options["json"] else _in_words(verdict))
        if not verdict.accepted:
            sys.exit(REFUSED)


def read_file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}", returncode=MISUSE) from error


def read_instant(text: str | None) -> datetime:
    """ISO 8601; without a zone it is UTC, and nothing is now."""
    if not text:
        return clock.now()
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text} is no ISO 8601 time, such as 2026-09-01T12:00:00Z"
        raise CommandError(message, returncode=MISUSE) from error
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _decide(options: dict[str, Any]) -> Verdict:
    leaf, at = read_file(options["leaf"]), read_instant(options["at"])
    subject = _subject(leaf, options["eui"])
    if options["bundle"] is None:
        return verdicts.judge(subject, verdicts.published(_group(options["group"])), at=at)
    pem = read_file(options["bundle"])
    verdict = preflight_pem(leaf, eui=subject.eui, bundle_pem=pem, at=at)
    return verdicts.warn(verdict, subject, Against(options["bundle"], ()), at=at)


def _subject(leaf: bytes, eui: str | None) -> Subject:
    subject = verdicts.of_file(leaf)
    if eui is None:
        return subject
    try:
        return replace(subject, eui=read_eui(eui).eui)
    except PkiError as error:
        raise CommandError(error.message, returncode=MISUSE) from error


def _group(name: str) -> Group:
    group = Group.objects.filter(name=name).first()
    if group is None:
        raise CommandError(f"There is no trust group {name}.", returncode=MISUSE)
    return group


def _to_json(verdict: Verdict) -> dict[str, Any]:
    warnings = [{"code": each.code, "message": each.message, "advice": each.advice} for each in verdict.warnings]
    return {"accepted": verdict.accepted, "rule": verdict.rule, "message": verdict.message, "warnings": warnings}


def _in_words(verdict: Verdict) -> str:
    lines = [f"{'Accepted' if verdict.accepted else 'Refused'} [{verdict.rule}]", f"  {one_line(verdict.message)}"]
    lines += [f"  WARNING  {one_line(each.message)} {each.advice} [{each.code}]" for each in verdict.warnings]
    return "\n".join(lines)
