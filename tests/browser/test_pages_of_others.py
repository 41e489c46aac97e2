"""Every page as an auditor and a vendor see it. In two files, because each process of `make test` takes whole files."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.looking import ONE, look_at_every_page
from tests.servers import Product

pytestmark = pytest.mark.browser


def test_every_page_of_a_vendor_is_accessible_in_both_themes_and_widths(
    chromium: Browser, demonstration: Product, screenshots: Path
) -> None:
    assert look_at_every_page(chromium, demonstration, screenshots, role="vendor") == {}


def test_every_page_of_an_auditor_is_accessible(chromium: Browser, demonstration: Product, screenshots: Path) -> None:
    """They are an operator's pages without what cannot be done."""
    assert look_at_every_page(chromium, demonstration, screenshots, role="auditor", looks=ONE) == {}
