"""`manage.py import_cfssl FILE…`: what files of cfssl become here; with --yes it is made."""

import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from accounts.models import User
from cas.models import Authority
from cas.services.operate import Plan
from certificates.services import cfssl
from certificates.services.server_certificates import create
from core import clock
from core.errors import Refused
from pki.cfssl import Reading, read_cfssl
from pki.cfssl_json import LARGEST
from pki.errors import PkiError


class Command(BaseCommand):
    help = "Say what ca.json, cert.json or config.json of cfssl become here, and with --yes make it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument(
            "--as", dest="email", metavar="EMAIL", help="the operator who does it; needed where several are"
        )
        parser.add_argument("--authority", metavar="NAME", help="who signs the servers' certificates")
        parser.add_argument("--name", metavar="NAME", help="the common name of an authority whose file has none")
        parser.add_argument("--ca", action="store_true", help="the files are for authorities, whatever stands in them")
        parser.add_argument("--yes", action="store_true", help="make it; without this, nothing is written")

    def handle(self, *, files: list[str], **options: Any) -> None:
        readings = [self._read(name, is_authority=True if options["ca"] else None) for name in files]
        for name, _, reading in readings:
            self._say(name, reading, options["name"])
        if not options["yes"]:
            self.stdout.write("Nothing was made. Add --yes to make it.")
            return
        actor, made = _operator(options["email"]), None
        for name, content, reading in readings:
            try:
                made = self._make(actor, content, reading, options, made) or made
            except Refused as refusal:
                raise CommandError(f"{name}: {refusal.message}") from refusal

    def _read(self, name: str, *, is_authority: bool | None) -> tuple[str, bytes, Reading]:
        try:
            with Path(name).open("rb") as file:
                content = file.read(LARGEST + 1)
            return name, content, read_cfssl(content, is_authority=is_authority)
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}.") from error
        except PkiError as error:
            raise CommandError(f"{name}: {error.message}") from error

    def _say(self, name: str, reading: Reading, given: str | None) -> None:
        self.stdout.write(f"{name} becomes")
        for line in _becomes(name, reading, given):
            self.stdout.write(f"  {line}")
        for remark in reading.remarks:
            said = "is not given" if remark.said == "null" else remark.said
            self.stdout.write(f"  ! {remark.path} {said}: {remark.instead}")

    def _make(
        self, actor: User, content: bytes, reading: Reading, options: dict[str, Any], made: Authority | None
    ) -> Authority | None:
        """Make it; return the authority for servers, where there is a new one."""
        if reading.authority is not None:
            name = options["name"] or reading.authority.name
            both = cfssl.make_authority(actor, cfssl.plan_of(reading.authority, name), with_servers=True)
            self.stdout.write(f"Made {' and '.join(each.name for each in both if each)}.")
            return both[1]
        if reading.server is not None:
            authority = _authority(options["authority"], made)
            key = f"cfssl {authority.pk} {hashlib.sha256(content).hexdigest()}"
            row = create(actor, authority, cfssl.wish_of(reading.server), idempotency_key=key)
            place = f"{settings.PUBLIC_URL}{reverse('certificates:server', args=[row.pk])}"
            self.stdout.write(f"Made the certificate of {row.host}. Fetch it and its private key: {place}")
            return None
        saved = cfssl.make_profiles(actor, reading.profiles)
        self.stdout.write(
            f"Made {', '.join(f'{each.name} version {each.version}' for each in saved) or 'nothing new'}."
        )
        return None


def _becomes(file: str, reading: Reading, given: str | None) -> list[str]:
    if reading.authority is not None:
        name = given or reading.authority.name
        if not name:
            example = reading.authority.proposed or "Fjordnet Root"
            raise CommandError(f"{file}: an authority needs a common name. Give one, for example --name {example!r}.")
        plan = cfssl.plan_of(reading.authority, name)
        return [f"the root {_plan(plan)}", f"an authority for servers under it, {name}{cfssl.SUFFIX}"]
    if reading.server is not None:
        wish = cfssl.wish_of(reading.server)
        names = ", ".join(f"{name}={value}" for name, value in wish.names)
        return [
            f"the certificate of {', '.join(wish.hosts) or 'no host'} ({names or 'no other names'})",
            f"by {wish.profile} for {wish.lifetime_days} days, with a {wish.key_type} key made here",
        ]
    return [f"the profile {each.name}: {', '.join(map(str, each.days))} days" for each in reading.profiles] or [
        "nothing"
    ]


def _plan(plan: Plan) -> str:
    names = ", ".join(f"{name}={value}" for name, value in plan.names)
    facts = f"{plan.key_type}, {plan.years} years, path length {plan.path_length}"
    return f"{plan.name} ({names or 'no other names'}): {facts}"


def _operator(email: str | None) -> User:
    operators = User.objects.active_operators()
    found = list(operators.filter(email__iexact=email) if email else operators[:2])
    if len(found) != 1:
        raise CommandError(f"No operator has the address {email}." if email else "Say who does it: --as EMAIL.")
    return found[0]


def _authority(name: str | None, made: Authority | None) -> Authority:
    usable = Authority.objects.usable_for_servers_at(clock.now())
    if name is None and made is not None:
        return made
    found = list(usable.filter(name=name) if name else usable[:2])
    if len(found) != 1:
        names = ", ".join(usable.order_by("name").values_list("name", flat=True)) or "none"
        raise CommandError(f"Say who signs: --authority NAME. These issue for servers: {names}.")
    return found[0]
