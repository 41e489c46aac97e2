"""A browser and a running product, once for all browser tests."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests import servers
from tests.browser.desk import Desk
from tests.servers import Product

DEMO_PASSWORD = "a password for the demonstration"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        servers.missing("chromium")
    # Playwright's sync loop runs in this thread; Django would take it for an asynchronous one
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def _static_files() -> None:
    """What `make run` does before it starts."""
    subprocess.run([sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"], cwd=servers.ROOT, check=True)


@pytest.fixture(scope="session")
def demonstration(seeded: Path) -> Iterator[Product]:
    """The product with the demonstration's data."""
    with servers.product({"CERTADMIN_DEMO_PASSWORD": DEMO_PASSWORD}) as product:
        shutil.copytree(seeded, product.folder, dirs_exist_ok=True)
        product.start()
        yield product


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The data folder of a desk with the demonstration, made once for all processes of a run."""
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent
    folder = shared / "demonstration"
    with (shared / "demonstration.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with servers.product({"CERTADMIN_DEMO_PASSWORD": DEMO_PASSWORD}) as product:
                product.manage("prepare")
                product.manage("seed_demo")
                shutil.copytree(product.folder, folder)
    return folder


@pytest.fixture(scope="session")
def empty_product() -> Iterator[Product]:
    """The product as it is after the first start."""
    with servers.product() as product:
        product.start()
        yield product


@pytest.fixture
def desk(chromium: Browser, empty_product: Product) -> Iterator[Desk]:
    with Desk.open(chromium, empty_product.url) as desk:
        yield desk


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = Path(__file__).resolve().parent.parent / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder
