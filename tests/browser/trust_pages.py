"""The parts of the trust pages, as a person names them."""

from playwright.sync_api import Locator, expect

from tests.browser.desk import Desk


def card(desk: Desk, heading: str) -> Locator:
    page = desk.page
    return page.locator("section.card").filter(has=page.get_by_role("heading", name=heading, exact=True))


def change(card: Locator, what: str) -> Locator:
    """The lines of a difference with this sign."""
    return card.locator("li").filter(has=card.page.get_by_role("img", name=what))


def number(desk: Desk, label: str) -> Locator:
    return desk.page.locator(".c-stats > div").filter(has_text=label)


def open_authority(desk: Desk, name: str) -> None:
    desk.go("/authorities/")
    desk.page.get_by_role("link", name=name, exact=True).first.click()
    expect(desk.page.get_by_role("heading", level=1)).to_contain_text(name)


def put_into_group(desk: Desk, name: str) -> None:
    open_authority(desk, name)
    desk.press("Put into common")
    expect(desk.page.get_by_text("Waits for a release")).to_be_visible()


def is_published(desk: Desk, release: int | None = None) -> None:
    heading = f"Release {release}" if release else "Release"
    expect(desk.page.get_by_role("heading", level=1)).to_contain_text(heading)
    expect(card(desk, "In the stores").get_by_text("Published", exact=True)).to_be_visible(timeout=20_000)


def next_is(desk: Desk, step: str) -> None:
    expect(desk.page.get_by_text(f"Next: {step}.")).to_be_visible()
