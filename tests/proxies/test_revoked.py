"""Real proxies with lists of revoked certificates: who is refused, and what becomes of authorities without a list."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from core import clock
from pki import crl
from pki.bundle import BundleEntry
from pki.readers import reader_files, revocation_files
from tests.pki.issued import Issued
from tests.pki.makers import Made, make_issuing, make_leaf, make_root, p256_key, private_der, private_pem
from tests.pki.test_crl import make_list
from tests.proxies import servers
from tests.proxies.client import Gateway
from tests.proxies.servers import Backend, Proxy
from tests.proxies.test_proxies import PROXIES, YEAR, write
from tests.servers import wait_until

pytestmark = pytest.mark.slow
EUI = "58A0CBFFFE8011D4"
REVOKED, GOOD, VENDORS = 0x0BAD5EED, 0x600D5EED, 0x7E5EED  # the first has an odd number of digits
ENVOY_LISTS = ("envoy.yaml", "envoy-crl.yaml")  # what its notes say to replace
# what each does with a gateway that is good, one that is revoked, and one of a vendor's own authority without a list
EXPECTED = {
    "envoy": (200, 200, 200),
    "envoy with lists": (200, 0, 0),
    "traefik": (200, 200, 200),
    "nginx": (200, 403, 200),
    "haproxy": (200, 0, 200),
}


@pytest.fixture(scope="module")
def ours() -> Made:
    root = make_root("Fjordnet Root", not_after=clock.now() + 10 * YEAR)
    return make_issuing(root, "Fjordnet CA", key=p256_key("fjordnet"), not_after=clock.now() + 5 * YEAR)


@pytest.fixture(scope="module")
def vendors() -> Made:
    root = make_root("Kestrel Root", key=p256_key("kestrel root"), not_after=clock.now() + 10 * YEAR)
    return make_issuing(root, "Kestrel CA", key=p256_key("kestrel"), not_after=clock.now() + 5 * YEAR)


@pytest.fixture
def backend() -> Iterator[Backend]:
    with servers.backend() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    key = p256_key("server")
    server = make_leaf(make_root("Server Root"), "localhost", key=key, not_after=clock.now() + YEAR)
    (tmp_path / "server.pem").write_bytes(server.pem + private_pem(key))
    (tmp_path / "common").mkdir()
    return tmp_path / "common"


def publish(folder: Path, *trusted: Made, lists: list[bytes], serials: list[int]) -> None:
    files = reader_files([BundleEntry(each.der, "vendor", "subject", clock.now()) for each in trusted])
    write(folder, files | revocation_files(files["authorities.pem"].decode(), lists, serials))


def listing(issuer: Made, *serials: int, age: timedelta = timedelta(0)) -> bytes:
    """A list of seven days, made some time ago."""
    now = clock.now().replace(microsecond=0) - age
    entries = [crl.entry(serial, now, "keyCompromise") for serial in serials]
    issued = Issued(issuer.der, private_der(issuer.key, serialization.PrivateFormat.PKCS8))
    return make_list(issued, entries, now=now, until=now + timedelta(days=7))


def gateways(folder: Path, ours: Made, vendors: Made) -> tuple[Gateway, ...]:
    return tuple(
        gateway(folder, issuer, serial) for issuer, serial in ((ours, GOOD), (ours, REVOKED), (vendors, VENDORS))
    )


def gateway(folder: Path, issuer: Made, serial: int) -> Gateway:
    key = p256_key(str(serial))
    leaf = make_leaf(issuer, EUI, key=key, serial=serial, not_after=clock.now() + YEAR)
    path = folder.parent / f"{serial:x}.pem"
    path.write_bytes(leaf.pem + private_pem(key))
    return Gateway(path)


def answers(proxy: Proxy, asking: tuple[Gateway, ...]) -> tuple[int, ...]:
    return tuple(each.ask(proxy.port) for each in asking)


@pytest.mark.parametrize("name", EXPECTED)
def test_who_is_revoked_is_refused_and_the_others_fare_as_the_notes_say(
    name: str, folder: Path, backend: Backend, ours: Made, vendors: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = gateways(folder, ours, vendors)
    replaced = ENVOY_LISTS if "with lists" in name else ("", "")
    monkeypatch.setattr(servers, "REPLACED", replaced)
    publish(folder, ours, vendors, lists=[listing(ours)], serials=[])
    with PROXIES[name.split()[0]](folder, backend) as proxy:
        wait_until(lambda: answers(proxy, asking[:2]) == (200, 200), what="both, before the revocation")
        publish(folder, ours, vendors, lists=[listing(ours, REVOKED)], serials=[REVOKED])
        proxy.reload()
        wait_until(lambda: answers(proxy, asking) == EXPECTED[name], what=f"{EXPECTED[name]}, as the notes say")


def test_a_list_that_is_over_still_counts_in_haproxy_and_stops_envoy(
    folder: Path, backend: Backend, ours: Made, vendors: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the notes say. Fails in HAProxy without 12 among the errors that are ignored."""
    asking = gateways(folder, ours, vendors)
    publish(folder, ours, vendors, lists=[listing(ours, REVOKED, age=timedelta(days=8))], serials=[REVOKED])
    with servers.haproxy(folder, backend) as proxy:
        wait_until(lambda: answers(proxy, asking) == (200, 0, 200), what="the old list in HAProxy")
    monkeypatch.setattr(servers, "REPLACED", ENVOY_LISTS)
    with servers.envoy(folder, backend) as proxy:
        assert answers(proxy, asking) == (0, 0, 0)


def test_nothing_is_revoked_where_no_authority_is_operated(folder: Path, backend: Backend, vendors: Made) -> None:
    """Fails where crls.pem is empty: HAProxy does not start."""
    first = gateway(folder, vendors, VENDORS)
    publish(folder, vendors, lists=[], serials=[])
    for start in (servers.haproxy, servers.nginx):
        with start(folder, backend) as proxy:
            assert first.ask(proxy.port) == 200


def test_ssl_crl_of_nginx_does_not_help_as_the_notes_say(
    folder: Path, backend: Backend, ours: Made, vendors: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when nginx begins to look at it beside VerifyCAFile: then the recipe can be simpler."""
    asking = gateways(folder, ours, vendors)
    publish(folder, ours, vendors, lists=[listing(ours, REVOKED)], serials=[])
    beside = f"ssl_crl {folder}/crls.pem;\nssl_session_cache off;"
    monkeypatch.setattr(servers, "REPLACED", ("ssl_session_cache off;", beside))
    with servers.nginx(folder, backend) as proxy:
        wait_until(lambda: answers(proxy, asking) == (200, 200, 200), what="a list that nobody looks at")
    without = (f"ssl_conf_command VerifyCAFile {folder}/anchors.pem;", f"ssl_crl {folder}/crls.pem;")
    monkeypatch.setattr(servers, "REPLACED", without)
    with servers.nginx(folder, backend) as proxy:
        assert answers(proxy, asking) == (400, 400, 400)
