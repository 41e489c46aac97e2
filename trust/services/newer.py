"""A store that is ahead of the database: it holds releases of ours that a restored, older backup does not know."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Q

from core import clock
from core.errors import Refused
from core.store import ObjectStore, StoreError
from pki.errors import PkiError
from pki.release_manifest import Manifest, check_signature, manifest_sha256, read_manifest
from trust.models import Group, Release, Store
from trust.services import layout
from trust.services.layout import Difference
from trust.services.opening import open_store
from trust.services.troubles import note_newer

MISSED_CHECKS = 3  # a store that was read longer ago than these take is read before a number is given


@dataclass(frozen=True, slots=True)
class Newer:
    """A signed release of a group, as it stands in a store."""

    group: Group
    manifest: Manifest
    content: bytes
    signature: bytes

    @property
    def sha256(self) -> str:
        return manifest_sha256(self.content)

    @property
    def difference(self) -> Difference:
        whose = "" if self.group.is_common else f" of {self.group}"
        words = f"Release {self.manifest.number}{whose} is ours, and this database does not know it"
        return Difference("newer", layout.manifest_name(self.group), f"{words}: it was restored from an older backup.")


def newer_in(objects: ObjectStore, groups: Iterable[Group]) -> list[Newer]:
    """Of each group what the store holds beyond our newest release. Raises `StoreError` where it does not answer."""
    return [each for group in groups if (each := _newer(objects, group))]


def unknown_before(objects: ObjectStore, newest: Newer) -> list[Newer]:
    """The releases that led to `newest` and are not known either, the oldest first, as far as the store has them."""
    found, number = [newest], _newest_number(newest.group)
    while (digest := found[0].manifest.previous) and found[0].manifest.number > number + 1:
        before = _signed(objects, newest.group, f"{newest.group.name}/{digest}.json")
        if before is None or before.sha256 != digest or not number < before.manifest.number < found[0].manifest.number:
            break
        found.insert(0, before)
    return found


def refuse_unknown_newer(group: Group) -> None:
    """Give no number twice: where a store of the group is ahead of the database, an operator decides first."""
    lately = clock.now() - timedelta(seconds=MISSED_CHECKS * settings.STORE_CHECK_SECONDS)
    unread = Q(checked_at__isnull=True) | Q(checked_at__lt=lately)
    for store in group.stores.ours().filter(unread):
        _look(store)
    ahead = group.stores.filter(state=Store.State.NEWER).first()
    if ahead is not None:
        message = (
            f"Store {ahead.name} holds a newer release than this database knows. Decide on the store's page first."
        )
        raise Refused("newer-release", message)


def _look(store: Store) -> None:
    """One that does not answer is left to the checks."""
    try:
        found = newer_in(open_store(store), store.groups.all())
    except StoreError:
        return
    if found:
        note_newer(store, [each.difference for each in found])


def _newer(objects: ObjectStore, group: Group) -> Newer | None:
    found = _signed(objects, group, layout.manifest_name(group))
    return found if found and found.manifest.number > _newest_number(group) else None


def _newest_number(group: Group) -> int:
    newest = Release.objects.of(group).order_by("-number").values_list("number", flat=True)
    return newest.first() or 0


def _signed(objects: ObjectStore, group: Group, name: str) -> Newer | None:
    """A manifest of the group that the group's own key has signed: nobody but us can have written it."""
    if group.key is None:
        return None
    content, signature = objects.get(name), objects.get(f"{name}.sig")
    if content is None or signature is None:
        return None
    try:
        check_signature(content, signature, bytes(group.key.public_key))
        manifest = read_manifest(content)
    except PkiError:
        return None
    return Newer(group, manifest, content, signature) if manifest.group == group.name else None
