"""An authority whose key is made in a token, from the form to what the worker signs with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests import servers
from tests.browser.desk import PHONE, WIDE, Desk
from tests.servers import Product, SoftToken, wait_until

pytestmark = pytest.mark.browser
EMAIL, PASSWORD = "ines@fjordnet.example", "lantern-harbour-42"
FORM = "/authorities/operate/?kind=root"


@pytest.fixture
def product(soft_token: SoftToken) -> Iterator[Product]:
    """Its web process and its prefork worker all come to the token."""
    settings = {
        **soft_token.environment,
        "CERTADMIN_PKCS11_MODULE": soft_token.module,
        "CERTADMIN_PKCS11_TOKEN": soft_token.label,
        "CERTADMIN_PKCS11_PIN": soft_token.pin,
        "CERTADMIN_ADMIN_EMAIL": EMAIL,
        "CERTADMIN_ADMIN_PASSWORD": PASSWORD,
    }
    with servers.product(settings) as running:
        running.manage("prepare")
        running.start()
        yield running


def test_it_is_made_in_the_token_and_the_worker_signs_its_list(
    chromium: Browser, product: Product, soft_token: SoftToken, screenshots: Path
) -> None:
    with Desk.open(chromium, product.url) as desk:
        desk.sign_in(EMAIL, PASSWORD)
        desk.go(FORM)
        assert _wrong_with_the_form(desk, screenshots) == []
        expect(desk.page.get_by_label("In the token fjordnet")).to_be_checked()
        desk.page.get_by_label("Name", exact=True).fill("Fjordnet Root")
        desk.press("Create the root")
        expect(desk.page.get_by_text("Fjordnet Root is made")).to_be_visible()
        desk.go("/authorities/")
        desk.follow("Fjordnet Root")
        expect(desk.page.get_by_text("in a token: fjordnet")).to_be_visible()
        desk.picture(screenshots / "token-root.png")
        wait_until(lambda: _is_served(desk), seconds=60, what="what the worker signs")
        assert desk.complaints == []
    assert soft_token.pin not in product.output


def _is_served(desk: Desk) -> bool:
    """The worker has signed the list, and the certificate of the OCSP signer."""
    desk.page.reload()
    return desk.sees("Number") and desk.sees("Signed by a certificate until")


def _wrong_with_the_form(desk: Desk, screenshots: Path) -> list[str]:
    found: list[str] = []
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for theme in themes:
        desk.page.emulate_media(color_scheme=theme)
        for size in (WIDE, PHONE):
            desk.page.set_viewport_size({"width": size["width"], "height": size["height"]})
            desk.page.screenshot(path=screenshots / f"token-form-{theme}-{size['width']}.png", full_page=True)
            found += desk.violations() + (["scrolls sideways"] if desk.scrolls_sideways() else [])
    desk.page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})
    return found
