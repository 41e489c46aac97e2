"""What somebody else does to a store is noticed, told once, and repaired (row 22)."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import User
from audit.models import Heartbeat, Record
from cas.models import Authority
from core import clock
from core.store import DirectoryStore, ObjectStore
from outbox.models import Message
from tests.pki.makers import Made, make_issuing
from tests.stores import read_as_network_server
from trust.models import Group, Release, Store
from trust.services.groups import add_to_group, remove_from_group
from trust.services.releases import publish_release
from trust.tasks import publish

Tamper = Callable[[ObjectStore, Release, bytes], None]


@pytest.fixture
def evil(root: Made) -> bytes:
    return make_issuing(root, "Evil CA").pem


@pytest.fixture
def release(operator: User, store: Store, group: Group, trusted: Authority) -> Release:
    return published(operator, group)


def published(operator: User, group: Group) -> Release:
    release = publish_release(operator, group)
    for pk in release.publications.values_list("pk", flat=True):
        publish(pk)
    return release


def swap_the_bundle(objects: ObjectStore, release: Release, evil: bytes) -> None:
    objects.put(f"common/{release.file_name}", evil)


def name_another_file(objects: ObjectStore, release: Release, evil: bytes) -> None:
    objects.put("common/evil.pem", evil)
    objects.put("index.yml", b"common: [evil.pem]\n")


def delete_the_index(objects: ObjectStore, release: Release, evil: bytes) -> None:
    objects.delete("index.yml")


def empty_the_index(objects: ObjectStore, release: Release, evil: bytes) -> None:
    objects.put("index.yml", b"")


def break_the_index(objects: ObjectStore, release: Release, evil: bytes) -> None:
    objects.put("index.yml", b"{")


def delete_the_bundle(objects: ObjectStore, release: Release, evil: bytes) -> None:
    objects.delete(f"common/{release.file_name}")


def change_the_copy(objects: ObjectStore, release: Release, evil: bytes) -> None:
    objects.put("common/common.pem", evil)


TAMPERS = [
    swap_the_bundle, name_another_file, delete_the_index, empty_the_index, break_the_index, delete_the_bundle,
    change_the_copy,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERS)
def test_a_change_is_noticed_told_and_repaired(
    check: Callable[[], None],
    tamper: Tamper,
    store: Store,
    objects: ObjectStore,
    release: Release,
    evil: bytes,
    issuing: Made,
) -> None:
    """Row 22. Falls with: `queue(release, store)` in trust.services.checking._compare."""
    tamper(objects, release, evil)
    check()
    assert read_as_network_server(objects) == (issuing.der,)
    assert objects.get("common/common.pem") == release.bundle
    assert Record.objects.filter(action="store.changed").count() == 1
    assert "was changed by somebody else" in Message.objects.get(key__startswith="store-changed").subject


def test_an_old_version_put_back_is_named_and_undone(
    check: Callable[[], None],
    store: Store,
    objects: ObjectStore,
    operator: User,
    group: Group,
    release: Release,
    other_authority: Authority,
) -> None:
    old = objects.get("index.yml")
    assert old is not None
    add_to_group(operator, group, other_authority)
    published(operator, group)
    objects.put("index.yml", old)
    check()
    assert len(read_as_network_server(objects)) == 2
    assert Record.objects.get(action="store.changed").details["complaint"] == (
        f"index.yml was put back to that of release {release.number}."
    )


def test_who_keeps_changing_it_is_told_once(
    check: Callable[[], None], store: Store, objects: ObjectStore, release: Release, evil: bytes
) -> None:
    for _ in range(3):
        swap_the_bundle(objects, release, evil)
        check()
    assert Message.objects.filter(key__startswith="store-changed").count() == 1


def test_the_complaint_goes_when_a_check_finds_everything_in_its_place(
    check: Callable[[], None], store: Store, objects: ObjectStore, release: Release, evil: bytes
) -> None:
    swap_the_bundle(objects, release, evil)
    check()
    store.refresh_from_db()
    assert store.trouble == Store.Trouble.CHANGED
    check()
    store.refresh_from_db()
    assert (store.trouble, store.complaint) == (Store.Trouble.NONE, "")
    swap_the_bundle(objects, release, evil)
    check()
    assert Message.objects.filter(key__startswith="store-changed").count() == 2


def test_nothing_is_said_of_a_store_that_is_as_it_should_be(
    check: Callable[[], None], store: Store, release: Release
) -> None:
    check()
    store.refresh_from_db()
    assert (store.trouble, store.complaint) == (Store.Trouble.NONE, "")
    assert store.checked_at is not None
    assert not Message.objects.exists()


def test_an_emptied_group_stays_empty(
    check: Callable[[], None],
    store: Store,
    objects: ObjectStore,
    operator: User,
    second_operator: User,
    group: Group,
    release: Release,
    trusted: Authority,
) -> None:
    remove_from_group(operator, group, trusted)
    published(second_operator, group)
    check()
    assert objects.get("index.yml") == b""
    assert not Message.objects.exists()


def test_files_are_kept_for_a_day_after_an_index_last_named_them(
    check: Callable[[], None],
    store: Store,
    objects: ObjectStore,
    operator: User,
    group: Group,
    release: Release,
    other_authority: Authority,
    settings: Settings,
) -> None:
    """G7. Falls with: the `last_named_at` filter in trust.services.checking._clear."""
    settings.RELEASES_KEPT = 1
    add_to_group(operator, group, other_authority)
    now = clock.now()
    with clock.at(now + timedelta(days=30)):
        newer = published(operator, group)
    with clock.at(now + timedelta(days=30, hours=23)):
        check()
    assert objects.get(f"common/{release.file_name}") == release.bundle
    with clock.at(now + timedelta(days=31, minutes=1)):
        check()
    assert objects.get(f"common/{release.file_name}") is None
    assert objects.get(f"common/{newer.file_name}") == newer.bundle


def test_files_of_the_releases_that_one_can_return_to_are_kept(
    check: Callable[[], None],
    store: Store,
    objects: ObjectStore,
    operator: User,
    group: Group,
    release: Release,
    other_authority: Authority,
) -> None:
    """Falls with: `remember(store, _kept(store), …)` in trust.services.checking._clear."""
    add_to_group(operator, group, other_authority)
    published(operator, group)
    with clock.at(clock.now() + timedelta(days=60)):
        check()
    assert objects.get(f"common/{release.file_name}") == release.bundle


def test_files_of_others_are_never_deleted(
    check: Callable[[], None], store: Store, objects: ObjectStore, release: Release
) -> None:
    objects.put("common/theirs.pem", b"theirs")
    objects.put("readme.txt", b"theirs")
    with clock.at(clock.now() + timedelta(days=3)):
        check()
    assert objects.get("common/theirs.pem") == b"theirs"
    assert objects.get("readme.txt") == b"theirs"


def test_a_store_that_fails_for_long_raises_one_alarm_and_catches_up_alone(
    check: Callable[[], None],
    directory: Store,
    roots: Path,
    operator: User,
    group: Group,
    trusted: Authority,
    issuing: Made,
) -> None:
    (roots / "main").rename(roots / "away")  # the disk is not mounted
    now = clock.now()
    with clock.at(now):
        published(operator, group)
    directory.refresh_from_db()
    assert "is not there" in directory.complaint
    assert not Message.objects.exists()
    for minutes in (16, 30, 60):
        with clock.at(now + timedelta(minutes=minutes)):
            check()
            for publication in directory.publications.all():
                publish(publication.pk)
    assert Message.objects.filter(key__startswith="store-failing").count() == 1
    (roots / "away").rename(roots / "main")
    with clock.at(now + timedelta(minutes=90)):
        for publication in directory.publications.all():
            publish(publication.pk)
    directory.refresh_from_db()
    assert (directory.trouble, directory.failing_since) == (Store.Trouble.NONE, None)
    assert read_as_network_server(DirectoryStore(roots / "main")) == (issuing.der,)


def test_a_store_that_can_be_read_but_not_written_is_an_alarm_too(
    check: Callable[[], None], directory: Store, roots: Path, operator: User, group: Group, trusted: Authority
) -> None:
    (roots / "main" / "common").write_text("in the way")
    now = clock.now()
    for minutes in (0, 16):
        with clock.at(now + timedelta(minutes=minutes)):
            if not minutes:
                published(operator, group)
            check()
            for publication in directory.publications.all():
                publish(publication.pk)
    assert Message.objects.filter(key__startswith="store-failing").count() == 1


def test_a_foreign_index_in_a_store_of_ours_that_has_nothing_yet_waits_for_a_decision(
    check: Callable[[], None], store: Store, objects: ObjectStore, group: Group, evil: bytes
) -> None:
    objects.put("common/theirs.pem", evil)
    objects.put("index.yml", b"common: [theirs.pem]\n")
    check()
    store.refresh_from_db()
    assert store.state == Store.State.FOREIGN
    assert Message.objects.filter(key__startswith="store-foreign").count() == 1


def test_a_store_that_somebody_writes_to_is_not_checked(
    check: Callable[[], None], store: Store, objects: ObjectStore, release: Release, evil: bytes
) -> None:
    Store.objects.claim(store.pk, seconds=60)
    swap_the_bundle(objects, release, evil)
    check()
    assert not Record.objects.filter(action="store.changed").exists()


def test_the_job_says_that_it_ran(check: Callable[[], None], store: Store) -> None:
    check()
    assert Heartbeat.objects.filter(job="check the stores").exists()
