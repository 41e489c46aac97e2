"""Every page as every role, in both themes, at desk and phone width: axe finds nothing, nothing scrolls sideways."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
from django.urls import reverse
from playwright.sync_api import Browser

from tests.browser.conftest import DEMO_PASSWORD
from tests.browser.desk import PHONE, WIDE, Desk
from tests.servers import Product, wait_until
from tests.test_access import ENTRIES

pytestmark = pytest.mark.browser

PEOPLE = {
    "nobody": (0, ""),
    "operator": (1, "ines@fjordnet.example"),
    "auditor": (2, "sigrid@fjordnet.example"),
    "vendor": (3, "vera@solveig.example"),
}
SIGNS_OUT = {"account_logout"}
SOLVEIG = "(SELECT vendor_id FROM accounts_user WHERE email = 'vera@solveig.example')"
ROWS = {
    "vendor": f"SELECT {SOLVEIG}",
    "person": "SELECT id FROM accounts_user WHERE email = 'vera@solveig.example'",
    "authority": f"SELECT min(id) FROM cas_authority WHERE vendor_id = {SOLVEIG}",
    "issuing": "SELECT min(id) FROM cas_authority WHERE origin = 'operated' AND parent_id IS NOT NULL",
    "gateway": f"SELECT min(gateway_id) FROM certificates_certificate WHERE vendor_id = {SOLVEIG}",
    "dispute": "SELECT min(id) FROM gateways_dispute",
    "request": f"SELECT min(id) FROM certificates_request WHERE vendor_id = {SOLVEIG}",
    "waiting": f"SELECT max(id) FROM certificates_request WHERE vendor_id = {SOLVEIG} AND state = 'requested'",
    "certificate": f"SELECT max(id) FROM certificates_certificate WHERE vendor_id = {SOLVEIG}",
    "release": "SELECT max(id) FROM trust_release",
    "store": "SELECT min(id) FROM trust_store",
    "message": "SELECT max(id) FROM outbox_message",
}


@pytest.fixture(scope="session")
def rows(demonstration: Product) -> dict[str, int]:
    with closing(sqlite3.connect(demonstration.folder / "certadmin.sqlite3")) as database:
        return {name: database.execute(sql).fetchone()[0] for name, sql in ROWS.items()}


def pages(column: int) -> Iterator[str]:
    """The names of the pages that answer 200 to this role."""
    for name, entry in ENTRIES.items():
        if entry.is_page and entry.answers[column] == 200 and name not in SIGNS_OUT:
            yield name


def address(name: str, rows: dict[str, int]) -> str:
    entry = ENTRIES[name]
    values = [each.strip("'") if each.startswith("'") else rows[each.split(".")[0]] for each in entry.arguments]
    return reverse(name, args=values) + entry.query


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
