"""`manage.py preflight`: would The Things Stack accept this gateway?"""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import clock
from pki.errors import PkiError
from pki.eui import read_eui
from pki.preflight import Verdict, preflight_pem
from trust.models import Group
from trust.services import verdicts


class Command(BaseCommand):
    help = "Exit status 0: accepted, 1: rejected, 2: misuse."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--leaf", type=Path, required=True, help="the gateway's certificate, PEM or DER")
        parser.add_argument("--eui", help="in any notation; default: what the certificate says")
        source = parser.add_mutually_exclusive_group()
        source.add_argument("--group", default="common", help="the group's latest release")
        source.add_argument("--bundle", type=Path, help="a PEM file as the network server reads it")
        parser.add_argument("--at", help="ISO 8601; default: now")
        parser.add_argument("--json", action="store_true")

    def handle(self, *, leaf: Path, **options: Any) -> None:
        verdict = _decide(read_file(leaf), options)
        self.stdout.write(json.dumps(_as_json(verdict)) if options["json"] else _in_words(verdict))
        if not verdict.accepted:
            raise SystemExit(1)


def _decide(leaf: bytes, options: dict[str, Any]) -> Verdict:
    eui, at = _eui(options["eui"]), instant(options["at"]) or clock.now()
    if options["bundle"]:
        return preflight_pem(leaf, eui=eui, bundle_pem=read_file(options["bundle"]), at=at)
    group = Group.objects.filter(name=options["group"]).first()
    if group is None:
        raise CommandError(f"There is no trust group {options['group']}.", returncode=2)
    return verdicts.decide(leaf, eui=eui, candidate=verdicts.of_release(group), at=at)


def _eui(text: str | None) -> str | None:
    try:
        return read_eui(text).eui if text else None
    except PkiError as error:
        raise CommandError(error.message, returncode=2) from None


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", returncode=2) from None


def instant(text: str | None) -> datetime | None:
    """Read ISO 8601; without a zone it is UTC."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} is no ISO 8601 instant, such as 2026-09-01T12:00:00Z", returncode=2) from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _as_json(verdict: Verdict) -> dict[str, Any]:
    warnings = [{"code": each.code, "message": each.message} for each in verdict.warnings]
    return {"accepted": verdict.accepted, "rule": verdict.rule, "message": verdict.message, "warnings": warnings}


def _in_words(verdict: Verdict) -> str:
    lines = [f"{'accepted' if verdict.accepted else 'rejected'} ({verdict.rule}): {verdict.message}"]
    return "\n".join([*lines, *(f"warning ({each.code}): {each.message}" for each in verdict.warnings)])
