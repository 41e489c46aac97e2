"""What happens to a trust group over its life, as people see it: two operators, a vendor, and the network servers."""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core import clock
from tests import servers
from tests.browser.desk import Desk
from tests.browser.trust_pages import card, change, is_published, next_is, number, open_authority, put_into_group
from tests.browser.trust_world import INES, JONAS, PASSWORD, TOMAS
from tests.pki import makers
from tests.pki.makers import Made
from tests.servers import Product

pytestmark = pytest.mark.browser
KESTREL = ("58A0CBFFFE801101", "58A0CBFFFE801102")
AMPERE = "58A0CBFFFE802201"


@dataclass(frozen=True, slots=True)
class People:
    """Three browsers."""

    ines: Desk
    tomas: Desk
    jonas: Desk


@dataclass(frozen=True, slots=True)
class Authorities:
    """What the vendors' authorities can sign with."""

    kestrel: Made
    next_kestrel: Made
    lab_kestrel: Made
    ampere: Made
    borealis_root: Made
    borealis: Made


@pytest.fixture(scope="module")
def authorities() -> Authorities:
    kestrel_root, borealis_root = makers.make_root("Kestrel Root"), makers.make_root("Borealis Root")
    return Authorities(
        kestrel=makers.make_issuing(kestrel_root, "Kestrel Gateway CA"),
        next_kestrel=makers.make_issuing(kestrel_root, "Kestrel Gateway CA 2", serial=0x5EEE),
        lab_kestrel=makers.make_issuing(kestrel_root, "Kestrel Lab CA", serial=0x5EEF),
        ampere=makers.make_issuing(makers.make_root("Ampere Root"), "Ampere Gateway CA"),
        borealis_root=borealis_root,
        borealis=makers.make_issuing(borealis_root, "Borealis Gateway CA"),
    )


