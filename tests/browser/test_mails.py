"""Mails as a mail program shows them: readable in both themes and on a phone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.desk import PHONE, WIDE, Desk
from tests.browser.looking import PICTURED
from tests.servers import Product

pytestmark = pytest.mark.browser
NEWEST = """
SELECT subject, html FROM outbox_message WHERE id IN (SELECT max(id) FROM outbox_message GROUP BY topic, recipient)
UNION SELECT subject, html FROM outbox_message WHERE subject LIKE '%lose access%' OR subject LIKE 'Settled%'
"""


def test_every_kind_of_mail_is_readable(chromium: Browser, demonstration: Product, screenshots: Path) -> None:
    with closing(sqlite3.connect(demonstration.folder / "certadmin.sqlite3")) as connection:
        mails = dict(connection.execute(NEWEST).fetchall())
    wrong = {}
    with Desk.open(chromium, demonstration.url) as desk:
        for number, (subject, html) in enumerate(mails.items()):
            desk.page.set_content(html)
            found = []
            for theme, size in (("light", WIDE), ("light", PHONE), ("dark", PHONE)):
                desk.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
                desk.page.set_viewport_size({"width": size["width"], "height": size["height"]})
                found += [*desk.violations(of_colours=True), *(["sideways"] if desk.scrolls_sideways() else [])]
                if PICTURED:
                    desk.picture(screenshots / f"mail-{number}-{theme}-{size['width']}.png")
            if found:
                wrong[subject] = found
    assert len(mails) > 8
    assert wrong == {}
