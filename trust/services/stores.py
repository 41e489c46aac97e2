"""Connecting a store: it is read first, and what somebody else wrote is adopted or replaced, never just overwritten."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import User
from audit.services import SYSTEM, Machine, record
from cas.services.adopt import found_in_store
from core import clock
from core.errors import Refused
from core.outgoing import NoAnswer, resolve
from core.store import StoreError
from trust.models import Group, Publication, Release, Store
from trust.services import layout
from trust.services.conditions import ensure_probed
from trust.services.drafts import draft, newest_release
from trust.services.groups import common, join, refuse_unless_operator
from trust.services.layout import Contents, read_contents
from trust.services.newer import newer_in
from trust.services.opening import open_store
from trust.services.publication import let_stay, remember
from trust.services.releases import publish_release, queue
from trust.services.troubles import note_foreign, note_newer

FIRST = "main"


def connect_store(actor: User | Machine, store: Store, groups: Sequence[Group] = ()) -> Store:
    """Read a new store, then save it. `store` is an unsaved row as the form filled it; without `groups`, for `common`.

    What is ours or empty gets the newest release of each group: ring `trust.tasks.publish` afterwards.
    """
    if isinstance(actor, User):
        refuse_unless_operator(actor)
    _check_place(store)
    contents = read(store)
    store.state, store.checked_at = _state_of(contents), clock.now()
    _save(actor, store, groups)
    _note_newer(store)
    if store.state == Store.State.OURS:
        ensure_probed(store, open_store(store))
    return store


def connect_first_store() -> Store | None:
    """Connect the store that the environment names, where there is none yet. One that does not answer is read later."""
    if settings.FIRST_STORE in ("", "none") or Store.objects.exists():
        return None
    store = _first_store()
    try:
        return connect_store(SYSTEM, store)
    except Refused as refusal:
        if refusal.code == "name-taken":  # another process was faster
            return Store.objects.get(name=FIRST)
        if refusal.code != "store-unreadable":
            raise
        store.state, store.trouble = Store.State.UNREAD, Store.Trouble.FAILING
        store.complaint, store.failing_since = refusal.message[:500], clock.now()
        return _save(SYSTEM, store)


def read(store: Store) -> Contents:
    """Read what a network server would read. Raises `Refused` where the store does not answer."""
    try:
        return read_contents(open_store(store))
    except StoreError as error:
        raise Refused("store-unreadable", f"The store cannot be read. {error.message}") from error


def settle(store: Store, contents: Contents) -> None:
    """Decide anew about a store that nothing was published to yet. Another's index is left to the operators."""
    state = _state_of(contents)
    if state == store.state or _may_be_replaced(store, contents):
        return
    if state == Store.State.FOREIGN:
        note_foreign(store)
        return
    with transaction.atomic():
        if not Store.objects.filter(pk=store.pk, state=store.state).update(state=state):
            return
        store.state = state
        record(SYSTEM, "store.read", subject=store, state=state)
        _catch_up(store)


def _note_newer(store: Store) -> None:
    """The database was restored from a backup that is older than the store's connection."""
    try:
        newer = newer_in(open_store(store), store.groups.all())
    except StoreError:  # the next check asks again
        return
    if newer:
        note_newer(store, [each.difference for each in newer])


def adopt_store(actor: User, store: Store, *, seen: str = "") -> Release:
    """Take over what a store holds: its certificates become authorities, and a release has the same set.

    `seen` is the fingerprint of the contents that the operator looked at. Ring `trust.tasks.publish` afterwards.
    """
    refuse_unless_operator(actor)
    contents = _foreign_contents(store, seen)
    if contents.problems:
        message = f"It cannot be adopted as it is: {contents.problems[0]} Mend it, or replace it."
        raise Refused("store-not-adoptable", message)
    group = common()
    with transaction.atomic():
        authorities = found_in_store(actor, contents.certificates)
        for authority in authorities:
            join(actor, group, authority)
        _take_over(store, contents)
        record(actor, "store.adopted", subject=store, authorities=[each.sha256 for each in authorities])
        due = draft(group)
        if due.before and due.difference.is_empty:
            queue(due.before, store)
            return due.before
        return publish_release(actor, group, f"Adopted from store {store.name}", typed=group.name)


def replace_store(actor: User, store: Store, *, typed: str, seen: str = "") -> Publication | None:
    """Take over a store and drop what it holds, once its name is `typed`. The newest release is on its way then."""
    refuse_unless_operator(actor)
    if typed.strip() != store.name:
        raise Refused("name-needed", f"Type “{store.name}” to drop what this store holds.", field="typed")
    contents = _foreign_contents(store, seen)
    lost = [hashlib.sha256(each).hexdigest() for each in contents.certificates]
    with transaction.atomic():
        _take_over(store, contents)
        record(actor, "store.replaced", subject=store, lost=lost)
        return _catch_up(store)


def choose_groups(actor: User, store: Store, groups: Sequence[Group]) -> Publication | None:
    """Let the store carry these groups from now on. Its index follows: ring `trust.tasks.publish` for the answer."""
    refuse_unless_operator(actor)
    if not groups:
        raise Refused(
            "groups-needed", "Choose at least one group: an empty store stops a network server.", field="groups"
        )
    with transaction.atomic():
        store.groups.set(groups)
        record(actor, "store.groups", subject=store, groups=[group.name for group in groups])
        return _catch_up(store)


