"""A store of another make: Ceph's gateway checks signatures and conditions, as real ones do."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from cas.models import Authority
from core.conditions import Conditions, probe, written_tag
from core.store import ABSENT, Bucket, Overtaken, S3Store, StoreError
from tests.ceph import Ceph, ceph
from tests.pki.makers import Made
from tests.stores import read_as_network_server
from trust.models import Group, Store
from trust.services import stores
from trust.services.checking import check_store
from trust.services.groups import add_to_group
from trust.services.releases import publish_release
from trust.tasks import publish

pytestmark = pytest.mark.slow
BUCKET = "trust"


@pytest.fixture(scope="module")
def gateway() -> Iterator[Ceph]:
    with ceph() as running:
        for user in ("certadmin", "stranger"):
            running.add_user(user)
        running.make_bucket(BUCKET, "certadmin")
        yield running


@pytest.fixture
def reachable(settings: Settings) -> None:
    settings.PRIVATE_HOSTS = ["127.0.0.1"]
    settings.FIRST_STORE = "none"
    settings.S3_ACCESS_KEY_ID, settings.S3_SECRET_ACCESS_KEY = "certadmin", "certadmin-secret"


@pytest.fixture
def objects(gateway: Ceph, reachable: None, request: pytest.FixtureRequest) -> S3Store:
    return gateway.store(BUCKET, "certadmin", prefix=request.node.name)


@pytest.fixture
def store(gateway: Ceph, operator: User, reachable: None, request: pytest.FixtureRequest) -> Store:
    place = Store(name="rgw", kind="s3", endpoint=gateway.endpoint, bucket=BUCKET, prefix=request.node.name)
    return stores.connect_store(operator, place)


def test_what_the_store_honours_is_found_out_and_nothing_of_the_trial_stays(objects: S3Store) -> None:
    """Ceph 16 wants the entity tag of If-Match without its quotes."""
    assert probe(objects) == Conditions(create=True, replace="bare")
    assert objects.list("") == []


def test_a_condition_that_does_not_hold_changes_nothing(objects: S3Store) -> None:
    objects.put("index.yml", b"one", only_if=ABSENT)
    found = objects.read("index.yml")
    assert found is not None
    objects.put("index.yml", b"two")
    for condition in (ABSENT, written_tag(found.etag, "bare")):
        with pytest.raises(Overtaken, match="PreconditionFailed"):
            objects.put("index.yml", b"three", only_if=condition)
    assert objects.get("index.yml") == b"two"


def test_a_release_reaches_it_under_a_condition(
    store: Store, objects: S3Store, operator: User, group: Group, trusted: Authority,
    other_authority: Authority, issuing: Made, other_issuing: Made,
) -> None:  # fmt: skip
    assert (store.creates_once, store.tag_form) == (True, "bare")
    publish(publish_release(operator, group).publications.get().pk)
    assert read_as_network_server(objects) == (issuing.der,)
    add_to_group(operator, group, other_authority)
    publish(publish_release(operator, group).publications.get().pk)
    assert set(read_as_network_server(objects)) == {issuing.der, other_issuing.der}


def test_who_may_not_read_is_told_that_it_is_the_permission(
    gateway: Ceph, store: Store, operator: User, group: Group, trusted: Authority, settings: Settings
) -> None:
    publish(publish_release(operator, group).publications.get().pk)
    settings.S3_ACCESS_KEY_ID, settings.S3_SECRET_ACCESS_KEY = "stranger", "stranger-secret"
    check_store(store.pk)
    store.refresh_from_db()
    assert (store.trouble, "AccessDenied" in store.complaint) == (Store.Trouble.FORBIDDEN, True)


def test_a_wrong_secret_is_refused(gateway: Ceph, reachable: None) -> None:
    impostor = S3Store(Bucket(BUCKET, endpoint=gateway.endpoint), access_key="certadmin", secret_key="guessed")
    with pytest.raises(StoreError, match="SignatureDoesNotMatch"):
        impostor.get("index.yml")
