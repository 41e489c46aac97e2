"""After an older backup was restored, a store is ahead of the database: nothing goes back, and no number is given
again."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User
from audit.models import Record
from cas.models import Authority
from core import clock
from core.errors import Refused
from core.store import ObjectStore
from outbox.models import Message
from pki.release_manifest import check_chain, read_manifest
from tests.pki.makers import Made
from tests.stores import read_as_network_server
from trust.models import Cluster, Group, Membership, Publication, Release, Store, StoreFile
from trust.services import going_on, layout, live, publication, stores
from trust.services.drafts import draft
from trust.services.groups import add_to_group, remove_from_group
from trust.services.releases import publish_release, roll_back
from trust.tasks import publish


@pytest.fixture
def place(roots: Path) -> Store:
    """What is compared is read through `ObjectStore`, which publishing and checking try with both kinds."""
    return Store(name="main", kind=Store.Kind.DIRECTORY, directory=str(roots / "main"))


@pytest.fixture
def release(operator: User, store: Store, group: Group, trusted: Authority) -> Release:
    return published(operator, group)


@pytest.fixture
def ahead(
    operator: User,
    store: Store,
    group: Group,
    release: Release,
    trusted: Authority,
    other_authority: Authority,
) -> Release:
    """Release 1 is in the backup. Since then two more came to the store: of both authorities, then of the other."""
    add_to_group(operator, group, other_authority)
    published(operator, group, "Ampere in")
    remove_from_group(operator, group, trusted)
    newest = published(operator, group, "Kestrel out")
    restore_to(release, without=other_authority)
    return newest


def published(operator: User, group: Group, note: str = "") -> Release:
    release = publish_release(operator, group, note)
    deliver(release)
    return release


def deliver(release: Release) -> None:
    for pk in release.publications.values_list("pk", flat=True):
        publish(pk)


def restore_to(release: Release, *, without: Authority) -> None:
    """Let the database forget what came after a release, as a restored backup does."""
    later = Release.objects.filter(number__gt=release.number)
    later.delete()
    StoreFile.objects.exclude(name__in=layout.immutable_files(release)).delete()
    Membership.objects.filter(authority=without).delete()
    Membership.objects.update(removed_at=None, removed_by=None, removal_reason="")
    without.delete()


def reload(store: Store) -> Store:
    return Store.objects.get(pk=store.pk)


def test_a_newer_release_of_ours_is_told_apart_and_not_put_back(
    check: Callable[[], None], store: Store, objects: ObjectStore, ahead: Release, other_issuing: Made
) -> None:
    """Falls with: `newer_in` in trust.services.checking._check."""
    for _ in range(3):
        check()
    assert read_as_network_server(objects) == (other_issuing.der,)
    found = reload(store)
    assert (found.state, found.trouble) == (Store.State.NEWER, Store.Trouble.NONE)
    assert [(each["kind"], each["name"]) for each in found.differences] == [("newer", "common/release.json")]
    assert found.complaint == (
        "Release 3 is ours, and this database does not know it: it was restored from an older backup."
    )
    assert not Record.objects.filter(action="store.changed").exists()


def test_operators_are_mailed_once_with_what_to_do(check: Callable[[], None], store: Store, ahead: Release) -> None:
    for _ in range(3):
        check()
    mail = Message.objects.get(key__startswith="store-")
    assert mail.subject == "Store main holds a newer release than the database knows"
    assert "go on from it" in " ".join(mail.text.split())
    assert Record.objects.get(action="store.found-newer").details["complaint"].startswith("Release 3 is ours")


def test_what_waited_in_the_backup_is_not_written_over_it(
    store: Store, objects: ObjectStore, ahead: Release, release: Release, other_issuing: Made
) -> None:
    """Falls with: `newer_in` in trust.services.publication.write."""
    Publication.objects.update(state=Publication.State.QUEUED, published_at=None)
    deliver(release)
    assert read_as_network_server(objects) == (other_issuing.der,)
    assert reload(store).state == Store.State.NEWER
    assert Publication.objects.get().state == Publication.State.QUEUED


def test_lists_of_revoked_certificates_are_not_written_with_an_older_release(
    store: Store, objects: ObjectStore, ahead: Release
) -> None:
    """Falls with: `newer_in` in trust.services.publication.follow_lists."""
    before = objects.get("common/envoy-crl.yaml")
    Store.objects.update(lists_state="another")
    publication.follow_lists()
    assert before
    assert objects.get("common/envoy-crl.yaml") == before


def test_no_release_is_made_before_an_operator_decides(
    check: Callable[[], None], operator: User, group: Group, release: Release, ahead: Release
) -> None:
    check()
    with pytest.raises(Refused, match="Decide on the store's page"):
        publish_release(operator, group)
    with pytest.raises(Refused, match="Decide on the store's page"):
        roll_back(operator, release)
    assert Release.objects.count() == 1


def test_a_store_that_was_not_read_lately_is_read_before_a_number_is_given(
    operator: User, store: Store, group: Group, ahead: Release
) -> None:
    """Falls with: `_look` in trust.services.newer.refuse_unknown_newer."""
    Store.objects.update(checked_at=clock.now() - timedelta(days=2))
    with pytest.raises(Refused, match="Decide on the store's page"):
        publish_release(operator, group)
    assert reload(store).state == Store.State.NEWER


def test_going_on_takes_the_releases_back_and_the_next_follows_them(
    check: Callable[[], None], operator: User, store: Store, objects: ObjectStore, group: Group, ahead: Release
) -> None:
    """G7. Falls with: `_take_back` in trust.services.going_on."""
    check()
    for release in going_on.go_on(operator, reload(store)):
        deliver(release)
    assert [each.number for each in Release.objects.order_by("number")] == [1, 2, 3]
    back = Release.objects.get(number=3)
    assert (back.manifest_sha256, bytes(back.signature or b"")) == (ahead.manifest_sha256, ahead.signature)
    assert (back.note, back.released_by, back.released_at) == ("Kestrel out", operator, ahead.released_at)
    following = published(operator, group)
    assert following.number == 4
    check_chain(each.encode() for each in Release.objects.order_by("number").values_list("manifest", flat=True))
    assert objects.get("common/release.json") == following.manifest.encode()
    check()
    assert (reload(store).state, reload(store).complaint) == (Store.State.OURS, "")


def test_the_group_is_as_the_newest_release_had_it(
    check: Callable[[], None], operator: User, store: Store, group: Group, ahead: Release, other_issuing: Made
) -> None:
    """Falls with: `align_group` in trust.services.going_on.go_on."""
    check()
    going_on.go_on(operator, reload(store))
    due = draft(group)
    assert due.difference.is_empty
    assert [bytes(each.authority.der) for each in due.trusted] == [other_issuing.der]
    assert due.trusted[0].authority.origin == Authority.Origin.FOUND


def test_the_decision_is_in_the_record(check: Callable[[], None], operator: User, store: Store, ahead: Release) -> None:
    check()
    going_on.go_on(operator, reload(store))
    record = Record.objects.get(action="store.went-on")
    assert record.actor_name == operator.name
    assert (record.details["releases"], record.details["manifests"][-1]) == ("3", ahead.manifest_sha256)
    assert Record.objects.filter(action="release.taken-back").count() == 2


def test_the_other_stores_of_the_group_follow_without_another_decision(
    check: Callable[[], None], operator: User, store: Store, group: Group, roots: Path, ahead: Release
) -> None:
    check()
    beside = stores.connect_store(operator, Store(name="beside", kind="directory", directory=str(roots / "beside")))
    for release in going_on.go_on(operator, reload(store)):
        deliver(release)
    assert reload(beside).holds(group) == Release.objects.get(number=3)
    check()
    assert set(Store.objects.values_list("state", "complaint")) == {(Store.State.OURS, "")}


def test_a_missing_link_is_left_out_and_the_newest_taken_back(
    check: Callable[[], None], operator: User, store: Store, objects: ObjectStore, ahead: Release
) -> None:
    check()
    objects.delete(f"common/{read_manifest(ahead.manifest.encode()).previous}.json")
    going_on.go_on(operator, reload(store))
    assert sorted(Release.objects.values_list("number", flat=True)) == [1, 3]


def test_without_its_bundle_nothing_is_taken_back(
    check: Callable[[], None], operator: User, store: Store, objects: ObjectStore, ahead: Release
) -> None:
    check()
    objects.put(f"common/{ahead.file_name}", b"something else")
    objects.delete("common/common.pem")
    with pytest.raises(Refused, match="is not in the store as it was signed"):
        going_on.go_on(operator, reload(store))
    assert Release.objects.count() == 1
    assert reload(store).state == Store.State.NEWER


def test_a_manifest_that_our_key_has_not_signed_is_a_change_by_others(
    check: Callable[[], None], store: Store, objects: ObjectStore, release: Release, issuing: Made
) -> None:
    """Falls with: `check_signature` in trust.services.newer._signed."""
    forged = release.manifest.replace('"number":1,', '"number":9,').encode()
    objects.put("common/release.json", forged)
    check()
    assert objects.get("common/release.json") == release.manifest.encode()
    assert Record.objects.filter(action="store.changed").exists()
    assert reload(store).state == Store.State.OURS


def test_a_manifest_that_cannot_be_read_is_told_as_a_change_and_nothing_is_written_meanwhile(
    check: Callable[[], None], directory: Store, operator: User, group: Group, trusted: Authority
) -> None:
    release = published(operator, group)
    folder = Path(directory.directory)
    (folder / "common" / "release.json").unlink()
    (folder / "common" / "release.json").mkdir()
    (folder / "index.yml").write_text("common: [theirs.pem]\n")
    check()
    found = [(each["kind"], each["name"]) for each in reload(directory).differences]
    assert ("changed", "common/release.json") in found
    assert (folder / "index.yml").read_text() == "common: [theirs.pem]\n"
    assert release.publications.get().last_error


def test_an_older_release_of_ours_is_still_put_right(
    check: Callable[[], None],
    operator: User,
    store: Store,
    objects: ObjectStore,
    group: Group,
    release: Release,
    other_authority: Authority,
) -> None:
    add_to_group(operator, group, other_authority)
    newest = published(operator, group)
    for name, content in (("", release.manifest.encode()), (".sig", bytes(release.signature or b""))):
        objects.put(f"common/release.json{name}", content)
    check()
    assert objects.get("common/release.json") == newest.manifest.encode()


def test_a_store_that_is_connected_again_is_ahead_too(
    operator: User, store: Store, place: Store, ahead: Release
) -> None:
    """The backup may be older than the store's connection."""
    Release.objects.filter(number__gt=1).delete()
    stores.disconnect_store(operator, store, typed=store.name)
    place.pk = None
    again = stores.connect_store(operator, place)
    assert reload(again).state == Store.State.NEWER