def disconnect_store(actor: User, store: Store, *, typed: str) -> None:
    """Forget a store, once its name is `typed`. What stands in it stays there."""
    refuse_unless_operator(actor)
    if typed.strip() != store.name:
        raise Refused("name-needed", f"Type “{store.name}” to disconnect it.", field="typed")
    with transaction.atomic():
        record(actor, "store.disconnected", subject=store, place=store.place)
        store.delete()


def try_again(store: Store) -> list[Publication]:
    """Let what waits for its next attempt be due at once. Ring `trust.tasks.publish` for each."""
    waiting = store.publications.possible()
    waiting.update(next_attempt_at=clock.now())
    return list(waiting.newest_first())


def _state_of(contents: Contents) -> str:
    """Ours is what is empty, or what a release of ours wrote."""
    if contents.index is None or layout.releases_of(contents.index) is not None:
        return Store.State.OURS
    return Store.State.FOREIGN


def _may_be_replaced(store: Store, contents: Contents) -> bool:
    return contents.index is not None and hashlib.sha256(contents.index).hexdigest() == store.replaces_sha256


def _catch_up(store: Store) -> Publication | None:
    """Send the newest release of each of its groups; the one of the first group is returned."""
    if store.state != Store.State.OURS:
        return None
    newest = [newest_release(group) for group in store.groups.all()]
    return next(iter([queue(each, store) for each in newest if each]), None)


def _take_over(store: Store, contents: Contents) -> None:
    """What its index names stays for a day, for readers that read that index; the index itself may be overwritten."""
    digest = hashlib.sha256(contents.index or b"").hexdigest()
    foreign = Store.objects.filter(pk=store.pk, state=Store.State.FOREIGN)
    if not foreign.update(state=Store.State.OURS, replaces_sha256=digest):
        raise Refused("store-decided", "Somebody decided about this store already. Reload the page to see how.")
    store.state, store.replaces_sha256 = Store.State.OURS, digest
    remember(store, [each for each in contents.paths if len(each) <= 400], is_ours=False)
    let_stay(store, _lying_there(store))


def _lying_there(store: Store) -> list[str]:
    """What the folders of its groups hold before anything of ours does: the operator has decided about it."""
    objects = open_store(store)
    try:
        found = [name for group in store.groups.all() for name in objects.list(f"{group.name}/")]
    except StoreError as error:
        raise Refused("store-unreadable", f"The store cannot be read. {error.message}") from error
    return [name for name in found if len(name) <= 400]


def _foreign_contents(store: Store, seen: str) -> Contents:
    if store.state != Store.State.FOREIGN:
        raise Refused("store-decided", "This store is ours already. Reload the page.")
    contents = read(store)
    if seen and seen != contents.sha256:
        raise Refused("store-changed", "What the store holds has changed since you looked. Look at it again.")
    return contents


def _save(actor: User | Machine, store: Store, groups: Sequence[Group] = ()) -> Store:
    try:
        with transaction.atomic():
            store.save(force_insert=True)
            store.groups.set(groups or [common()])
            record(actor, "store.connected", subject=store, place=store.place, state=store.state)
            _catch_up(store)
    except IntegrityError as error:
        if Store.objects.filter(name=store.name).exists():
            raise Refused("name-taken", "Another store has this name.", field="name") from error
        raise Refused("place-taken", "This place is connected as a store already.") from error
    return store


def _first_store() -> Store:
    kind, _, path = settings.FIRST_STORE.partition(":")
    if kind == Store.Kind.DIRECTORY:
        return Store(name=FIRST, kind=kind, directory=path)
    if kind != Store.Kind.S3:
        raise Refused("first-store", "CERTADMIN_STORE is “directory:/path”, “s3” or “none”.")
    names = ("endpoint", "bucket", "prefix", "region", "path_style")
    place: dict[str, Any] = {name: getattr(settings, f"S3_{name.upper()}") for name in names}
    return Store(name=FIRST, kind=kind, **place)


def _check_place(store: Store) -> None:
    if store.kind == Store.Kind.DIRECTORY:
        _check_directory(store)
    elif not store.bucket:
        raise Refused("bucket-needed", "Name the bucket.", field="bucket")
    elif store.endpoint:
        _check_endpoint(store)


def roots() -> list[Path]:
    """Directories may be connected below these, and at the place of the first store."""
    first = settings.FIRST_STORE.partition(":")[2] if settings.FIRST_STORE.startswith("directory:") else ""
    named = [Path(first).resolve()] if first else []
    return [*settings.STORE_ROOTS, *(each for each in named if not _is_below(each, settings.STORE_ROOTS))]


def _is_below(path: Path, above: Iterable[Path]) -> bool:
    return any(path.resolve().is_relative_to(root) for root in above)


def _check_directory(store: Store) -> None:
    """Only below the roots: a path that somebody types must not write into the system."""
    path = Path(store.directory)
    if not path.is_absolute() or not _is_below(path, roots()):
        message = f"Choose a directory below {' or '.join(map(str, roots()))}."
        raise Refused("directory-refused", message, field="directory")
    try:
        path.resolve().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"The directory cannot be made: {error.strerror}."
        raise Refused("directory-refused", message, field="directory") from error
    store.directory = str(path.resolve())


def _check_endpoint(store: Store) -> None:
    try:
        resolve(store.endpoint)
    except NoAnswer as error:
        code = "endpoint-refused" if type(error) is not NoAnswer else "store-unreadable"
        raise Refused(code, error.message, field="endpoint") from error
