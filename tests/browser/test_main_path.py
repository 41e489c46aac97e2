"""The main job as a person does it: from the first minute to the day a certificate runs out, in a real browser."""

import re
import zipfile
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core import clock
from pki.bundle import index_paths, read_as_go, read_index
from tests.browser.desk import Desk
from tests.pki import makers
from tests.servers import Product, wait_until

pytestmark = pytest.mark.browser
PASSWORD = "lantern-harbour-42"
CUPS = "https://cups.fjordnet.example:8987"
EUI = "58A0CBFFFE8011D4"


def test_the_main_path(chromium: Browser, empty_product: Product, screenshots: Path, tmp_path: Path) -> None:
    """Nine steps, as operator and as vendor."""
    with Desk.open(chromium, empty_product.url) as operator, Desk.open(chromium, empty_product.url) as vendor:
        _first_run(operator, empty_product, screenshots)
        _vendor_is_invited(operator, vendor, screenshots)
        ca = _vendor_hands_in_its_ca(vendor, tmp_path, screenshots)
        _operator_reviews_and_trusts(operator, screenshots)
        _operator_runs_a_ca(operator, screenshots)
        _operator_gives_a_block(operator)
        _vendor_registers_a_gateway(vendor, screenshots)
        _certificate_is_issued(operator, vendor, empty_product, screenshots)
        _vendor_records_a_leaf(vendor, ca, tmp_path)
        _release_is_published(operator, empty_product, screenshots)
        _overview_and_audit(operator, screenshots)
        assert operator.complaints == []
        assert vendor.complaints == []


