"""A release reaches its stores: in order, once, and no reader ever notices."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import User
from audit.models import Record
from cas.models import Authority
from core import clock
from core.store import DirectoryStore, ObjectStore, StoreError
from pki.bundle import read_strictly
from pki.readers import REVOCATION_FILES
from tests.pki.makers import Made, make_issuing
from tests.stores import polling, read_as_network_server
from trust.models import Group, Publication, Release, Store, StoreQuerySet
from trust.services import layout, publication
from trust.services.groups import add_to_group, remove_from_group
from trust.services.releases import publish_release
from trust.tasks import publish, sweep


class Killed(BaseException):
    """Stands for a process that ends here."""


class Faulty:
    """An object store that fails at the n-th change, before or after it was made."""

    def __init__(self, inner: ObjectStore, *, at: int, error: BaseException, after: bool) -> None:
        self.inner, self.at, self.error, self.after = inner, at, error, after
        self.changes: list[str] = []
        self.get, self.read, self.list = inner.get, inner.read, inner.list

    def put(self, name: str, content: bytes, *, only_if: str = "") -> None:
        self._change(name, lambda: self.inner.put(name, content, only_if=only_if))

    def delete(self, name: str) -> None:
        self._change(name, lambda: self.inner.delete(name))

    def _change(self, name: str, act: Callable[[], None]) -> None:
        self.changes.append(name)
        fails = len(self.changes) == self.at
        if fails and not self.after:
            raise self.error
        act()
        if fails:
            raise self.error


@pytest.fixture
def tamper(monkeypatch: pytest.MonkeyPatch, objects: ObjectStore) -> Callable[..., Faulty]:
    """Let the product talk to a faulty store from now on."""

    def install(*, at: int = 0, error: BaseException | None = None, after: bool = False) -> Faulty:
        faulty = Faulty(objects, at=at, error=error or StoreError("No."), after=after)
        monkeypatch.setattr(publication, "open_store", lambda _: faulty)
        return faulty

    return install


def deliver(release: Release) -> None:
    for each in release.publications.all():
        publish(each.pk)


def states(release: Release) -> set[str]:
    return set(release.publications.values_list("state", flat=True))


def retry() -> None:
    """What the schedule does an hour later: leases and waits are over."""
    with clock.at(clock.now() + timedelta(hours=1)):
        sweep()


def test_a_release_is_what_a_network_server_reads(
    store: Store, objects: ObjectStore, operator: User, group: Group, trusted: Authority, issuing: Made
) -> None:
    release = publish_release(operator, group)
    deliver(release)
    assert states(release) == {"published"}
    assert read_as_network_server(objects) == (issuing.der,)


def test_the_index_lists_the_content_addressed_file_and_the_copy_stands_beside(
    store: Store, objects: ObjectStore, operator: User, group: Group, trusted: Authority
) -> None:
    release = publish_release(operator, group)
    deliver(release)
    assert objects.get("index.yml") == f'common:\n  - "{release.bundle_sha256}.pem"\n'.encode()
    assert objects.get(f"common/{release.bundle_sha256}.pem") == release.bundle
    assert objects.get("common/common.pem") == release.bundle


def test_the_file_comes_first_then_the_index_then_the_copy(
    store: Store, tamper: Callable[..., Faulty], operator: User, group: Group, trusted: Authority
) -> None:
    """G7. Falls with: the order of the `_put` calls in trust.services.publication.write."""
    faulty = tamper()
    release = publish_release(operator, group)
    deliver(release)
    manifest = f"common/{release.manifest_sha256}.json"
    immutable = [f"common/{release.bundle_sha256}.pem", manifest, f"{manifest}.sig"]
    copies = ["common/common.pem", "common/release.json", "common/release.json.sig"]
    copies += [f"common/{name}" for name in (*sorted(release.readers), *REVOCATION_FILES)]
    assert faulty.changes == [*immutable, "index.yml", *copies]


def test_what_is_there_already_is_not_written_again(
    store: Store, tamper: Callable[..., Faulty], operator: User, group: Group, trusted: Authority
) -> None:
    deliver(publish_release(operator, group))
    faulty = tamper()
    deliver(publish_release(operator, group, "the same again"))
    assert {name for name in faulty.changes if name.endswith(("pem", "yml"))} == set()


def test_an_empty_group_is_an_empty_index_and_no_empty_file(
    store: Store,
    objects: ObjectStore,
    operator: User,
    second_operator: User,
    group: Group,
    trusted: Authority,
) -> None:
    """G7. Falls with: `if release.bundle else []` in trust.services.layout.index_of."""
    deliver(publish_release(operator, group))
    remove_from_group(operator, group, trusted)
    release = publish_release(second_operator, group)
    deliver(release)
    assert states(release) == {"published"}
    assert objects.get("index.yml") == b""
    assert objects.get("common/common.pem") is None
    assert b"" not in [objects.get(name) for name in objects.list("common/")]


def test_the_file_of_the_release_before_stays_for_its_readers(
    store: Store, objects: ObjectStore, operator: User, group: Group, trusted: Authority, other_authority: Authority
) -> None:
    before = publish_release(operator, group)
    deliver(before)
    add_to_group(operator, group, other_authority)
    deliver(publish_release(operator, group))
    assert objects.get(f"common/{before.bundle_sha256}.pem") == before.bundle


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_fault_at_any_step_is_tried_again_and_readers_see_a_whole_release(
    store: Store,
    objects: ObjectStore,
    tamper: Callable[..., Faulty],
    operator: User,
    group: Group,
    trusted: Authority,
    other_authority: Authority,
    at: int,
    after: bool,
) -> None:
    deliver(publish_release(operator, group))
    old = read_as_network_server(objects)
    add_to_group(operator, group, other_authority)
    release = publish_release(operator, group)
    tamper(at=at, error=StoreError("The disk is full."), after=after)
    deliver(release)
    assert states(release) == {"queued"}
    assert release.publications.get().last_error == "The disk is full."
    new = read_strictly(bytes(release.bundle))
    assert read_as_network_server(objects) in (old, new)
    retry()
    assert states(release) == {"published"}
    assert read_as_network_server(objects) == new


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_worker_killed_at_any_step_is_followed_by_another(
    directory: Store,
    roots: Path,
    monkeypatch: pytest.MonkeyPatch,
    operator: User,
    group: Group,
    trusted: Authority,
    at: int,
) -> None:
    """G4. Falls with: `publish_to` in trust.tasks.sweep."""
    objects = DirectoryStore(roots / "main")
    release = publish_release(operator, group)
    with monkeypatch.context() as patch:
        patch.setattr(publication, "open_store", lambda _: Faulty(objects, at=at, error=Killed(), after=True))
        patch.setattr(StoreQuerySet, "let_go", lambda rows, owner: None)  # who is killed gives nothing back
        with pytest.raises(Killed):
            deliver(release)
    sweep()
    assert states(release) == {"queued"}  # still held by the dead
    retry()
    assert states(release) == {"published"}
    assert read_as_network_server(objects) == read_strictly(bytes(release.bundle))


def test_a_failed_publication_waits_longer_each_time(
    store: Store, tamper: Callable[..., Faulty], operator: User, group: Group, trusted: Authority
) -> None:
    tamper(at=1)
    release = publish_release(operator, group)
    now = clock.now()
    with clock.at(now):
        deliver(release)
    first = release.publications.get().next_attempt_at - now
    tamper(at=1)
    with clock.at(now + timedelta(minutes=1)):
        deliver(release)
    second = release.publications.get().next_attempt_at - now - timedelta(minutes=1)
    assert timedelta(0) < first < second


def test_a_newer_release_supersedes_one_that_still_waits(
    store: Store, objects: ObjectStore, operator: User, group: Group, trusted: Authority, other_authority: Authority
) -> None:
    older = publish_release(operator, group)
    add_to_group(operator, group, other_authority)
    newer = publish_release(operator, group)
    deliver(older)  # whatever is rung for first
    assert (states(older), states(newer)) == ({"superseded"}, {"published"})
    assert len(read_as_network_server(objects)) == 2


def test_an_older_release_never_comes_after_a_newer_one(
    store: Store, objects: ObjectStore, operator: User, group: Group, trusted: Authority, other_authority: Authority
) -> None:
    """G7. Falls with: the `release__number__gt` test in trust.services.publication._supersede."""
    older = publish_release(operator, group)
    add_to_group(operator, group, other_authority)
    newer = publish_release(operator, group)
    deliver(newer)
    older.publications.update(state=Publication.State.QUEUED)
    deliver(older)
    assert states(older) == {"superseded"}
    assert len(read_as_network_server(objects)) == 2


def test_who_does_not_hold_the_store_does_not_write(
    store: Store, tamper: Callable[..., Faulty], operator: User, group: Group, trusted: Authority, settings: Settings
) -> None:
    """G4. Falls with: `if owner is None` in trust.services.publication.publish_to."""
    release = publish_release(operator, group)
    faulty = tamper()
    owner = Store.objects.claim(store.pk, seconds=60)
    deliver(release)
    assert owner is not None
    assert faulty.changes == []
    assert states(release) == {"queued"}


@pytest.mark.parametrize("at", [1, 2])
def test_who_lost_the_store_meanwhile_writes_no_further(
    store: Store,
    objects: ObjectStore,
    tamper: Callable[..., Faulty],
    operator: User,
    group: Group,
    trusted: Authority,
    at: int,
) -> None:
    """G4, G7. Falls with: `still_ours()` in trust.services.publication._put."""
    release = publish_release(operator, group)
    faulty = tamper()
    put = faulty.put

    def put_then_lose(name: str, content: bytes, *, only_if: str = "") -> None:
        put(name, content, only_if=only_if)
        if len(faulty.changes) == at:
            Store.objects.filter(pk=store.pk).update(lease_owner="another")

    faulty.put = put_then_lose  # type: ignore[method-assign]  # this one instance
    deliver(release)
    assert len(faulty.changes) == at
    assert states(release) == {"queued"}


def test_every_start_of_a_network_server_finds_a_whole_release_while_twelve_are_published(
    store: Store,
    objects: ObjectStore,
    operator: User,
    group: Group,
    root: Made,
    authority_of: Callable[..., Authority],
    trusted: Authority,
) -> None:
    """G7. Falls with: writing index.yml before the file in trust.services.publication.write."""
    deliver(publish_release(operator, group))
    changing = authority_of(make_issuing(root, "Changing CA"))
    known = {read_as_network_server(objects)}
    with polling(objects) as seen:
        for number in range(12):
            change = remove_from_group if number % 2 else add_to_group
            change(operator, group, changing)
            release = publish_release(operator, group)
            deliver(release)
            known.add(read_strictly(bytes(release.bundle)))
    assert [each for each in seen if isinstance(each, Exception)] == []
    assert len(known) == 2
    assert set(seen) <= known
    assert len(seen) > 12


def test_a_foreign_index_that_came_after_connecting_is_not_overwritten(
    store: Store, objects: ObjectStore, operator: User, group: Group, trusted: Authority
) -> None:
    objects.put("common/theirs.pem", b"theirs")
    objects.put("index.yml", b"common: [theirs.pem]\n")
    release = publish_release(operator, group)
    deliver(release)
    store.refresh_from_db()
    assert store.state == Store.State.FOREIGN
    assert states(release) == {"queued"}
    assert objects.get("index.yml") == b"common: [theirs.pem]\n"


def test_its_arrival_is_recorded(store: Store, operator: User, group: Group, trusted: Authority) -> None:
    release = publish_release(operator, group)
    deliver(release)
    record = Record.objects.get(action="release.stored")
    assert record.subject_id == str(release.pk)
    assert record.details["store"] == "main"


def test_a_damaged_write_is_noticed_before_any_reader_is_led_to_it(
    store: Store, objects: ObjectStore, tamper: Callable[..., Faulty], operator: User, group: Group, trusted: Authority
) -> None:
    """G7. Falls with: reading back in trust.services.publication._put."""
    faulty = tamper()
    faulty.put = lambda name, content, **_: objects.put(name, content[:-100])  # type: ignore[method-assign]  # this one
    release = publish_release(operator, group)
    deliver(release)
    assert "reads back differently" in release.publications.get().last_error
    assert objects.get("index.yml") is None


def test_the_layout_of_a_release_is_recognised_again(
    operator: User, group: Group, trusted: Authority, directory: Store
) -> None:
    release = publish_release(operator, group)
    assert layout.releases_of(layout.index_of([release])) == (release,)
    assert layout.releases_of(b"common: [other.pem]") is None
