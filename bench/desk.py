"""The desk with the demonstration: how long a page takes, and a certificate from the click to the download."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from django.urls import reverse

from bench.figure import Figure, median_ms
from certificates.forms import MADE_HERE
from tests import servers
from tests.browser.addresses import PEOPLE, SOLVEIG, address, pages, read_rows
from tests.browser.conftest import DEMO_PASSWORD
from tests.servers import Product

PAGE_GOAL_MS = 150
ISSUE_GOAL_S = 2
LONGEST_S = 60
TIMES = 15
DAY = timedelta(days=1)


def measure() -> Iterator[Figure]:
    with servers.product({"CERTADMIN_DEMO_PASSWORD": DEMO_PASSWORD}) as product:
        product.manage("prepare")
        product.manage("seed_demo")
        product.manage(
            "shell", "-c", "from certificates.models import ProfileRule as R; R.objects.update(approval='automatic')"
        )
        product.start()
        yield from _pages(product)
        yield _click_to_download(product)


def _pages(product: Product) -> Iterator[Figure]:
    """The slowest page of each role, whole round trip over loopback, beside a file that no code serves."""
    rows = read_rows(product.folder / "certadmin.sqlite3")
    for role in ("operator", "vendor"):
        column, email = PEOPLE[role]
        browser = _sign_in(product, email)
        file = re.search(r'href="(/static/[^"]+[.]css)"', browser.get(product.url).text)
        beside = median_ms(_getting(browser, product.url + file[1] if file else ""), times=TIMES)
        times = {name: median_ms(_getting(browser, product.url + address(name, rows)), times=TIMES)
                 for name in pages(column)}  # fmt: skip
        slowest = max(times, key=lambda name: times[name])
        yield Figure(f"slowest page, {role} ({slowest})", times[slowest], beside, PAGE_GOAL_MS, "ms")
        yield Figure(f"overview, {role}", times["overview"], beside, PAGE_GOAL_MS, "ms")


def _getting(browser: requests.Session, url: str) -> Callable[[], None]:
    def get() -> None:
        answer = browser.get(url)
        if answer.status_code != 200:
            raise RuntimeError(f"{url} answers {answer.status_code}")

    return get


def _click_to_download(product: Product) -> Figure:
    """A vendor asks for a certificate with a key made here; beside it the key and the signature alone."""
    browser = _sign_in(product, PEOPLE["vendor"][1])
    seconds = sorted(_one_certificate(product, browser, gateway) for gateway in _uncertified(product)[:5])
    beside = median_ms(_bare, times=TIMES) / 1000
    return Figure("a certificate, click to download", seconds[len(seconds) // 2], beside, ISSUE_GOAL_S, "s")


def _one_certificate(product: Product, browser: requests.Session, gateway: int) -> float:
    form = product.url + reverse("certificates:new", args=[gateway])
    hidden = _hidden(browser.get(form).text)
    start = time.perf_counter()
    wish = {"source": MADE_HERE, "key_type": "P-256", "lifetime_days": "365"}
    asked = browser.post(form, data=hidden | wish, headers={"Referer": form})
    while not (found := re.search(r'href="(/certificates/\d+/)"', asked.text)):
        if time.perf_counter() - start > LONGEST_S:
            raise RuntimeError("no certificate came")
        time.sleep(0.02)
        asked = browser.get(asked.url)
    leaf = browser.get(f"{product.url}{found[1]}files/leaf.pem")
    seconds = time.perf_counter() - start
    x509.load_pem_x509_certificate(leaf.content)
    return seconds


def _uncertified(product: Product) -> list[int]:
    sql = (
        f"SELECT id FROM gateways_gateway g WHERE vendor_id = {SOLVEIG} AND current_not_after IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM certificates_request r WHERE r.gateway_id = g.id)"
    )
    with closing(sqlite3.connect(product.folder / "certadmin.sqlite3")) as database:
        return [pk for (pk,) in database.execute(sql)]


def _sign_in(product: Product, email: str) -> requests.Session:
    browser = requests.Session()
    address_of_form = f"{product.url}/login/"
    hidden = _hidden(browser.get(address_of_form).text)
    data = hidden | {"login": email, "password": DEMO_PASSWORD}
    answer = browser.post(address_of_form, data=data, headers={"Referer": address_of_form})
    if "/login" in answer.url:
        raise RuntimeError(f"{email} cannot sign in")
    return browser


def _hidden(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html))


def _bare() -> None:
    """What `cryptography` alone needs for a key and a certificate in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "58A0CBFFFE8011D4")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + DAY)
    builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
