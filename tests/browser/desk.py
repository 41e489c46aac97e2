"""What a person does at the page, in the words of the tests."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Page

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]  # the rules that look at colours
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass(slots=True)
class Desk:
    """One person's browser."""

    context: BrowserContext
    page: Page
    url: str
    complaints: list[str]

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, browser: Browser, url: str, *, size: dict[str, int] = WIDE, theme: Literal["light", "dark"] = "light"
    ) -> Iterator["Desk"]:
        context = browser.new_context(
            base_url=url,
            viewport={"width": size["width"], "height": size["height"]},
            color_scheme=theme,
            reduced_motion="reduce",  # a colour on its way from one theme to the other is neither
            accept_downloads=True,
            bypass_csp=False,
        )
        page = context.new_page()
        page.set_default_timeout(7_000)
        desk = cls(context, page, url, [])
        page.on("console", lambda message: desk.hear(message.type, message.text))
        page.on("pageerror", lambda error: desk.complaints.append(str(error)))
        try:
            yield desk
        finally:
            context.close()

    def hear(self, kind: str, text: str) -> None:
        """Keep what the browser complains about: a broken script, or something that the CSP refused."""
        if kind == "error" and "the server responded with a status of" not in text:
            self.complaints.append(text)

    def go(self, path: str) -> None:
        self.page.goto(path)

    def sign_in(self, email: str, password: str) -> None:
        self.go("/login/")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/login" not in url)

    def sign_out(self) -> None:
        self.context.clear_cookies()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name).first.click()

    def sees(self, text: str) -> bool:
        return self.page.get_by_text(text).first.is_visible()

    def violations(self, *, of_colours: bool = False) -> list[str]:
        """What axe finds on the page, by WCAG 2.2 AA; or only what another theme may change."""
        if not self.page.evaluate("typeof axe !== 'undefined'"):
            # through the debugger, so that the page's own CSP stays as strict as it is
            self.page.evaluate(AXE.read_text())
        rules = {"type": "rule", "values": COLOURS} if of_colours else {"type": "tag", "values": TAGS}
        # without the lists of what is well, which cost as much as the finding
        options = {"runOnly": rules, "resultTypes": ["violations"], "selectors": False}
        found: dict[str, Any] = self.page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{violation['id']}: {violation['nodes'][0]['html'][:160]} ({len(violation['nodes'])})"
            for violation in found["violations"]
        ]

    def scrolls_sideways(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def picture(self, path: Path) -> None:
        self.page.screenshot(path=path)
