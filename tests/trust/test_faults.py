"""Stores that fail in every way, and workers that meet: readers see a whole release all the while."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from cas.models import Authority
from core import clock
from core.store import DirectoryStore
from pki.bundle import read_strictly
from tests.pki.makers import Made, make_issuing
from tests.stores import BUCKET, Way, polling, read_as_network_server, s3_store, way_to
from trust.models import Group, Publication, Store
from trust.services import publication, stores
from trust.services.groups import add_to_group
from trust.services.releases import publish_release
from trust.tasks import check_stores, publish, sweep

FAULTS = ("500", "lose")  # before it was done, and after
REQUESTS = 11  # at least as many as one publication makes


class Slow(DirectoryStore):
    """A directory whose every change takes a while, so that two workers would meet in it."""

    def put(self, name: str, content: bytes, *, only_if: str = "") -> None:
        time.sleep(random.choice((0, 0, 0.15)))
        super().put(name, content, only_if=only_if)


@pytest.fixture
def way(endpoint: str) -> Iterator[Way]:
    with way_to(endpoint) as made:
        yield made


@pytest.fixture
def bucket(operator: User, roots: Path, way: Way, settings: Settings) -> Store:
    settings.LEASE_SECONDS = 3
    place = Store(name="s3", kind="s3", endpoint=way.address, bucket=BUCKET, prefix=roots.name)
    return stores.connect_store(operator, place)


def test_a_bucket_behind_a_bad_way_always_shows_a_whole_release_and_catches_up(
    bucket: Store, way: Way, endpoint: str, operator: User, group: Group, trusted: Authority,
    authority_of: Callable[..., Authority], root: Made,
) -> None:  # fmt: skip
    """G7. Falls with: the order of the `_put` calls in trust.services.publication.write."""
    objects = s3_store(endpoint, prefix=bucket.prefix)
    publish(publish_release(operator, group).publications.get().pk)
    with polling(objects) as seen:
        for at, fault in itertools.product(range(REQUESTS), FAULTS):
            way.fault = fail_at(at, fault)
            add_to_group(operator, group, authority_of(make_issuing(root, f"CA {at} {fault}")))
            publish(publish_release(operator, group).publications.get().pk)
    assert [each for each in seen if isinstance(each, Exception)] == []
    assert Publication.objects.filter(state=Publication.State.SUPERSEDED).count() > REQUESTS  # the way was bad
    way.fault = lambda method, path: None
    with clock.at(clock.now() + timedelta(hours=1)):
        sweep()
        newest = Publication.objects.newest_first()[0]
        assert newest.state == Publication.State.PUBLISHED
        assert read_as_network_server(objects) == read_strictly(bytes(newest.release.bundle))


def test_a_lost_answer_is_a_success_at_the_next_try(
    bucket: Store, way: Way, endpoint: str, operator: User, group: Group, trusted: Authority
) -> None:
    way.fault = lambda method, path: "lose" if method == "PUT" else None
    release = publish_release(operator, group)
    for hour in range(17):  # one step further each time
        with clock.at(clock.now() + timedelta(hours=hour)):
            sweep()
    assert release.publications.get().state == Publication.State.PUBLISHED
    assert len(read_as_network_server(s3_store(endpoint, prefix=bucket.prefix))) == 1


def test_a_slow_store_is_given_up_before_the_lease_ends(
    bucket: Store, way: Way, operator: User, group: Group, trusted: Authority
) -> None:
    way.fault = lambda method, path: "slow"
    begun = time.monotonic()
    publish(publish_release(operator, group).publications.get().pk)
    assert time.monotonic() - begun < 3
    assert Publication.objects.get().state == Publication.State.QUEUED


@pytest.mark.django_db(transaction=True)
def test_workers_that_meet_in_one_store_never_put_an_older_release_after_a_newer(
    operator: User, roots: Path, group: Group, trusted: Authority, authority_of: Callable[..., Authority],
    root: Made, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    stores.connect_store(operator, Store(name="main", kind="directory", directory=str(roots / "main")))
    monkeypatch.setattr(publication, "open_store", lambda store: Slow(Path(store.directory)))
    objects, stop, failures = DirectoryStore(roots / "main"), threading.Event(), list[BaseException]()
    publish(publish_release(operator, group).publications.get().pk)

    def work() -> None:
        try:
            while not stop.is_set():
                for pk in Publication.objects.unfinished().values_list("pk", flat=True):
                    publish(pk)
                sweep()
        except BaseException as error:  # noqa: BLE001  told below
            failures.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    with polling(objects) as seen:
        for worker in workers:
            worker.start()
        for number in range(16):
            add_to_group(operator, group, authority_of(make_issuing(root, f"CA {number}")))
            publish_release(operator, group)
            time.sleep(0.05)
        wait_for_all()
        stop.set()
        for worker in workers:
            worker.join()
    assert failures == []
    sizes = [len(each) if isinstance(each, tuple) else str(each) for each in seen]
    assert sizes == sorted(sizes, key=lambda size: size if isinstance(size, int) else 0)  # each release is larger
    states = list(Publication.objects.newest_first().values_list("state", flat=True))
    assert states[0] == Publication.State.PUBLISHED
    newest = Publication.objects.newest_first()[0].release
    assert read_as_network_server(objects) == read_strictly(bytes(newest.bundle))
    check_stores()
    assert not Store.objects.exclude(trouble="").exists()


def fail_at(position: int, fault: str) -> Callable[[str, str], str | None]:
    """One fault, at the request of that position."""
    count = itertools.count()
    return lambda method, path: fault if next(count) == position else None


def wait_for_all() -> None:
    end = time.monotonic() + 20
    while Publication.objects.unfinished().exists():
        if time.monotonic() > end:
            raise TimeoutError("publications stay unfinished")
        time.sleep(0.05)