@pytest.fixture(scope="module")
def product(authorities: Authorities, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("world")
    files = {
        "kestrel-1-trusted": authorities.kestrel,
        "ampere-1-trusted": authorities.ampere,
        "borealis-1": authorities.borealis_root,
        "borealis-2": authorities.borealis,
        f"ampere_{AMPERE}": _leaf(authorities.ampere, AMPERE),
        **{f"kestrel_{eui}": _leaf(authorities.kestrel, eui) for eui in KESTREL},
    }
    for name, made in files.items():
        (folder / f"{name}.pem").write_bytes(made.pem)
    with servers.product() as product:
        product.manage("prepare")
        product.manage("shell", "-c", f"from tests.browser.trust_world import make; make({str(folder)!r})")
        product.start()
        yield product


@pytest.fixture(scope="module")
def people(chromium: Browser, product: Product) -> Iterator[People]:
    with ExitStack() as open_desks:
        desks = [open_desks.enter_context(Desk.open(chromium, product.url)) for _ in range(3)]
        for desk, email in zip(desks, (INES, TOMAS, JONAS), strict=True):
            desk.sign_in(email, PASSWORD)
        yield People(*desks)


def test_the_life_of_a_trust_group(people: People, authorities: Authorities, screenshots: Path) -> None:
    _first_release(people.ines)
    _draft_with_a_finding(people.ines)
    _second_operator_objects(people.tomas)
    _draft_is_mended(people.ines)
    _second_operator_approves(people.tomas, screenshots)
    _published_as_approved(people.ines, screenshots)
    token = _cluster_is_named(people.ines)
    _deployment_says_what_is_live(people.ines, token)
    _stores_are_complete(people.ines)
    _return_to_the_first(people.ines, screenshots)
    _preflight_against_each(people.ines, _leaf(authorities.ampere, AMPERE), screenshots)
    assert people.ines.complaints == people.tomas.complaints == []


def test_a_vendor_changes_over_to_its_next_authority(
    people: People, authorities: Authorities, tmp_path: Path, screenshots: Path
) -> None:
    ines, jonas = people.ines, people.jonas
    _vendor_hands_in(jonas, authorities, tmp_path)
    _vendor_proves_and_tries(jonas, authorities.next_kestrel)
    _operator_waives(ines)
    _change_over_begins(ines)
    _new_one_is_approved_and_trusted(ines)
    _both_are_published(ines)
    _gateways_move(jonas, authorities.next_kestrel, KESTREL[:1])
    _half_has_moved(ines, screenshots)
    _old_one_gets_an_end(ines)
    _gateways_move(jonas, authorities.next_kestrel, KESTREL[1:])
    _old_one_leaves(ines)
    assert ines.complaints == jonas.complaints == []


def _first_release(desk: Desk) -> None:
    desk.go("/trust/releases/")
    page = desk.page
    expect(page.get_by_text("The first release", exact=True)).to_be_visible()
    expect(number(desk, "Gain access")).to_contain_text("+3")
    expect(page.get_by_text("No gateway that we know loses access")).to_be_visible()
    page.get_by_label("What changes, and why").fill("What every site has today")
    desk.press("Publish release 1")
    is_published(desk, 1)


def _draft_with_a_finding(desk: Desk) -> None:
    """One authority out, by which a gateway works, and a root in without the authority that signs."""
    page = desk.page
    open_authority(desk, "Ampere Gateway CA")
    desk.follow("Take out…")
    expect(page.get_by_text("Takes 1 gateway of 1 vendor off the air")).to_be_visible()
    page.get_by_label("Reason").fill("Ampere left the network")
    desk.press("Take it out")
    put_into_group(desk, "Borealis Root")
    desk.go("/trust/releases/")
    draft = card(desk, "What would be published now")
    expect(draft.get_by_text("Against release 1")).to_be_visible()
    expect(change(draft, "Removed")).to_contain_text("Ampere Gateway CA")
    expect(change(draft, "Removed")).to_contain_text("1 lose")
    expect(change(draft, "Added")).to_contain_text("Borealis Root")
    expect(change(draft, "Stays")).to_contain_text("Kestrel Gateway CA")
    expect(number(desk, "Lose access")).to_contain_text("33.3 % of 3")
    expect(card(desk, "Findings")).to_contain_text("Borealis Gateway CA below it is not trusted")
    expect(page.get_by_text("A second operator decides")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Publish"))).to_have_count(0)
    desk.press("Ask Tomas Lind")
    expect(page.get_by_text("1 other operator asked by mail.")).to_be_visible()


def _second_operator_objects(desk: Desk) -> None:
    desk.go("/trust/releases/")
    reviews = card(desk, "Reviews")
    expect(reviews).to_contain_text("Nobody has said anything about it yet.")
    desk.press("Object")
    expect(reviews.get_by_text("Say what is wrong, so that somebody can mend it.")).to_be_visible()
    desk.page.get_by_label("What you think of it").fill("Borealis signs with its gateway CA, not with the root")
    desk.press("Object")
    expect(reviews).to_contain_text("Borealis signs with its gateway CA")


def _draft_is_mended(desk: Desk) -> None:
    desk.go("/trust/releases/")
    expect(desk.page.get_by_text("Tomas Lind objects")).to_be_visible()
    put_into_group(desk, "Borealis Gateway CA")
    desk.go("/trust/releases/")
    expect(card(desk, "Reviews")).to_contain_text("Nobody has said anything about it yet.")
    expect(card(desk, "Findings")).to_have_count(0)


def _second_operator_approves(desk: Desk, screenshots: Path) -> None:
    desk.go("/trust/releases/")
    desk.page.get_by_label("What you think of it").fill("Ampere confirmed it by phone")
    desk.press("Approve")
    expect(desk.page.get_by_text("Tomas Lind approves").first).to_be_visible()
    desk.picture(screenshots / "trust-1-approved.png")


def _published_as_approved(desk: Desk, screenshots: Path) -> None:
    page = desk.page
    desk.go("/trust/releases/")
    expect(page.get_by_text("Tomas Lind approves").first).to_be_visible()
    page.get_by_label("What changes, and why").fill("Borealis joins, Ampere leaves")
    desk.press("Publish release 2")
    is_published(desk, 2)
    expect(page.get_by_text("approved by Tomas Lind").first).to_be_visible()
    expect(card(desk, "What it holds, against release 1")).to_contain_text("2 added, 1 removed, 1 kept")
    expect(card(desk, "Who looked at it")).to_contain_text("Ampere confirmed it by phone")
    desk.picture(screenshots / "trust-2-release.png")


def _cluster_is_named(desk: Desk) -> str:
    desk.go("/trust/clusters/")
    page = desk.page
    page.get_by_label("Name", exact=True).fill("eu1")
    desk.press("Name it")
    expect(page.get_by_text("The token of eu1, shown this once")).to_be_visible()
    token = page.locator("code").first.inner_text()
    desk.go("/trust/clusters/")
    expect(page.get_by_role("row", name="eu1")).to_contain_text("not known")
    expect(page.get_by_text(token)).to_have_count(0)
    return token


def _deployment_says_what_is_live(desk: Desk, token: str) -> None:
    call = desk.context.request.post("/trust/live/", headers={"Authorization": f"Bearer {token}"})
    assert (call.status, json.loads(call.text())["live"]) == (200, 2)
    assert desk.context.request.post("/trust/live/", headers={"Authorization": "Bearer guessed"}).status == 401
    desk.page.reload()
    expect(desk.page.get_by_role("row", name="eu1")).to_contain_text("Release 2")
    desk.page.get_by_role("link", name="Release 2").click()
    expect(card(desk, "Live")).to_contain_text("since")


def _stores_are_complete(desk: Desk) -> None:
    desk.go("/trust/stores/")
    row = desk.page.get_by_role("row").filter(has_text="Release 2")
    expect(row).to_contain_text("Complete")
    row.get_by_role("link").first.click()
    expect(card(desk, "Releases sent here").get_by_role("link")).to_have_text(["Release 2", "Release 1"])


def _return_to_the_first(desk: Desk, screenshots: Path) -> None:
    page = desk.page
    desk.go("/trust/releases/")
    card(desk, "Releases").get_by_role("link", name="Release 1").click()
    expect(page.get_by_text("Superseded")).to_be_visible()
    desk.follow("Return to it…")
    changes = card(desk, "What changes")
    expect(change(changes, "Added")).to_contain_text("Ampere Gateway CA")
    expect(change(changes, "Removed")).to_have_count(2)
    expect(page.get_by_text("No gateway that we know loses access")).to_be_visible()
    desk.picture(screenshots / "trust-3-return.png")
    page.get_by_label("What changes, and why").fill("Ampere stays until summer")
    desk.press("Publish release 3")
    is_published(desk, 3)
    expect(page.get_by_text("as a return to release 1")).to_be_visible()
    desk.go("/trust/clusters/")
    expect(page.get_by_role("row", name="eu1")).to_contain_text("Release 2 of 3")
    desk.go("/trust/releases/")
    expect(page.get_by_text("The same as release 3")).to_be_visible()


def _preflight_against_each(desk: Desk, leaf: Made, screenshots: Path) -> None:
    """A gateway of the authority that release 2 did not have."""
    desk.go("/trust/preflight/")
    page = desk.page
    page.get_by_label("Certificate, chain, CSR or EUI").fill(leaf.pem.decode())
    answers = (
        ("Published, release 3", "Accepted"),
        ("Live in eu1, release 2", "Refused: its issuing CA is not in the bundle"),
        ("Would be release 4", "Accepted"),
        (re.compile("^Release 2 of "), "Refused: its issuing CA is not in the bundle"),
    )
    for against, headline in answers:
        chosen = page.get_by_label("Against").get_by_role("option", name=against).get_attribute("value")
        page.get_by_label("Against").select_option(chosen)
        desk.press("Check")
        expect(page.get_by_role("heading", name=headline)).to_be_visible()
        expect(page.get_by_label("Against")).to_have_value(chosen or "")
    desk.picture(screenshots / "trust-4-preflight.png")


def _vendor_hands_in(desk: Desk, authorities: Authorities, folder: Path) -> None:
    file = folder / "next.pem"
    file.write_bytes(authorities.next_kestrel.pem + authorities.lab_kestrel.pem)
    desk.go("/authorities/upload/")
    desk.page.locator("input[type=file]").first.set_input_files(file)
    button = desk.page.get_by_role("button", name=re.compile("^(Check|Read)"))
    if button.count() and button.first.is_visible():
        button.first.click()
    desk.page.get_by_role("button", name=re.compile("^Hand in")).click()
    expect(desk.page.get_by_text("handed in").first).to_be_visible()


def _vendor_proves_and_tries(desk: Desk, ca: Made) -> None:
    open_authority(desk, "Kestrel Gateway CA 2")
    page = desk.page
    expect(page.get_by_text("0 of 2 settled")).to_be_visible()
    desk.press("Get a code")
    code = page.get_by_text(re.compile("^PROOF-")).inner_text()
    proof = _leaf(ca, code, not_before=clock.now() - timedelta(hours=1))
    page.get_by_label("Or paste it").first.fill(proof.pem.decode())
    desk.press("Hand in the proof")
    expect(page.get_by_text("You hold the private key")).to_be_visible()
    expect(page.get_by_text(code)).to_have_count(0)
    page.get_by_label("Or paste it").fill(_leaf(ca, KESTREL[0]).pem.decode())
    desk.press("Try it")
    expect(page.get_by_text(f"{KESTREL[0]} would be accepted.")).to_be_visible()
    expect(page.get_by_text("2 of 2 settled")).to_be_visible()


def _operator_waives(desk: Desk) -> None:
    open_authority(desk, "Kestrel Lab CA")
    page = desk.page
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    for settled, piece in enumerate(("Proof of possession", "Test leaf"), start=1):
        part = page.locator(".c-piece").filter(has=page.get_by_role("heading", name=piece))
        part.get_by_text("Do without, and say why").click()
        part.get_by_role("button", name="Waive it").click()
        expect(part.get_by_text("Do without, and say why")).to_be_visible()
        part.get_by_label("Reason").fill("A laboratory that we share")
        part.get_by_role("button", name="Waive it").click()
        expect(page.get_by_text(f"{settled} of 2 settled")).to_be_visible()
        expect(part).to_contain_text("Ines Maurer does without it")
    desk.press("Approve")
    expect(page.get_by_text("Not trusted", exact=True)).to_be_visible()


def _change_over_begins(desk: Desk) -> None:
    desk.go("/trust/rollovers/")
    page = desk.page
    expect(page.get_by_text("No vendor is changing over")).to_be_visible()
    page.get_by_label("Replace").select_option(label="Kestrel Gateway CA")
    expect(page.get_by_label("By", exact=True)).not_to_contain_text("Ampere")  # only the vendor's own, by now
    page.get_by_label("By", exact=True).select_option(label="Kestrel Gateway CA 2")
    desk.press("Begin")
    next_is(desk, "Approve the new authority")


def _new_one_is_approved_and_trusted(desk: Desk) -> None:
    page = desk.page
    desk.follow("Open Kestrel Gateway CA 2")
    desk.press("Approve")
    expect(page.get_by_text("Not trusted", exact=True)).to_be_visible()
    desk.go("/trust/rollovers/")
    next_is(desk, "Put the new authority into the group")
    desk.follow("Open Kestrel Gateway CA 2")
    desk.press("Put into common")
    expect(page.get_by_text("Waits for a release")).to_be_visible()


def _both_are_published(desk: Desk) -> None:
    desk.go("/trust/rollovers/")
    next_is(desk, "Publish both")
    desk.follow("Go to the release")
    desk.page.get_by_role("button", name=re.compile("^Publish release")).click()
    is_published(desk)
    desk.go("/trust/rollovers/")
    next_is(desk, "Let the gateways move, and set an end for the old one")
    expect(desk.page.get_by_text("0 % moved")).to_be_visible()


def _gateways_move(desk: Desk, ca: Made, euis: tuple[str, ...]) -> None:
    """They get certificates of the new authority, which the vendor records."""
    for eui in euis:
        desk.go("/gateways/")
        desk.page.get_by_role("link", name=eui).first.click()
        desk.follow("Record a certificate")
        desk.page.get_by_role("textbox").first.fill(_leaf(ca, eui, longer=30).pem.decode())
        desk.press("Record it")
        expect(desk.page.get_by_text("Recorded").first).to_be_visible()


def _half_has_moved(desk: Desk, screenshots: Path) -> None:
    desk.go("/trust/rollovers/")
    expect(desk.page.get_by_text("50 % moved")).to_be_visible()
    desk.picture(screenshots / "trust-5-change-over.png")


def _old_one_gets_an_end(desk: Desk) -> None:
    desk.follow("Set the end of the old one")
    desk.page.get_by_label("Last day").fill(f"{clock.now() + timedelta(days=30):%Y-%m-%d}")
    desk.press("Save the end")
    expect(desk.page.get_by_text("until").first).to_be_visible()
    desk.go("/trust/rollovers/")
    next_is(desk, "Wait for the end of the old one")


def _old_one_leaves(desk: Desk) -> None:
    page = desk.page
    desk.go("/trust/rollovers/")
    expect(page.get_by_text("100 % moved")).to_be_visible()
    page.get_by_role("link", name="Kestrel Gateway CA", exact=True).click()
    desk.follow("Take out…")
    expect(page.get_by_text("No gateway that we know works by it")).to_be_visible()
    page.get_by_label("Reason").fill("All have moved")
    desk.press("Take it out")
    desk.go("/trust/rollovers/")
    next_is(desk, "Publish without the old one")
    desk.follow("Go to the release")
    desk.page.get_by_role("button", name=re.compile("^Publish release")).click()
    is_published(desk)
    desk.go("/trust/rollovers/")
    expect(page.get_by_text("The network reads a release without the old one.")).to_be_visible()
    desk.press("Put it away")
    expect(page.get_by_text("No vendor is changing over")).to_be_visible()


def _leaf(ca: Made, name: str, *, not_before: datetime | None = None, longer: int = 0) -> Made:
    """A gateway's certificate around today."""
    now = clock.now()
    dates = {"not_before": not_before or now - timedelta(days=30), "not_after": now + timedelta(days=300 + longer)}
    return makers.make_leaf(ca, name, serial=secrets.randbits(64), **dates)
