"""The pages of releases and stores: who may open them, and what they do."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock
from core.store import DirectoryStore
from gateways.models import Gateway
from tests.pki.makers import Made
from tests.stores import read_as_network_server
from trust.models import Group, Publication, Release, Store
from trust.services import stores
from trust.services.drafts import draft
from trust.services.groups import add_to_group, remove_from_group
from trust.services.releases import publish_release
from trust.tasks import publish

ClientOf = Callable[[User], Client]
READ = ["/trust/releases/", "/trust/releases/{release}/", "/trust/releases/{release}/publications/",
        "/trust/releases/{release}/bundle.pem", "/trust/stores/", "/trust/stores/{store}/",
        "/trust/stores/{store}/contents/"]  # fmt: skip
ACTS = ["/trust/releases/publish/", "/trust/stores/{store}/adopt/", "/trust/stores/{store}/replace/",
        "/trust/stores/{store}/check/", "/trust/stores/{store}/disconnect/"]  # fmt: skip


@pytest.fixture
def release(operator: User, directory: Store, group: Group, trusted: Authority) -> Release:
    return publish_release(operator, group, "The first vendors")


@pytest.fixture
def foreign(operator: User, roots: Path, group: Group, issuing: Made, other_issuing: Made) -> Store:
    theirs = DirectoryStore(roots)
    theirs.put("theirs/common/all.pem", issuing.pem + other_issuing.pem)
    theirs.put("theirs/index.yml", b"common: [all.pem]\n")
    return stores.connect_store(operator, Store(name="fra-2", kind="directory", directory=str(roots / "theirs")))


def path_of(path: str, release: Release) -> str:
    return path.format(release=release.pk, store=release.publications.get().store_id)


@pytest.mark.parametrize("path", READ)
def test_operators_and_auditors_read(
    path: str, release: Release, operator: User, auditor: User, client_of: ClientOf
) -> None:
    for person in (operator, auditor):
        assert client_of(person).get(path_of(path, release)).status_code in (200, 286)


@pytest.mark.parametrize("path", [*READ, "/trust/stores/connect/"])
def test_vendors_are_refused(path: str, release: Release, vendor_user: User, client_of: ClientOf) -> None:
    assert client_of(vendor_user).get(path_of(path, release)).status_code == 403


@pytest.mark.parametrize("path", [*READ, "/trust/stores/connect/"])
def test_nobody_reads_without_signing_in(path: str, release: Release, client: Client) -> None:
    answer = client.get(path_of(path, release))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


@pytest.mark.parametrize("path", [*ACTS, "/trust/stores/connect/"])
def test_auditors_and_vendors_change_nothing(
    path: str, release: Release, auditor: User, vendor_user: User, client_of: ClientOf
) -> None:
    for person in (auditor, vendor_user):
        assert client_of(person).post(path_of(path, release)).status_code == 403


@pytest.mark.parametrize("path", ACTS)
def test_acts_are_posts(path: str, release: Release, operator: User, client_of: ClientOf) -> None:
    assert client_of(operator).get(path_of(path, release)).status_code == 405


@pytest.mark.parametrize("path", READ)
def test_pages_are_read_with_get(path: str, release: Release, operator: User, client_of: ClientOf) -> None:
    assert client_of(operator).post(path_of(path, release)).status_code == 405


def test_what_does_not_exist_is_404(db: None, operator: User, client_of: ClientOf) -> None:
    client = client_of(operator)
    for path in ("/trust/releases/99/", "/trust/releases/99/bundle.pem", "/trust/stores/99/"):
        assert client.get(path).status_code == 404


# ---------------------------------------------------------------------------------------------------- releases


def test_the_list_shows_what_would_be_published_now(
    release: Release, operator: User, group: Group, other_authority: Authority, client_of: ClientOf
) -> None:
    add_to_group(operator, group, other_authority)
    page = client_of(operator).get("/trust/releases/").content.decode()
    assert "Publish release 2" in page
    assert other_authority.name in page
    assert "Against release 1" in page


def test_an_auditor_sees_no_button(release: Release, auditor: User, client_of: ClientOf) -> None:
    assert "Publish release" not in client_of(auditor).get("/trust/releases/").content.decode()


def test_without_anything_the_list_says_what_to_do(db: None, operator: User, client_of: ClientOf) -> None:
    page = client_of(operator).get("/trust/releases/").content.decode()
    assert "No authority is in common yet" in page
    assert "No store is connected" in page


def test_publishing_makes_a_release_and_goes_to_its_page(
    directory: Store, operator: User, group: Group, trusted: Authority, client_of: ClientOf
) -> None:
    answer = client_of(operator).post("/trust/releases/publish/", {"note": "Kestrel in", "seen": draft(group).seal})
    made = Release.objects.get()
    assert answer["Location"] == f"/trust/releases/{made.pk}/"
    assert (made.note, made.released_by) == ("Kestrel in", operator)


def test_nobody_is_linked_where_nobody_is(
    directory: Store, operator: User, group: Group, trusted: Authority, vendor: Vendor, client_of: ClientOf
) -> None:
    """Falls with: `if count` in trust.views.releases._links."""
    client = client_of(operator)
    works = {"current_authority": trusted, "current_not_after": clock.now() + timedelta(days=90)}
    Gateway.objects.create(eui="58A0CBFFFE801101", vendor=vendor, **works)
    page = client.get("/trust/releases/").content.decode()
    assert "Who gains" in page
    assert "Who loses" not in page
    assert "Who is unknown" not in page
    Gateway.objects.create(eui="58A0CBFFFE801102", vendor=vendor)
    assert "Who is unknown" in client.get("/trust/releases/").content.decode()


def test_a_release_says_what_it_cost_then_and_not_who_works_by_what_it_removed_now(
    operator: User,
    group: Group,
    release: Release,
    trusted: Authority,
    other_authority: Authority,
    vendor: Vendor,
    client_of: ClientOf,
) -> None:
    works = {"current_authority": trusted, "current_not_after": clock.now() + timedelta(days=90)}
    gateway = Gateway.objects.create(eui="58A0CBFFFE801101", vendor=vendor, **works)
    add_to_group(operator, group, other_authority)
    remove_from_group(operator, group, trusted)
    made = publish_release(operator, group, reason="Alone tonight", password="lantern-harbour-42")
    Gateway.objects.filter(pk=gateway.pk).update(current_authority=None)
    page = client_of(operator).get(f"/trust/releases/{made.pk}/").content.decode()
    assert "As counted then, 1 gateway lost access and 0 gained it." in page
    assert page.count("0 gateways now") == 1  # of the one that came


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/trust/rollovers/", "Trust releases"),
        ("/trust/proxies/", "Trust releases"),
        ("/trust/groups/new/", "Trust releases"),
        ("/trust/draft/common/unknown/", "Trust releases"),
        ("/trust/clusters/", "Stores"),
        ("/trust/stores/connect/", "Stores"),
        ("/trust/preflight/", "Preflight"),
    ],
)
def test_the_navigation_marks_where_one_is(
    path: str, entry: str, group: Group, operator: User, client_of: ClientOf
) -> None:
    """Falls with: `also` in certadmin.frame."""
    page = client_of(operator).get(path).content.decode()
    navigation = page[: page.index("</nav>")]
    assert re.findall(r'aria-current="page">.*?</svg>([^<]+)', navigation, re.DOTALL) == [entry]


def test_a_double_click_publishes_once(
    directory: Store, operator: User, group: Group, trusted: Authority, client_of: ClientOf
) -> None:
    """Row 23. Falls with: the hidden field `seen` in templates/trust/_publish.html."""
    client = client_of(operator)
    shown = re.search(r'name="seen" value="(\w+)"', client.get("/trust/releases/").content.decode())
    assert shown
    fields = {"note": "", "seen": shown[1]}
    client.post("/trust/releases/publish/", fields)
    answer = client.post("/trust/releases/publish/", fields)
    assert Release.objects.count() == 1
    assert "has changed since you looked" in answer.content.decode()


def test_a_note_with_markup_is_inert(
    directory: Store, operator: User, group: Group, trusted: Authority, client_of: ClientOf
) -> None:
    release = publish_release(operator, group, "<script>alert(1)</script>")
    client = client_of(operator)
    for path in ("/trust/releases/", f"/trust/releases/{release.pk}/"):
        assert "<script>alert" not in client.get(path).content.decode()


def test_the_page_asks_again_until_the_release_stands_in_its_stores(
    release: Release, operator: User, client_of: ClientOf
) -> None:
    client, path = client_of(operator), f"/trust/releases/{release.pk}/publications/"
    waiting = client.get(f"{path}?asked=30")
    assert waiting.status_code == 200
    assert 'hx-trigger="load delay:7s"' in waiting.content.decode()
    publish(release.publications.get().pk)
    done = client.get(path)
    assert done.status_code == 286
    assert "hx-get" not in done.content.decode()


@pytest.mark.parametrize("asked", ["x", "-1", "9" * 400, "²"])
def test_an_odd_counter_does_no_harm(release: Release, operator: User, client_of: ClientOf, asked: str) -> None:
    path = f"/trust/releases/{release.pk}/publications/"
    assert client_of(operator).get(path, {"asked": asked}).status_code == 200


def test_a_fault_of_a_store_is_shown_beside_it(release: Release, operator: User, client_of: ClientOf) -> None:
    Publication.objects.update(last_error="Cannot write index.yml: No space left on device.", attempts=2)
    page = client_of(operator).get(f"/trust/releases/{release.pk}/").content.decode()
    assert "No space left on device" in page
    assert "Tried 2 times" in page


def test_the_bundle_is_downloaded_as_it_is(release: Release, operator: User, client_of: ClientOf) -> None:
    answer = client_of(operator).get(f"/trust/releases/{release.pk}/bundle.pem")
    assert answer.content == release.bundle
    assert answer["Content-Disposition"] == 'attachment; filename="common-1.pem"'


# ------------------------------------------------------------------------------------------------------ stores


def test_a_directory_is_connected(db: None, operator: User, roots: Path, client_of: ClientOf) -> None:
    fields = {"name": "ams-1", "kind": "directory", "directory": str(roots / "ams-1")}
    answer = client_of(operator).post("/trust/stores/connect/", fields)
    assert answer["Location"] == f"/trust/stores/{Store.objects.get().pk}/"


def test_a_bucket_is_connected(operator: User, roots: Path, endpoint: str, client_of: ClientOf) -> None:
    fields = {"name": "s3", "kind": "s3", "bucket": "trust", "endpoint": endpoint, "folder": "a/b/", "path_style": "on"}
    client_of(operator).post("/trust/stores/connect/", fields)
    store = Store.objects.get()
    assert (store.bucket, store.prefix, store.directory, store.path_style) == ("trust", "a/b", "", True)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"kind": "directory"}, "This kind of store needs it"),
        ({"kind": "s3", "bucket": "b", "endpoint": "http://10.0.0.1"}, "CERTADMIN_PRIVATE_HOSTS"),
        ({"kind": "s3", "bucket": "b", "endpoint": "http://127.0.0.1:9"}, "does not answer"),
        ({"kind": "directory", "directory": "/etc"}, "Choose a directory below"),
    ],
)
def test_what_cannot_be_connected_is_said_beside_the_field_and_keeps_what_was_typed(
    operator: User, roots: Path, client_of: ClientOf, fields: dict[str, str], why: str
) -> None:
    page = client_of(operator).post("/trust/stores/connect/", {"name": "x-name", **fields}).content.decode()
    assert why in page
    assert "x-name" in page
    assert not Store.objects.exists()


def test_a_foreign_store_shows_what_it_holds_and_what_would_be_lost(
    foreign: Store, operator: User, client_of: ClientOf, issuing: Made, other_issuing: Made
) -> None:
    page = client_of(operator).get(f"/trust/stores/{foreign.pk}/contents/").content.decode()
    assert "Kestrel Issuing CA" in page
    assert "Adopt 2 authorities" in page
    assert "These are lost" in page


def test_a_store_that_cannot_be_read_says_so(foreign: Store, roots: Path, operator: User, client_of: ClientOf) -> None:
    (roots / "theirs").rename(roots / "away")
    page = client_of(operator).get(f"/trust/stores/{foreign.pk}/contents/").content.decode()
    assert "It cannot be read" in page


def test_adopting_leads_to_the_release(foreign: Store, operator: User, client_of: ClientOf) -> None:
    seen = stores.read(foreign).sha256
    answer = client_of(operator).post(f"/trust/stores/{foreign.pk}/adopt/", {"seen": seen})
    release = Release.objects.get()
    assert answer["Location"] == f"/trust/releases/{release.pk}/"
    assert release.authorities.count() == 2


def test_replacing_without_the_name_is_refused(foreign: Store, operator: User, client_of: ClientOf) -> None:
    answer = client_of(operator).post(f"/trust/stores/{foreign.pk}/replace/", {"typed": "wrong"})
    foreign.refresh_from_db()
    assert (answer.status_code, foreign.state) == (409, Store.State.FOREIGN)


def test_replacing_with_the_name_takes_it_over(foreign: Store, operator: User, client_of: ClientOf) -> None:
    client_of(operator).post(f"/trust/stores/{foreign.pk}/replace/", {"typed": "fra-2"})
    foreign.refresh_from_db()
    assert foreign.state == Store.State.OURS


def test_checking_now_repairs(
    release: Release, directory: Store, roots: Path, operator: User, client_of: ClientOf, issuing: Made
) -> None:
    publish(release.publications.get().pk)
    objects = DirectoryStore(roots / "main")
    objects.delete("index.yml")
    page = client_of(operator).post(f"/trust/stores/{directory.pk}/check/", follow=True).content.decode()
    assert "Somebody else changed what we published" in page
    publish(release.publications.get().pk)
    assert read_as_network_server(objects) == (issuing.der,)


def test_disconnecting_wants_the_name_and_leaves_the_files(
    release: Release, directory: Store, roots: Path, operator: User, client_of: ClientOf
) -> None:
    publish(release.publications.get().pk)
    client, path = client_of(operator), f"/trust/stores/{directory.pk}/disconnect/"
    assert "Type “main”" in client.post(path, {"typed": "no"}).content.decode()
    assert client.post(path, {"typed": "main"})["Location"] == "/trust/stores/"
    assert not Store.objects.exists()
    assert (roots / "main" / "index.yml").exists()
