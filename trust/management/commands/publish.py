"""`manage.py publish`: publishes a release and writes it to the stores, without a worker."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from core.errors import Refused
from trust.models import Group, Publication
from trust.services.publication import publish
from trust.services.releases import publish_release


class Command(BaseCommand):
    help = "Publish the unexpired authorities of a trust group to every store. Exit status 1 where a store refused."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--group", default="common")
        parser.add_argument("--note", default="")
        parser.add_argument("--by", default="", help="e-mail address of the operator who publishes; default: the first")
        parser.add_argument("--json", action="store_true")

    def handle(self, *, group: str, note: str, by: str, **options: Any) -> None:
        try:
            release = publish_release(_operator(by), _group(group), note=note)
        except Refused as refusal:
            raise CommandError(refusal.message, returncode=1) from None
        for publication in release.publications.all():
            publish(publication.pk)
        publications = list(release.publications.select_related("store"))
        failed = [each for each in publications if each.state != Publication.State.PUBLISHED]
        answer = {
            "release": release.number,
            "sha256": release.bundle_sha256,
            "authorities": release.authorities.count(),
            "stores": {each.store.name: each.last_error or each.state for each in publications},
        }
        self.stdout.write(json.dumps(answer) if options["json"] else _in_words(answer))
        if failed or not publications:
            raise SystemExit(1)


def _operator(address: str) -> User:
    operators = User.objects.active_operators().order_by("pk")
    chosen = operators.filter(email=address.lower()).first() if address else operators.first()
    if chosen is None:
        raise CommandError("There is no such operator.", returncode=2)
    return chosen


def _group(name: str) -> Group:
    group = Group.objects.filter(name=name).first()
    if group is None:
        raise CommandError(f"There is no trust group {name}.", returncode=2)
    return group


def _in_words(answer: dict[str, Any]) -> str:
    stores = "\n".join(f"  {name}: {state}" for name, state in answer["stores"].items()) or "  no store is connected"
    return f"Release {answer['release']} with {answer['authorities']} authorities\n{stores}"
