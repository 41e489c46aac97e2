"""`manage.py seed_demo`: the demonstration, or a fleet of any size. Works whether or not the product is running."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from certadmin.demonstration.cast import Person
from certadmin.demonstration.fleet.loading import SEED, LoadedFleet, load_fleet
from certadmin.demonstration.loading import Loaded, load
from core.errors import Refused


class Command(BaseCommand):
    help = (
        "Load a lifelike demonstration into an empty desk: vendors, gateways, certificates, a release, mails. "
        "With --gateways a fleet of that size, half as many certificates again, each really signed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the sign-ins for machines")
        parser.add_argument("--gateways", type=int, metavar="N", help="load a fleet of N gateways instead")
        parser.add_argument("--seed", type=int, default=SEED, help="the same number gives a fleet of the same shape")

    def handle(self, **options: Any) -> None:
        try:
            loaded = self._fleet(**options) if options["gateways"] is not None else load()
        except Refused as refusal:
            raise CommandError(refusal.message) from None
        self.stdout.write(_as_json(loaded) if options["json"] else _words(loaded))

    def _fleet(self, *, gateways: int, seed: int, json: bool, **_: Any) -> LoadedFleet:
        stream = self.stderr if json else self.stdout

        def say(line: str) -> None:
            stream.write(line)
            stream.flush()

        return load_fleet(gateways, say=say, seed=seed)


def _as_json(loaded: Loaded | LoadedFleet | None) -> str:
    if loaded is None:
        return json.dumps({"loaded": False})
    people = [{"email": person.email, "role": person.role, "vendor": person.vendor} for person in loaded.people]
    return json.dumps({"loaded": True, "password": loaded.password, "people": people, **_counts(loaded)})


def _counts(loaded: Loaded | LoadedFleet) -> dict[str, float]:
    if isinstance(loaded, Loaded):
        return {}
    return {
        "gateways": loaded.gateways,
        "certificates": loaded.certificates,
        "issued": loaded.issued,
        "seconds": round(loaded.seconds, 1),
    }


def _words(loaded: Loaded | LoadedFleet | None) -> str:
    if loaded is None:
        return "The demonstration is there already. Nothing was changed."
    head = f"\n{_rates(loaded)}" if isinstance(loaded, LoadedFleet) else "\n  The demonstration is loaded."
    people = [_line(person) for person in loaded.people]
    tail = ["", f"  Password of all: {loaded.password}", "  It is not shown again.", ""]
    return "\n".join([f"{head} Sign in as one of these:\n", *people, *tail])


def _rates(fleet: LoadedFleet) -> str:
    gateways, certificates = fleet.gateways / fleet.seconds, fleet.certificates / fleet.seconds
    return (
        f"  {fleet.gateways:,} gateways with {fleet.certificates:,} certificates, {fleet.issued:,} issued here,\n"
        f"  in {fleet.seconds:.1f} s: {gateways:,.0f} gateways and {certificates:,.0f} certificates per second.\n\n "
    )


def _line(person: Person) -> str:
    return f"    {person.email:<26} {person.role}{person.vendor and f', {person.vendor}'}"
