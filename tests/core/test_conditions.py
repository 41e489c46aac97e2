"""What a store honours is found out by trying, also with stores that say one thing and do another."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from core.conditions import Conditions, probe
from core.store import ABSENT, DirectoryStore, Overtaken, Stored, StoreError
from tests.stores import s3_server, s3_store


class Shelf:
    """A store in memory that honours what it is told to honour."""

    def __init__(self, *, create: str = "yes", replace: str = "quoted") -> None:
        self.create, self.replace = create, replace
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def read(self, name: str) -> Stored | None:
        content = self.get(name)
        return None if content is None else Stored(content, f'"{hashlib.sha256(content).hexdigest()}"')

    def get(self, name: str) -> bytes | None:
        return self.objects.get(name)

    def put(self, name: str, content: bytes, *, only_if: str = "") -> None:
        with self._lock:
            self._check(name, only_if)
            self.objects[name] = content

    def list(self, prefix: str) -> list[str]:
        return sorted(name for name in self.objects if name.startswith(prefix))

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)

    def _check(self, name: str, only_if: str) -> None:
        how = self.create if only_if == ABSENT else self.replace
        if not only_if or how == "ignored":
            return
        if how == "unknown":
            raise StoreError("501")
        if only_if == ABSENT:
            if name in self.objects and not (how == "not-atomic" and name.endswith("race")):
                raise Overtaken("412")
            return
        found = self.read(name)
        etag = found.etag if found else ""
        if only_if != (etag.strip('"') if how == "bare" else etag):
            raise Overtaken("412")


@pytest.mark.parametrize("create", ["yes", "ignored", "unknown", "not-atomic"])
@pytest.mark.parametrize("replace", ["quoted", "bare", "ignored", "unknown"])
def test_only_what_is_really_honoured_counts(create: str, replace: str) -> None:
    shelf = Shelf(create=create, replace=replace)
    form = replace if replace in ("quoted", "bare") else ""
    assert probe(shelf) == Conditions(create == "yes", form)  # type: ignore[arg-type]  # one of the three
    assert shelf.objects == {}


def test_a_store_that_cannot_be_written_is_a_store_error() -> None:
    class Full(Shelf):
        def put(self, name: str, content: bytes, *, only_if: str = "") -> None:
            raise StoreError("Full.")

    with pytest.raises(StoreError, match="Full"):
        probe(Full())


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address


def test_a_real_s3_server_is_left_as_it_was(endpoint: str, settings: Settings) -> None:
    settings.PRIVATE_HOSTS = ["127.0.0.1"]
    objects = s3_store(endpoint, prefix="tried")
    assert probe(objects).replace == "quoted"
    assert objects.list("") == []


def test_a_directory_knows_no_conditions(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="knows no conditions"):
        DirectoryStore(tmp_path).put("index.yml", b"x", only_if=ABSENT)
