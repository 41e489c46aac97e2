"""Publish a release, without a worker. Exit status: 0 it stands in every store, 1 it does not, 2 misuse."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.services import Machine
from core.errors import Refused
from trust.models import Group, Publication, Release, Store
from trust.services import publication
from trust.services.releases import publish_release

REFUSED, MISUSE = 1, 2
CONSOLE = Machine("command", "manage.py publish")


class Command(BaseCommand):
    help = "Publish the unexpired authorities of a trust group to every store."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--group", default="common")
        parser.add_argument("--note", default="", help="what changes, and why; stays with the release")
        parser.add_argument("--json", action="store_true", help="print the answer for machines")

    def handle(self, *_: Any, **options: Any) -> None:
        group = Group.objects.filter(name=options["group"]).first()
        if group is None:
            raise CommandError(f"There is no trust group {options['group']}.", returncode=MISUSE)
        if not Store.objects.exists():
            raise CommandError("No store is connected: a release would reach nobody.", returncode=REFUSED)
        release = _publish(group, options["note"])
        answer = _to_json(release)
        self.stdout.write(json.dumps(answer, indent=2) if options["json"] else _in_words(answer))
        if not answer["published"]:
            sys.exit(REFUSED)


def _publish(group: Group, note: str) -> Release:
    try:
        release = publish_release(CONSOLE, group, note)
    except Refused as refusal:
        raise CommandError(refusal.message, returncode=REFUSED) from refusal
    for pk in release.publications.values_list("pk", flat=True):
        publication.publish(pk)
    return release


def _to_json(release: Release) -> dict[str, Any]:
    way = list(release.publications.select_related("store").order_by("store__name"))
    return {
        "published": all(each.state == Publication.State.PUBLISHED for each in way),
        "release": release.number,
        "sha256": release.bundle_sha256,
        "authorities": release.authorities.count(),
        "stores": [{"name": each.store.name, "state": each.state, "message": _why(each)} for each in way],
    }


def _why(publication: Publication) -> str:
    if publication.state == Publication.State.QUEUED and publication.store.state != Store.State.OURS:
        return f"{publication.store.get_state_display()}: an operator decides on its page."
    return publication.last_error


def _in_words(answer: dict[str, Any]) -> str:
    lines = [f"Release {answer['release']}: {answer['authorities']} authorities, SHA-256 {answer['sha256']}"]
    lines += [f"  {each['name']}: {each['state']} {each['message']}".rstrip() for each in answer["stores"]]
    return "\n".join(lines)
