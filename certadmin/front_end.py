"""Copies the few front-end files that pages need out of node_modules. Run as a script, before collectstatic."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
TARGET = ROOT / "static" / "vendor"
FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "inter.woff2",
    "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2": "jetbrains-mono.woff2",
}


def copy_files() -> None:
    (TARGET / "icons").mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        shutil.copyfile(MODULES / source, TARGET / name)
    # a map that is not there would stop the manifest of static files
    sheet = TARGET / "tabler.min.css"
    sheet.write_text("\n".join(line for line in sheet.read_text().splitlines() if "sourceMappingURL" not in line))
    for icon in (ROOT / "templates" / "ui" / "icons.txt").read_text().split():
        shutil.copyfile(MODULES / "@tabler/icons/icons/outline" / f"{icon}.svg", TARGET / "icons" / f"{icon}.svg")


if __name__ == "__main__":
    copy_files()
