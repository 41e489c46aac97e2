"""Looks at every page as a role: axe finds nothing, in both themes and widths, and nothing scrolls sideways. A role
that sees the same pages as another is looked at in one theme and width; the colours are those of the theme at any
width."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from tests.browser.addresses import PEOPLE, address, pages, read_rows
from tests.browser.conftest import DEMO_PASSWORD
from tests.browser.desk import PHONE, WIDE, Desk
from tests.servers import Product, wait_until

Look = tuple[Literal["light", "dark"], dict[str, int]]
ONE: tuple[Look, ...] = (("light", WIDE),)
ALL: tuple[Look, ...] = (("light", WIDE), ("light", PHONE), ("dark", WIDE))
PICTURED = bool(os.environ.get("PICTURES"))  # `make screenshots`: a third of the time


def look_at_every_page(
    browser: Browser, product: Product, screenshots: Path, *, role: str, looks: Sequence[Look] = ALL
) -> dict[str, list[str]]:
    """What is wrong with the pages that the role may see, by their names. Needs the demonstration."""
    column, email = PEOPLE[role]
    rows = read_rows(product.folder / "certadmin.sqlite3")
    wrong: dict[str, list[str]] = {}
    with Desk.open(browser, product.url) as desk:
        if email:
            desk.sign_in(email, DEMO_PASSWORD)
        for name in pages(column):
            found = _look_at(desk, address(name, rows), screenshots / f"{role}-{name.replace(':', '-')}", looks)
            if found:
                wrong[name] = found
    return wrong


def _look_at(desk: Desk, path: str, picture: Path, looks: Sequence[Look]) -> list[str]:
    desk.complaints.clear()
    desk.page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})
    response = desk.page.goto(path)
    # asked from outside: waiting inside the page would need the eval that its policy refuses
    wait_until(lambda: not desk.page.evaluate("!!document.querySelector('.htmx-request')"), what="the fragments")
    found = [] if response and response.status == 200 else [f"answers {response and response.status}"]
    for theme, size in looks:
        found += _check(desk, theme, size, picture)
    return sorted(set(found + desk.complaints))


def _check(desk: Desk, theme: Literal["light", "dark"], size: dict[str, int], picture: Path) -> list[str]:
    desk.page.emulate_media(color_scheme=theme)
    desk.page.set_viewport_size({"width": size["width"], "height": size["height"]})
    where = f"{theme} {size['width']}"
    if PICTURED:
        desk.picture(picture.with_name(f"{picture.name}-{theme}-{size['width']}.png"))
    found = [f"{where}: {violation}" for violation in desk.violations(of_colours=theme == "dark")]
    if desk.scrolls_sideways():
        found.append(f"{where}: scrolls sideways")
    return found
