"""Object stores: a directory and a bucket keep the same promises."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from core.store import Bucket, DirectoryStore, ObjectStore, S3Store, StoreError
from tests.stores import Way, s3_server, s3_store, way_to


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def reachable(settings: Settings) -> None:
    settings.PRIVATE_HOSTS = ["127.0.0.1"]


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, endpoint: str, reachable: None) -> ObjectStore:
    if request.param == "directory":
        return DirectoryStore(tmp_path)
    return s3_store(endpoint, prefix=f"{request.node.name}/")


@pytest.fixture
def way(endpoint: str, reachable: None) -> Iterator[Way]:
    with way_to(endpoint) as made:
        yield made


@pytest.fixture
def far_store(way: Way, request: pytest.FixtureRequest) -> S3Store:
    return s3_store(way.address, prefix=request.node.name, seconds=1)


def test_what_was_put_is_what_one_gets(store: ObjectStore) -> None:
    store.put("common/a.pem", b"\x00bytes\r\n")
    assert store.get("common/a.pem") == b"\x00bytes\r\n"


def test_a_missing_object_is_none(store: ObjectStore) -> None:
    assert store.get("common/nothing.pem") is None


def test_an_empty_object_is_not_a_missing_one(store: ObjectStore) -> None:
    store.put("index.yml", b"")
    assert store.get("index.yml") == b""


def test_a_second_put_replaces_the_first(store: ObjectStore) -> None:
    store.put("index.yml", b"one")
    store.put("index.yml", b"two")
    assert store.get("index.yml") == b"two"


def test_listing_gives_the_names_below_a_prefix(store: ObjectStore) -> None:
    for name in ("index.yml", "common/b.pem", "common/a.pem"):
        store.put(name, b"x")
    assert store.list("common/") == ["common/a.pem", "common/b.pem"]


def test_deleting_twice_is_deleting_once(store: ObjectStore) -> None:
    store.put("common/a.pem", b"x")
    store.delete("common/a.pem")
    store.delete("common/a.pem")
    assert store.get("common/a.pem") is None


@pytest.mark.parametrize(
    "name", ["../outside", "a/../../outside", "/etc/hostname", "", "a//b", "a/./b", "a\x00b", "a\\b"]
)
def test_names_stay_inside_the_store(store: ObjectStore, name: str) -> None:
    with pytest.raises(StoreError, match="leads out of the store"):
        store.get(name)
    with pytest.raises(StoreError, match="leads out of the store"):
        store.put(name, b"x")


def test_names_may_hold_blanks_and_letters_of_any_script(store: ObjectStore) -> None:
    store.put("common/Acme Größe +1%20.pem", b"x")
    assert store.list("common/") == ["common/Acme Größe +1%20.pem"]


# ------------------------------------------------------------------------------------------------- directories


def test_a_link_that_leads_out_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "store"
    inside.mkdir()
    (tmp_path / "secret").write_text("secret")
    (inside / "index.yml").symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError, match="link that leads out"):
        DirectoryStore(inside).get("index.yml")


def test_a_directory_that_is_not_there_is_a_fault_and_not_an_empty_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not there"):
        DirectoryStore(tmp_path / "unmounted").get("index.yml")


def test_a_failed_write_leaves_the_old_content_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DirectoryStore(tmp_path)
    store.put("index.yml", b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.put("index.yml", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["index.yml"]
    assert store.get("index.yml") == b"old"


def test_a_reader_never_sees_a_part_of_a_file(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    contents = {letter * 400_000 for letter in (b"a", b"b")}
    store.put("index.yml", b"a" * 400_000)
    seen: set[bytes | None] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(store.get("index.yml"))

    reader = threading.Thread(target=read)
    reader.start()
    for letter in (b"a", b"b") * 20:
        store.put("index.yml", letter * 400_000)
    done.set()
    reader.join()
    assert seen <= contents


# ------------------------------------------------------------------------------------------------------------- S3


def test_a_private_endpoint_is_refused_unless_it_is_configured(endpoint: str, settings: Settings) -> None:
    settings.PRIVATE_HOSTS = []
    with pytest.raises(StoreError, match="CERTADMIN_PRIVATE_HOSTS"):
        s3_store(endpoint).get("index.yml")


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[::1]", "10.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "100.64.0.1"]
)
def test_addresses_that_are_not_public_are_refused(host: str, settings: Settings) -> None:
    settings.PRIVATE_HOSTS = []
    with pytest.raises(StoreError, match="private network"):
        s3_store(f"http://{host}:9").get("index.yml")


@pytest.mark.parametrize("fault", ["500", "cut", "half", "slow"])
def test_a_bad_answer_is_a_store_error_within_its_time(far_store: S3Store, way: Way, fault: str) -> None:
    far_store.put("index.yml", b"content")
    way.fault = lambda method, path: fault
    with pytest.raises(StoreError, match="Cannot read index"):
        far_store.get("index.yml")


def test_nothing_is_sent_twice(far_store: S3Store, way: Way) -> None:
    sent: list[str] = []

    def fail(method: str, path: str) -> str:
        sent.append(method)
        return "500"

    way.fault = fail
    with pytest.raises(StoreError, match="Cannot write index"):
        far_store.put("index.yml", b"content")
    assert sent == ["PUT"]


def test_a_store_that_does_not_listen_is_a_store_error(reachable: None) -> None:
    with pytest.raises(StoreError, match="does not answer"):
        s3_store("http://127.0.0.1:9").get("index.yml")


def test_a_missing_bucket_is_not_an_empty_store(endpoint: str, reachable: None) -> None:
    bucket = Bucket("another", endpoint=endpoint)
    with pytest.raises(StoreError, match="NoSuchBucket"):
        S3Store(bucket, access_key="key", secret_key="secret").get("index.yml")
