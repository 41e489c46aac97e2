"""Every page as every role, in both themes, at desk and phone width: axe finds nothing, nothing scrolls sideways."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from tests.browser.addresses import PEOPLE, address, pages, read_rows
from tests.browser.conftest import DEMO_PASSWORD
from tests.browser.desk import PHONE, WIDE, Desk
from tests.servers import Product, wait_until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def rows(demonstration: Product) -> dict[str, int]:
    return read_rows(demonstration.folder / "certadmin.sqlite3")


@pytest.mark.parametrize("role", PEOPLE)
def test_every_page_is_accessible_in_both_themes_and_widths(
    chromium: Browser, demonstration: Product, rows: dict[str, int], screenshots: Path, role: str
) -> None:
    column, email = PEOPLE[role]
    wrong: dict[str, list[str]] = {}
    with Desk.open(chromium, demonstration.url) as desk:
        if email:
            desk.sign_in(email, DEMO_PASSWORD)
        for name in pages(column):
            found = _look_at(desk, address(name, rows), screenshots / f"{role}-{name.replace(':', '-')}")
            if found:
                wrong[name] = found
    assert wrong == {}


def _look_at(desk: Desk, path: str, picture: Path) -> list[str]:
    desk.complaints.clear()
    desk.page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})
    response = desk.page.goto(path)
    # asked from outside: waiting inside the page would need the eval that its policy refuses
    wait_until(lambda: not desk.page.evaluate("!!document.querySelector('.htmx-request')"), what="the fragments")
    found = [] if response and response.status == 200 else [f"answers {response and response.status}"]
    for theme in ("light", "dark"):
        for size in (WIDE, PHONE):
            found += _check(desk, theme, size, picture)
    return sorted(set(found + desk.complaints))


def _check(desk: Desk, theme: Literal["light", "dark"], size: dict[str, int], picture: Path) -> list[str]:
    desk.page.emulate_media(color_scheme=theme)
    desk.page.set_viewport_size({"width": size["width"], "height": size["height"]})
    where = f"{theme} {size['width']}"
    desk.picture(picture.with_name(f"{picture.name}-{theme}-{size['width']}.png"))
    found = [f"{where}: {violation}" for violation in desk.violations()]
    if desk.scrolls_sideways():
        found.append(f"{where}: scrolls sideways")
    return found
