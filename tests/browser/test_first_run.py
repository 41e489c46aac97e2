"""The first minutes of somebody who only wants to look around."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests import servers
from tests.browser.desk import Desk
from tests.pki import makers
from tests.servers import Product

pytestmark = pytest.mark.browser
PASSWORD = "lantern-harbour-42"


@pytest.fixture
def new_product() -> Iterator[Product]:
    with servers.product() as product:
        product.start()
        yield product


def test_the_first_operator_loads_the_demonstration_by_a_button(chromium: Browser, new_product: Product) -> None:
    """Fails when `certadmin.tasks` is not found by the worker."""
    with Desk.open(chromium, new_product.url) as desk:
        desk.go(new_product.setup_link())
        page = desk.page
        page.get_by_label("Your name").fill("Olga Berg")
        page.get_by_label("Your e-mail").fill("olga@example.net")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password again").fill(PASSWORD)
        page.get_by_label("Name of this deployment").fill("Trial")
        page.get_by_label("CUPS address").fill("https://cups.example.net:8987")
        page.get_by_label("Trust certificate").first.fill(makers.make_root("Server Root").pem.decode())
        desk.press("Create the desk")
        page.wait_for_url(re.compile("/welcome/"))
        desk.press("Load the demonstration")
        expect(page.get_by_text("this page follows by itself")).to_be_visible()
        expect(page.get_by_text("It is loaded")).to_be_visible(timeout=120_000)
        desk.follow("Look around")
        expect(page.get_by_role("main").get_by_text("Ampere IoT").first).to_be_visible()
        assert desk.complaints == []
