"""Real proxies with the files of a release: who gets in, who does not any more, and that no header can be forged."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from core import clock
from pki.bundle import BundleEntry
from pki.readers import reader_files
from tests.pki.makers import Made, make_issuing, make_leaf, make_root, p256_key, private_pem
from tests.proxies import servers
from tests.proxies.servers import Backend, Proxy, ask
from tests.servers import wait_until

pytestmark = pytest.mark.slow
Start = Callable[[Path, int], AbstractContextManager[Proxy]]
PROXIES: dict[str, Start] = {
    "envoy": servers.envoy,
    "traefik": servers.traefik,
    "nginx": servers.nginx,
    "haproxy": servers.haproxy,
}
EUI = "58A0CBFFFE8011D4"
YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def root() -> Made:
    return make_root("Kestrel Root", not_after=clock.now() + 10 * YEAR)


@pytest.fixture(scope="module")
def issuing(root: Made) -> tuple[Made, Made]:
    ends = clock.now() + 5 * YEAR
    return make_issuing(root, "Kestrel CA 1", not_after=ends), make_issuing(root, "Kestrel CA 2", not_after=ends)


@pytest.fixture
def backend() -> Iterator[Backend]:
    with servers.backend() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    key = p256_key("server")
    server = make_leaf(make_root("Server Root"), "localhost", key=key, not_after=clock.now() + YEAR)
    (tmp_path / "server.pem").write_bytes(server.pem + private_pem(key))
    made = tmp_path / "common"
    made.mkdir()
    return made


def publish(folder: Path, trusted: Made, root: Made) -> None:
    """As a directory store does: each file is renamed into place."""
    entries = [BundleEntry(each.der, "Kestrel Radio", "CN=x", clock.now()) for each in (trusted, root)]
    for name, content in reader_files(entries[:1], entries[1:]).items():
        beside = folder / f".{name}.tmp"
        beside.write_bytes(content)
        os.replace(beside, folder / name)


def gateway(folder: Path, issuer: Made, name: str, *, chain: bool = False) -> Path:
    key = p256_key(name)
    leaf = make_leaf(issuer, EUI, key=key, not_after=clock.now() + YEAR)
    path = folder.parent / f"{name}.pem"
    path.write_bytes(leaf.pem + (issuer.pem if chain else b"") + private_pem(key))
    return path


def _is_ready(proxy: Proxy, certificate: Path) -> bool:
    """Traefik answers before it has read whom to let in."""
    return ask(proxy.port, None) != 200 and ask(proxy.port, certificate) == 200


def _all_refused(proxy: Proxy, certificates: Sequence[Path]) -> bool:
    return all(ask(proxy.port, each) != 200 for each in certificates)


@pytest.mark.parametrize("name", PROXIES)
def test_a_gateway_gets_in_until_its_authority_is_withdrawn(
    name: str, folder: Path, backend: Backend, root: Made, issuing: tuple[Made, Made]
) -> None:
    old, new = issuing
    publish(folder, old, root)
    first, second = gateway(folder, old, "first"), gateway(folder, new, "second")
    stranger = gateway(folder, make_root("Somebody else"), "stranger")
    with PROXIES[name](folder, backend.port) as proxy:
        wait_until(lambda: _is_ready(proxy, first), what="the first gateway")
        assert ask(proxy.port, second) != 200
        assert ask(proxy.port, stranger) != 200
        publish(folder, new, root)
        proxy.reload()
        wait_until(lambda: ask(proxy.port, second) == 200, what="the second gateway after the release")
        # nor with its own authority sent along, which the root would vouch for
        withdrawn = (first, gateway(folder, old, "with-chain", chain=True))
        wait_until(lambda: _all_refused(proxy, withdrawn), what="the end of the first")
        time.sleep(0.5)  # no worker of before the reload is left
        assert _all_refused(proxy, withdrawn)


@pytest.mark.parametrize("name", PROXIES)
def test_a_forged_header_does_not_reach_the_network_server(
    name: str, folder: Path, backend: Backend, root: Made, issuing: tuple[Made, Made]
) -> None:
    publish(folder, issuing[0], root)
    certificate = gateway(folder, issuing[0], "first")
    with PROXIES[name](folder, backend.port) as proxy:
        wait_until(lambda: _is_ready(proxy, certificate), what="the gateway")
        assert ask(proxy.port, certificate) == 200
    forwarded = {k: v for k, v in backend.headers.items() if k.startswith("x-forwarded") and "cert" in k}
    assert forwarded
    assert "forged" not in forwarded.values()
    assert any("Chain=" in value or "MII" in value for value in forwarded.values())
