"""The pages' files: what the strict policy refuses is not even written."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (ROOT / "templates").rglob("*.html") if "emails" not in path.parts)
ICON = re.compile(r"""\{% icon ["']([a-z0-9-]+)["']""")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_has_no_inline_script_or_style(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\shx-on|\son[a-z]+=\"|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


def test_every_icon_that_a_template_names_is_copied() -> None:
    listed = set((ROOT / "templates" / "ui" / "icons.txt").read_text().split())
    named = {name for path in PAGES for name in ICON.findall(path.read_text())}
    assert named <= listed