def test_a_call_of_the_deployment_marks_nothing_live_meanwhile(
    check: Callable[[], None], operator: User, store: Store, ahead: Release
) -> None:
    _, token = live.create_cluster(operator, "fra", store)
    check()
    with pytest.raises(Refused, match="newer release"):
        live.called(token)
    assert Cluster.objects.get().live is None


def test_the_pages_say_so_and_one_click_goes_on(
    check: Callable[[], None], store: Store, operator: User, ahead: Release, client_of: Callable[[User], Client]
) -> None:
    check()
    client = client_of(operator)
    said = "Release 3 is ours, and this database does not know it"
    page = client.get(f"/trust/stores/{store.pk}/").content.decode()
    assert said in page
    assert "Go on from release 3<" in page
    assert said in client.get("/").content.decode()
    releases = client.get("/trust/releases/").content.decode()
    assert "is ahead of this database" in releases
    assert "Publish release" not in releases
    assert "Adopt" not in client.get(f"/trust/stores/{store.pk}/contents/").content.decode()
    answer = client.post(f"/trust/stores/{store.pk}/go-on/", follow=True).content.decode()
    assert "Release 3 is known again" in answer
    assert said not in client.get("/").content.decode()


def test_a_second_click_is_refused(check: Callable[[], None], operator: User, store: Store, ahead: Release) -> None:
    check()
    shown = reload(store)
    going_on.go_on(operator, shown)
    with pytest.raises(Refused):
        going_on.go_on(operator, shown)
    assert Record.objects.filter(action="store.went-on").count() == 1
