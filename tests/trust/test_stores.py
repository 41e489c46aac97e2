"""Connecting a store: read first; what others wrote is adopted or replaced, never just overwritten."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import User
from audit.models import Record
from cas.models import Authority
from core.errors import Forbidden, Refused
from core.store import DirectoryStore, ObjectStore
from tests.pki.makers import Made, at, make_issuing, to_pem
from tests.stores import read_as_network_server
from trust.models import Group, Publication, Release, Store
from trust.services import stores
from trust.services.drafts import newest_release
from trust.services.opening import open_store
from trust.services.releases import publish_release
from trust.tasks import check_stores, publish, sweep


@pytest.fixture
def theirs(objects: ObjectStore, issuing: Made, other_issuing: Made) -> bytes:
    """A store as many operators have it today; returns its index."""
    index = b"# by hand\ncommon:\n- common.pem\n- ampere.pem\n"
    objects.put("common/common.pem", b"Kestrel\n" + issuing.pem)
    objects.put("common/ampere.pem", other_issuing.pem)
    objects.put("index.yml", index)
    return index


def test_an_empty_store_is_ours(operator: User, place: Store, objects: ObjectStore, group: Group) -> None:
    assert stores.connect_store(operator, place).state == Store.State.OURS
    assert objects.list("") == []


def test_a_new_store_gets_the_newest_release(
    operator: User, place: Store, objects: ObjectStore, group: Group, trusted: Authority, issuing: Made
) -> None:
    publish_release(operator, group)
    stores.connect_store(operator, place)
    sweep()
    assert read_as_network_server(objects) == (issuing.der,)


def test_an_index_of_somebody_else_is_left_alone(
    operator: User, place: Store, objects: ObjectStore, group: Group, trusted: Authority, theirs: bytes
) -> None:
    publish_release(operator, group)
    store = stores.connect_store(operator, place)
    release = publish_release(operator, group)
    sweep()
    assert store.state == Store.State.FOREIGN
    assert objects.get("index.yml") == theirs
    assert release.publications.get().state == Publication.State.QUEUED


def test_an_empty_index_of_somebody_else_is_left_alone_too(
    operator: User, place: Store, objects: ObjectStore, group: Group
) -> None:
    objects.put("index.yml", b"")
    assert stores.connect_store(operator, place).state == Store.State.FOREIGN


def test_an_index_that_we_wrote_is_ours(
    operator: User, store: Store, objects: ObjectStore, group: Group, trusted: Authority
) -> None:
    release = publish_release(operator, group)
    publish(release.publications.get().pk)
    stores.disconnect_store(operator, store, typed="main")
    again = Store(**{each: getattr(store, each) for each in ("name", "kind", "directory", "endpoint", "bucket")})
    again.prefix, again.region = store.prefix, store.region
    assert stores.connect_store(operator, again).state == Store.State.OURS


def test_adopting_makes_authorities_and_a_release_of_the_same_set(
    operator: User, place: Store, objects: ObjectStore, group: Group, theirs: bytes, issuing: Made, other_issuing: Made
) -> None:
    store = stores.connect_store(operator, place)
    release = stores.adopt_store(operator, store)
    publish(release.publications.get().pk)
    assert release.number == 1
    assert set(read_as_network_server(objects)) == {issuing.der, other_issuing.der}
    assert set(Authority.objects.values_list("origin", "state")) == {("found", "approved")}
    assert Record.objects.filter(action="store.adopted").count() == 1


def test_an_authority_that_is_known_already_stays_what_it_is(
    operator: User, place: Store, theirs: bytes, group: Group, authority: Authority
) -> None:
    release = stores.adopt_store(operator, stores.connect_store(operator, place))
    authority.refresh_from_db()
    assert authority.origin == Authority.Origin.UPLOADED
    assert release.authorities.filter(pk=authority.pk).exists()


def test_what_the_adopted_index_named_stays_for_its_readers(
    operator: User, place: Store, objects: ObjectStore, theirs: bytes, group: Group, other_issuing: Made
) -> None:
    release = stores.adopt_store(operator, stores.connect_store(operator, place))
    publish(release.publications.get().pk)
    assert objects.get("common/ampere.pem") == other_issuing.pem


def test_an_expired_certificate_is_adopted_and_left_out_of_the_release(
    operator: User, place: Store, objects: ObjectStore, group: Group, root: Made, issuing: Made
) -> None:
    old = make_issuing(root, "Old CA", not_before=at(2015), not_after=at(2020))
    objects.put("common/all.pem", old.pem + issuing.pem)
    objects.put("index.yml", b"common: [all.pem]\n")
    release = stores.adopt_store(operator, stores.connect_store(operator, place))
    assert [each.sha256 for each in release.authorities.all()] == [issuing.sha256]
    assert Authority.objects.filter(sha256=old.sha256).exists()


@pytest.mark.parametrize(
    ("index", "why"),
    [
        (b"common: [missing.pem]\n", "is not there"),
        (b"common: [empty.pem]\n", "holds no certificate"),
        (b"\x00\xff garbage: [", "cannot be read"),
        (b"common: [../../etc/passwd]\n", "outside of the store"),
        (b"common:\n" + b"- x.pem\n" * 300, "more than the 200"),
    ],
)
def test_what_no_network_server_could_read_is_said_and_not_adopted(
    operator: User, place: Store, objects: ObjectStore, group: Group, index: bytes, why: str
) -> None:
    objects.put("common/empty.pem", b"nothing")
    objects.put("index.yml", index)
    store = stores.connect_store(operator, place)
    with pytest.raises(Refused, match=why):
        stores.adopt_store(operator, store)
    assert store.state == Store.State.FOREIGN
    assert not Release.objects.exists()


def test_adopting_what_changed_since_one_looked_is_refused(
    operator: User, place: Store, objects: ObjectStore, group: Group, theirs: bytes, issuing: Made
) -> None:
    """Row 16. Falls with: comparing `seen` in trust.services.stores._foreign_contents."""
    store = stores.connect_store(operator, place)
    seen = stores.read(store).sha256
    objects.put("common/ampere.pem", issuing.pem)
    with pytest.raises(Refused, match="has changed since you looked"):
        stores.adopt_store(operator, store, seen=seen)


def test_replacing_wants_the_name_of_the_store(operator: User, place: Store, theirs: bytes, group: Group) -> None:
    store = stores.connect_store(operator, place)
    with pytest.raises(Refused, match="Type “main”"):
        stores.replace_store(operator, store, typed="other")
    store.refresh_from_db()
    assert store.state == Store.State.FOREIGN


def test_replacing_publishes_the_newest_release_over_it_and_records_what_is_lost(
    operator: User, place: Store, objects: ObjectStore, group: Group, trusted: Authority,
    theirs: bytes, issuing: Made, other_issuing: Made,
) -> None:  # fmt: skip
    publish_release(operator, group)
    publication = stores.replace_store(operator, stores.connect_store(operator, place), typed="main")
    assert publication is not None
    publish(publication.pk)
    assert read_as_network_server(objects) == (issuing.der,)
    assert set(Record.objects.get(action="store.replaced").details["lost"]) == {issuing.sha256, other_issuing.sha256}


def test_a_store_replaced_before_the_first_release_stands_until_then(
    operator: User, place: Store, objects: ObjectStore, group: Group, trusted: Authority, theirs: bytes, issuing: Made
) -> None:
    assert stores.replace_store(operator, stores.connect_store(operator, place), typed="main") is None
    assert objects.get("index.yml") == theirs
    publish(publish_release(operator, group).publications.get().pk)
    assert read_as_network_server(objects) == (issuing.der,)


def test_an_index_that_came_after_the_decision_to_replace_is_not_covered_by_it(
    operator: User, place: Store, objects: ObjectStore, group: Group, trusted: Authority, theirs: bytes
) -> None:
    store = stores.connect_store(operator, place)
    stores.replace_store(operator, store, typed="main")
    objects.put("index.yml", b"common: [ampere.pem]\n")
    publish(publish_release(operator, group).publications.get().pk)
    store.refresh_from_db()
    assert store.state == Store.State.FOREIGN
    assert objects.get("index.yml") == b"common: [ampere.pem]\n"


@pytest.mark.parametrize("act", [stores.adopt_store, lambda who, store: stores.replace_store(who, store, typed="main")])
def test_only_an_operator_decides_about_a_store(
    act: Callable[[User, Store], object], operator: User, auditor: User, place: Store, theirs: bytes, group: Group
) -> None:
    store = stores.connect_store(operator, place)
    with pytest.raises(Forbidden):
        act(auditor, store)


@pytest.mark.parametrize("path", ["/etc", "relative", "/var/lib/../../etc", ""])
def test_a_directory_outside_of_the_roots_is_refused(operator: User, roots: Path, group: Group, path: str) -> None:
    with pytest.raises(Refused, match="Choose a directory below"):
        stores.connect_store(operator, Store(name="x", kind="directory", directory=path))


def test_a_link_that_leads_out_of_the_roots_is_refused(operator: User, roots: Path, group: Group) -> None:
    (roots / "link").symlink_to("/etc")
    with pytest.raises(Refused, match="Choose a directory below"):
        stores.connect_store(operator, Store(name="x", kind="directory", directory=str(roots / "link" / "y")))


def test_a_private_endpoint_is_refused(operator: User, roots: Path, group: Group, settings: Settings) -> None:
    settings.PRIVATE_HOSTS = []
    with pytest.raises(Refused, match="CERTADMIN_PRIVATE_HOSTS"):
        stores.connect_store(operator, Store(name="x", kind="s3", endpoint="http://169.254.169.254", bucket="b"))


def test_a_place_is_connected_once(operator: User, store: Store) -> None:
    again = Store(name="again", **{each: getattr(store, each) for each in ("kind", "directory", "endpoint", "bucket")})
    again.prefix = store.prefix
    with pytest.raises(Refused, match="connected as a store already"):
        stores.connect_store(operator, again)


def test_the_first_store_comes_from_the_environment(roots: Path, group: Group, settings: Settings) -> None:
    settings.FIRST_STORE = f"directory:{roots / 'first'}"
    store = stores.connect_first_store()
    assert store is not None
    assert (store.name, store.state) == ("main", Store.State.OURS)
    assert stores.connect_first_store() is None


def test_the_first_store_may_lie_outside_of_the_roots(tmp_path: Path, group: Group, settings: Settings) -> None:
    settings.STORE_ROOTS, settings.FIRST_STORE = [tmp_path / "roots"], f"directory:{tmp_path / 'srv'}"
    assert stores.connect_first_store() is not None


def test_the_first_store_may_be_a_bucket(roots: Path, group: Group, settings: Settings, endpoint: str) -> None:
    settings.FIRST_STORE, settings.S3_ENDPOINT, settings.S3_BUCKET = "s3", endpoint, "trust"
    settings.S3_PREFIX = f"first-{roots.name}"
    store = stores.connect_first_store()
    assert store is not None
    assert store.state == Store.State.OURS


def test_a_first_store_that_does_not_answer_is_read_later(
    roots: Path, group: Group, operator: User, settings: Settings, endpoint: str, trusted: Authority, issuing: Made
) -> None:
    settings.FIRST_STORE, settings.S3_ENDPOINT, settings.S3_BUCKET = "s3", "http://127.0.0.1:9", "trust"
    settings.S3_PREFIX = f"late-{roots.name}"
    store = stores.connect_first_store()
    assert store is not None
    assert (store.state, store.trouble) == (Store.State.UNREAD, Store.Trouble.FAILING)
    publish_release(operator, group)
    Store.objects.update(endpoint=endpoint)  # it answers now
    check_and_publish()
    store.refresh_from_db()
    assert (store.state, store.trouble, store.complaint) == (Store.State.OURS, Store.Trouble.NONE, "")
    assert read_as_network_server(open_store(store)) == (issuing.der,)


def test_no_first_store_is_no_fault(db: None, settings: Settings) -> None:
    settings.FIRST_STORE = "none"
    assert stores.connect_first_store() is None


def test_twins_and_junk_of_a_foreign_bundle_are_read_as_the_server_reads_them(
    operator: User, roots: Path, group: Group, issuing: Made
) -> None:
    objects = DirectoryStore(roots)
    objects.put("common/a.pem", b"text\n" + issuing.pem + to_pem(b"junk") + issuing.pem)
    objects.put("index.yml", b"common: [a.pem]\n")
    store = stores.connect_store(operator, Store(name="x", kind="directory", directory=str(roots)))
    assert stores.read(store).certificates == (issuing.der,)
    assert stores.adopt_store(operator, store) == newest_release(group)


def check_and_publish() -> None:
    check_stores()
    sweep()
