"""Real proxies with the files of a release: who gets in, who does not any more, and that no header can be forged."""

import os
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from core import clock
from pki.bundle import BundleEntry
from pki.readers import reader_files, revocation_files
from tests.pki.makers import Made, make_issuing, make_leaf, make_root, p256_key, private_pem
from tests.proxies import servers
from tests.proxies.client import Gateway, leaf_as_the_things_stack_reads_it, say
from tests.proxies.servers import Backend, Proxy
from tests.servers import wait_until

pytestmark = pytest.mark.slow
Start = Callable[[Path, Backend], AbstractContextManager[Proxy]]
PROXIES: dict[str, Start] = {
    "envoy": servers.envoy,
    "traefik": servers.traefik,
    "nginx": servers.nginx,
    "haproxy": servers.haproxy,
}
FORGED = [
    ("X-Forwarded-Client-Cert", 'Chain="forged"'),
    ("x-forwarded-client-cert", 'By=forged;Chain="forged"'),
    ("X-Forwarded-Tls-Client-Cert", "forged"),
    ("x-forwarded-tls-client-cert", "forged"),
    ("X-Forwarded-Tls-Client-Cert-Info", "forged"),
    ("X_Forwarded_Client_Cert", "forged"),
    ("X-Forwarded-For", "127.0.0.1"),  # as if from a proxy before
]
EUI = "58A0CBFFFE8011D4"
YEAR = timedelta(days=365)
LEAVES_CONNECTIONS = {"envoy", "traefik"}  # the others end those that stand when they reload


@dataclass(frozen=True, slots=True)
class Family:
    """A vendor that rolled its authority over and kept the name: one root, two keys."""

    root: Made
    old: Made
    new: Made
    below_old: Made


@pytest.fixture(scope="module")
def family() -> Family:
    now = clock.now()
    root = make_root("Kestrel Root", not_after=now + 10 * YEAR)
    ends = now + 5 * YEAR
    old = make_issuing(root, "Kestrel Gateway CA", key=p256_key("old"), not_after=ends)
    new = make_issuing(root, "Kestrel Gateway CA", key=p256_key("new"), serial=0x5EED2, not_after=ends)
    return Family(root, old, new, make_issuing(old, "Kestrel Sub CA", key=p256_key("below"), not_after=ends))


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


def publish(folder: Path, *trusted: Made) -> None:
    """As a directory store does: each file is renamed into place. The names are as hostile as a vendor's can be."""
    hostile = "-----BEGIN CERTIFICATE-----\r\nMII | # é\x00"
    files = reader_files([BundleEntry(each.der, hostile, hostile, clock.now()) for each in trusted])
    write(folder, files | revocation_files(files["authorities.pem"].decode(), [], []))


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        beside = folder / f".{name}.tmp"
        beside.write_bytes(content)
        os.replace(beside, folder / name)


def gateway(folder: Path, issuer: Made, name: str, *along: Made) -> Gateway:
    """A gateway under `issuer`, which sends the authorities `along` too."""
    key = p256_key(name)
    leaf = make_leaf(issuer, EUI, key=key, not_after=clock.now() + YEAR)
    path = folder.parent / f"{name}.pem"
    path.write_bytes(leaf.pem + b"".join(each.pem for each in along) + private_pem(key))
    return Gateway(path)


def wait_for(proxy: Proxy, first: Gateway) -> None:
    """Until the gateway gets in, and none without a certificate: a proxy may listen before it has read everything."""
    ready = lambda: first.ask(proxy.port) == 200 and Gateway(None).ask(proxy.port) != 200  # noqa: E731  asked twice below
    wait_until(ready, what="the first gateway")


def admitted(proxy: Proxy, gateways: Sequence[Gateway]) -> list[str]:
    return [each.certificate.stem for each in gateways if each.certificate and each.ask(proxy.port) == 200]


@pytest.mark.parametrize("name", PROXIES)
def test_a_gateway_gets_in_until_its_authority_is_withdrawn(
    name: str, folder: Path, backend: Backend, family: Family
) -> None:
    publish(folder, family.old)
    old, remembers, new = (
        gateway(folder, issuer, label)
        for issuer, label in ((family.old, "old"), (family.old, "remembers"), (family.new, "new"))
    )
    with PROXIES[name](folder, backend) as proxy:
        wait_for(proxy, old)
        strangers = [gateway(folder, make_root("Somebody else"), "stranger"), new]
        assert admitted(proxy, strangers) == []
        assert [remembers.ask(proxy.port) for _ in range(2)] == [200, 200]
        with old.connection(proxy.port) as standing:
            assert say(standing) == 200
            publish(folder, family.new)
            proxy.reload()
            wait_until(lambda: new.ask(proxy.port) == 200, what="the new gateway after the release")
            wait_until(lambda: old.ask(proxy.port) != 200, what="the end of the old one")
            stays = 200 if name in LEAVES_CONNECTIONS else 0
            wait_until(lambda: say(standing) == stays, what="what the notes say of connections that stand")
        # nor with its authorities sent along, one of the trusted one's name, nor with a TLS session of before
        withdrawn = [
            gateway(folder, family.old, "with its authority", family.old),
            gateway(folder, family.old, "with the root", family.old, family.root),
            gateway(folder, family.below_old, "from below", family.below_old, family.old),
        ]
        assert admitted(proxy, [old, remembers, *withdrawn]) == []


