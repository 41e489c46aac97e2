"""The world of the trust tests: authorities of real certificates, stores that are really read and written."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import User, Vendor
from cas.models import Authority
from core import bell
from core.store import DirectoryStore, ObjectStore
from pki.facts import read_certificate
from tests.pki.makers import Made, make_issuing, make_root
from tests.stores import BUCKET, s3_server, s3_store
from trust.models import Group, Store
from trust.services import stores
from trust.services.groups import add_to_group, common
from trust.tasks import check_stores


@pytest.fixture
def group(db: None) -> Group:
    return common()


@pytest.fixture(scope="session")
def root() -> Made:
    return make_root()


@pytest.fixture
def authority_of(db: None) -> Callable[..., Authority]:
    """Put a certificate into the database as an approved authority."""

    def save(made: Made, vendor: Vendor | None = None, state: str = "approved") -> Authority:
        facts = read_certificate(made.der)
        authority = Authority.from_facts(facts, origin=Authority.Origin.UPLOADED, vendor=vendor, state=state)
        authority.save()
        return authority

    return save


@pytest.fixture(scope="session")
def issuing(root: Made) -> Made:
    return make_issuing(root, "Kestrel Issuing CA", not_after=_far())


@pytest.fixture(scope="session")
def other_issuing(root: Made) -> Made:
    return make_issuing(root, "Ampere Issuing CA", not_after=_far())


@pytest.fixture
def authority(authority_of: Callable[..., Authority], issuing: Made, vendor: Vendor) -> Authority:
    return authority_of(issuing, vendor)


@pytest.fixture
def other_authority(authority_of: Callable[..., Authority], other_issuing: Made, other_vendor: Vendor) -> Authority:
    return authority_of(other_issuing, other_vendor)


@pytest.fixture
def trusted(operator: User, group: Group, authority: Authority) -> Authority:
    """An authority in the group."""
    add_to_group(operator, group, authority)
    return authority


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def roots(settings: Settings, tmp_path: Path) -> Path:
    settings.STORE_ROOTS = [tmp_path]
    settings.PRIVATE_HOSTS = ["127.0.0.1"]
    settings.S3_ACCESS_KEY_ID, settings.S3_SECRET_ACCESS_KEY = "key", "secret"
    settings.FIRST_STORE = "none"
    return tmp_path


@pytest.fixture(params=["directory", "s3"])
def place(request: pytest.FixtureRequest, roots: Path) -> Store:
    """An unsaved store, of each kind, where nothing is yet."""
    if request.param == "directory":
        return Store(name="main", kind=Store.Kind.DIRECTORY, directory=str(roots / "main"))
    address = request.getfixturevalue("endpoint")
    prefix = f"{request.node.name}-{roots.name}"
    return Store(name="main", kind=Store.Kind.S3, endpoint=address, bucket=BUCKET, prefix=prefix, region="us-east-1")


@pytest.fixture
def objects(place: Store) -> ObjectStore:
    """What the store holds, seen from outside."""
    if place.kind == Store.Kind.S3:
        return s3_store(place.endpoint, prefix=place.prefix)
    Path(place.directory).mkdir()
    return DirectoryStore(Path(place.directory))


@pytest.fixture
def store(operator: User, place: Store, objects: ObjectStore) -> Store:
    """A connected store of ours."""
    return stores.connect_store(operator, place)


@pytest.fixture
def directory(operator: User, roots: Path) -> Store:
    """A connected directory."""
    place = Store(name="main", kind=Store.Kind.DIRECTORY, directory=str(roots / "main"))
    return stores.connect_store(operator, place)


def _far() -> datetime:
    return datetime(2045, 1, 1, tzinfo=UTC)


@pytest.fixture
def check(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Callable[[], None]:
    """The scheduled check; what it rings for runs here and at once."""

    def run() -> None:
        with bell.in_process(), django_capture_on_commit_callbacks(execute=True):
            check_stores()

    return run