def _first_run(desk: Desk, product: Product, screenshots: Path) -> None:
    desk.go(product.setup_link())
    page = desk.page
    page.get_by_label("Your name").fill("Ines Maurer")
    page.get_by_label("Your e-mail").fill("ines@fjordnet.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_label("Name of this deployment").fill("Fjordnet LoRaWAN")
    page.get_by_label("CUPS address").fill(CUPS)
    page.get_by_label("Trust certificate").first.fill(makers.make_root("Server Root").pem.decode())
    desk.picture(screenshots / "path-1-setup.png")
    page.get_by_role("button", name="Create the desk").click()
    page.wait_for_url(re.compile("/welcome/"))
    expect(page.get_by_text("demonstration").first).to_be_visible()
    desk.go("/")


def _vendor_is_invited(operator: Desk, vendor: Desk, screenshots: Path) -> None:
    operator.go("/vendors/new/")
    operator.page.get_by_label("Name", exact=True).fill("Kestrel Radio")
    operator.press("Create vendor")
    operator.page.get_by_label("E-mail").first.fill("jonas@kestrel.example")
    operator.page.get_by_role("button", name="Invite").click()
    expect(operator.page.get_by_text("is invited").first).to_be_visible()
    vendor.go("/dev/mail/")
    vendor.page.get_by_role("link", name=re.compile("invites you")).first.click()
    vendor.page.wait_for_url(re.compile(r"/dev/mail/\d+/$"))  # and until it is loaded
    link = re.search(r"https?://\S+/invitations/\S+/", vendor.page.content())
    assert link
    vendor.go(link[0])
    vendor.page.get_by_label("Your name").fill("Jonas Dahl")
    vendor.page.get_by_label("Password", exact=True).fill(PASSWORD)
    vendor.page.get_by_label("Password again").fill(PASSWORD)
    vendor.picture(screenshots / "path-1-invitation.png")
    vendor.page.get_by_role("button", name="Create my account").click()
    vendor.page.wait_for_url(re.compile(r"/$"))


def _years() -> dict[str, datetime]:
    """A validity around today."""
    now = clock.now()
    return {"not_before": now - timedelta(days=300), "not_after": now + timedelta(days=300)}


def _vendor_hands_in_its_ca(desk: Desk, folder: Path, screenshots: Path) -> makers.Made:
    root = makers.make_root("Kestrel Root")
    ca = makers.make_issuing(root, "Kestrel Gateway CA")
    leaf = makers.make_leaf(ca, EUI, **_years())
    file = folder / "kestrel.pem"
    file.write_bytes(ca.pem + root.pem + leaf.pem)
    desk.go("/authorities/upload/")
    desk.page.locator("input[type=file]").first.set_input_files(file)
    button = desk.page.get_by_role("button", name=re.compile("^(Check|Read)"))
    if button.count() and button.first.is_visible():
        button.first.click()
    expect(desk.page.get_by_text("Kestrel Gateway CA").first).to_be_visible()
    desk.picture(screenshots / "path-2-check.png")
    desk.page.get_by_role("button", name=re.compile("^Hand in")).click()
    expect(desk.page.get_by_text("handed in").first).to_be_visible()
    _vendor_proves_its_key(desk, ca, folder, screenshots)
    return ca


def _vendor_proves_its_key(desk: Desk, ca: makers.Made, folder: Path, screenshots: Path) -> None:
    page = desk.page
    page.get_by_role("link", name="Kestrel Gateway CA").first.click()
    expect(page.get_by_role("heading", name="What is left to do")).to_be_visible()
    expect(page.get_by_text("The Things Stack accepts this gateway").first).to_be_visible()
    desk.press("Get a code")
    code = page.get_by_text(re.compile("^PROOF-")).inner_text()
    expect(page.get_by_text(f'-subj "/CN={code}"')).to_be_visible()
    desk.picture(screenshots / "path-2-proof.png")
    now = clock.now()
    wrong = makers.make_leaf(makers.make_root("Some Root"), code, not_before=now - timedelta(hours=1))
    page.get_by_label("Or paste it").first.fill(wrong.pem.decode())
    desk.press("Hand in the proof")
    expect(page.get_by_text("This was signed by “Some Root”")).to_be_visible()
    file = folder / "proof.pem"
    file.write_bytes(makers.make_leaf(ca, code, not_before=now - timedelta(hours=1)).pem)
    page.get_by_label("Or paste it").first.fill("")
    page.get_by_label("Certificate file").first.set_input_files(file)
    desk.press("Hand in the proof")
    expect(page.get_by_text("You hold the private key")).to_be_visible()
    desk.picture(screenshots / "path-2-proven.png")


def _operator_reviews_and_trusts(desk: Desk, screenshots: Path) -> None:
    desk.go("/authorities/")
    desk.page.get_by_role("link", name="Kestrel Gateway CA").first.click()
    expect(desk.page.get_by_text("2 of 2 settled")).to_be_visible()
    desk.picture(screenshots / "path-3-review.png")
    desk.page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(desk.page.get_by_text("approved").first).to_be_visible()
    desk.page.get_by_role("button", name=re.compile("^Put into")).click()
    expect(desk.page.get_by_role("link", name="Go to the release").first).to_be_visible()


def _operator_runs_a_ca(desk: Desk, screenshots: Path) -> None:
    desk.go("/authorities/operate/?kind=root")
    desk.page.get_by_label("Name", exact=True).fill("Fjordnet Root")
    desk.page.get_by_role("button", name="Create the root").click()
    expect(desk.page.get_by_text("Fjordnet Root").first).to_be_visible()
    desk.go("/authorities/operate/?kind=issuing")
    desk.page.get_by_label("Root", exact=True).select_option(label="Fjordnet Root")
    desk.page.get_by_label("Name", exact=True).fill("Fjordnet Issuing")
    desk.picture(screenshots / "path-5-issuing.png")
    desk.page.get_by_role("button", name="Create the issuing authority").click()
    expect(desk.page.get_by_text("Fjordnet Issuing").first).to_be_visible()
    desk.go("/authorities/")
    desk.page.get_by_role("link", name="Fjordnet Issuing").first.click()
    desk.page.get_by_role("button", name=re.compile("^Put into")).click()
    desk.go("/vendors/")
    desk.page.get_by_role("link", name="Kestrel Radio").click()
    desk.page.locator("a[href$='/issuing/']").click()
    desk.page.get_by_label("Issuing authority").select_option(label="Fjordnet Issuing")
    desk.press("Save")


def _operator_gives_a_block(desk: Desk) -> None:
    """In it the vendor registers without asking."""
    desk.go("/gateways/blocks/")
    desk.page.get_by_label("Vendor", exact=True).select_option(label="Kestrel Radio")
    desk.page.get_by_label("Begins with").fill("58-a0-cb")
    desk.press("Give")
    expect(desk.page.get_by_text("registers freely in 58A0CB/24")).to_be_visible()


def _vendor_registers_a_gateway(desk: Desk, screenshots: Path) -> None:
    desk.go("/gateways/register/")
    desk.page.get_by_label("EUI", exact=True).fill("58a0:cbff:fe80:11d4")
    expect(desk.page.get_by_text(EUI).first).to_be_visible()
    desk.picture(screenshots / "path-4-register.png")
    desk.page.get_by_role("button", name=re.compile("^Register")).click()
    expect(desk.page.get_by_role("heading", name=EUI)).to_be_visible()


def _certificate_is_issued(operator: Desk, vendor: Desk, product: Product, screenshots: Path) -> None:
    vendor.follow("Request certificate")
    vendor.press("Request the certificate")
    expect(vendor.page.get_by_text("It waits for an operator")).to_be_visible()
    operator.go("/requests/")
    operator.page.get_by_role("link", name=EUI, exact=True).click()
    operator.press("Approve and issue")
    expect(operator.page.get_by_role("heading", name="Issued", exact=True)).to_be_visible(timeout=20_000)
    vendor.page.reload()
    vendor.follow("Open the certificate")
    vendor.picture(screenshots / "path-6-certificate.png")
    _kit_is_right(vendor.page)
    vendor.press("The gateway has the key")
    expect(vendor.page.get_by_text("is destroyed").first).to_be_visible()
    assert product.process is not None
    assert product.process.poll() is None


def _kit_is_right(page: Page) -> None:
    with page.expect_download() as download:
        page.get_by_role("button", name="Station kit").click()
    kit = zipfile.ZipFile(BytesIO(Path(download.value.path()).read_bytes()))
    assert sorted(kit.namelist()) == ["cups.crt", "cups.key", "cups.trust", "cups.uri"]
    assert kit.read("cups.uri").decode().strip() == CUPS
    assert all(kit.read(name).startswith(b"-") for name in ("cups.crt", "cups.key", "cups.trust"))


def _vendor_records_a_leaf(desk: Desk, ca: makers.Made, folder: Path) -> None:
    leaf = makers.make_leaf(ca, EUI, **_years())
    file = folder / "leaf.der"
    file.write_bytes(leaf.der)
    desk.go("/gateways/")
    desk.page.get_by_role("link", name=EUI).first.click()
    desk.follow("Record a certificate")
    desk.page.get_by_label("Or its file").set_input_files(file)
    desk.press("Record it")
    expect(desk.page.get_by_text("Recorded").first).to_be_visible()


def _release_is_published(desk: Desk, product: Product, screenshots: Path) -> None:
    desk.go("/trust/releases/")
    desk.picture(screenshots / "path-7-publish.png")
    desk.page.get_by_role("button", name=re.compile("^Publish release")).click()
    expect(desk.page.get_by_text("Published", exact=True).first).to_be_visible(timeout=20_000)
    desk.picture(screenshots / "path-7-release.png")
    store = product.folder / "stores" / "main"
    wait_until((store / "index.yml").exists, what="the index")
    paths = index_paths(read_index((store / "index.yml").read_bytes()))
    assert len(paths) == 1
    assert len(read_as_go((store / paths[0]).read_bytes())) == 2


def _overview_and_audit(desk: Desk, screenshots: Path) -> None:
    desk.go("/")
    expect(desk.page.get_by_role("heading", name="Overview")).to_be_visible()
    desk.picture(screenshots / "path-9-overview.png")
    desk.go("/audit/")
    expect(desk.page.get_by_text("Release 1").first).to_be_visible()
    desk.picture(screenshots / "path-9-audit.png")