@pytest.mark.parametrize("name", PROXIES)
def test_a_forged_header_does_not_reach_the_network_server(
    name: str, folder: Path, backend: Backend, family: Family
) -> None:
    publish(folder, family.old)
    sender = gateway(folder, family.old, "sender", family.old)
    with PROXIES[name](folder, backend) as proxy:
        wait_for(proxy, sender)
        backend.headers = {}
        assert sender.ask(proxy.port, FORGED) == 200
    assert sender.certificate is not None
    own = ssl.PEM_cert_to_DER_cert(
        sender.certificate.read_text().partition("-----END")[0] + "-----END CERTIFICATE-----"
    )
    assert leaf_as_the_things_stack_reads_it(backend.headers) == own
    certificates = {key: values for key, values in backend.headers.items() if "cert" in key}
    if name == "traefik":  # as its notes say
        assert certificates.pop("x_forwarded_client_cert") == ["forged"]
    assert [len(values) for values in certificates.values()] == [1]
    assert "forged" not in str(certificates)


@pytest.mark.parametrize("name", PROXIES)
def test_a_station_reaches_the_network_server_over_websocket(
    name: str, folder: Path, backend: Backend, family: Family
) -> None:
    publish(folder, family.old)
    station = gateway(folder, family.old, "station")
    upgrade = [
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]  # fmt: skip
    with PROXIES[name](folder, backend) as proxy:
        wait_for(proxy, station)
        with station.connection(proxy.port) as connection:
            assert say(connection, upgrade) == 101
            connection.sendall(b"two ways")
            assert connection.recv(100) == b"two ways"
    assert leaf_as_the_things_stack_reads_it(backend.headers)


@pytest.mark.parametrize("name", PROXIES)
def test_an_emptied_group_lets_nobody_in(name: str, folder: Path, backend: Backend, family: Family) -> None:
    publish(folder, family.old)
    last = gateway(folder, family.old, "last")
    with PROXIES[name](folder, backend) as proxy:
        wait_for(proxy, last)
        publish(folder)
        proxy.reload()
        wait_until(lambda: last.ask(proxy.port) != 200, what="the end of the last gateway")


def test_who_gets_in_below_a_trusted_authority_or_after_its_end_is_as_the_notes_say(
    folder: Path, backend: Backend, family: Family
) -> None:
    ended = make_issuing(family.root, "Ended CA", key=p256_key("ended"), not_after=clock.now() - timedelta(hours=1))
    publish(folder, family.old, ended)
    asking = [
        first := gateway(folder, family.old, "trusted"),
        gateway(folder, family.below_old, "below", family.below_old),
        gateway(folder, ended, "ended"),
    ]
    found = {}
    for name, start in PROXIES.items():
        with start(folder, backend) as proxy:
            wait_for(proxy, first)
            found[name] = admitted(proxy, asking)
    assert found == {
        "envoy": ["trusted"],
        "traefik": ["trusted", "below"],
        "nginx": ["trusted", "ended"],
        "haproxy": ["trusted", "below", "ended"],
    }


def test_traefik_serves_nobody_before_it_has_read_the_file(folder: Path, backend: Backend) -> None:
    with servers.traefik(folder, backend) as proxy:
        wait_until(lambda: Gateway(None).ask(proxy.port, FORGED) == 404, what="Traefik's answer")
        assert backend.headers == {}


def test_envoy_goes_on_with_the_last_file_that_it_could_read(folder: Path, backend: Backend, family: Family) -> None:
    publish(folder, family.old)
    first, new = gateway(folder, family.old, "old"), gateway(folder, family.new, "new")
    with servers.envoy(folder, backend) as proxy:
        wait_for(proxy, first)
        (folder / "torn").write_bytes((folder / "envoy.yaml").read_bytes()[:700])
        os.replace(folder / "torn", folder / "envoy.yaml")
        assert not [each for each in range(20) if first.ask(proxy.port) != 200]
        publish(folder, family.new)
        wait_until(lambda: new.ask(proxy.port) == 200, what="the release after a torn file")
