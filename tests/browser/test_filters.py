"""The filters of a list, as somebody with a keyboard uses them."""

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import DEMO_PASSWORD
from tests.browser.desk import Desk
from tests.servers import Product

pytestmark = pytest.mark.browser


def test_what_one_may_write_is_fetched_once_the_filters_are_opened(chromium: Browser, demonstration: Product) -> None:
    with Desk.open(chromium, demonstration.url) as desk:
        desk.sign_in("ines@fjordnet.example", DEMO_PASSWORD)
        desk.go("/gateways/")
        assert desk.page.locator("#known-tags").count() == 0
        desk.page.locator("summary", has_text="More filters").focus()
        desk.page.keyboard.press("Enter")
        desk.page.wait_for_selector("#known-tags option", state="attached")
        tag = desk.page.locator("#known-tags option").first.get_attribute("value") or ""
        desk.page.get_by_label("Tag", exact=True).fill(tag)
        desk.page.keyboard.press("Enter")
        desk.page.wait_for_url(f"**tag={tag}*")
        assert desk.page.locator("tbody tr").count() > 0


def test_certificates_are_picked_and_taken_to_their_revocation(chromium: Browser, demonstration: Product) -> None:
    with Desk.open(chromium, demonstration.url) as desk:
        desk.sign_in("ines@fjordnet.example", DEMO_PASSWORD)
        desk.go("/certificates/?state=valid")
        for box in desk.page.locator("tbody [name=pick]").all()[:3]:
            box.check()
        assert "3" in desk.page.locator("[data-picked]").inner_text()
        desk.page.locator(".c-picking").get_by_role("button", name="Revoke").click()
        desk.page.wait_for_selector("h1:has-text('Revoke 3 certificates')")
        assert "were picked" in desk.page.inner_text("main")


def test_a_gateway_is_found_and_opened_by_keyboard_alone(chromium: Browser, demonstration: Product) -> None:
    with Desk.open(chromium, demonstration.url) as desk:
        desk.sign_in("ines@fjordnet.example", DEMO_PASSWORD)
        desk.go("/certificates/")
        eui = desk.page.locator("tbody .c-eui").first.inner_text()
        desk.page.keyboard.press("Control+k")
        desk.page.wait_for_selector("dialog[open] input:focus")
        desk.page.keyboard.type(eui)
        desk.page.wait_for_selector(f"dialog >> text={eui}")
        desk.page.keyboard.press("ArrowDown")
        desk.page.keyboard.press("Enter")
        desk.page.wait_for_selector(f"h1:has-text('{eui}')")
