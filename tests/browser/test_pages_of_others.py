"""Every page as an auditor and a vendor see it. In two files, because each process of `make test` takes whole files."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.looking import look_at_every_page
from tests.servers import Product

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("role", ["auditor", "vendor"])
def test_every_page_is_accessible_in_both_themes_and_widths(
    chromium: Browser, demonstration: Product, screenshots: Path, role: str
) -> None:
    assert look_at_every_page(chromium, demonstration, screenshots, role=role) == {}
