"""A probe's certificate, really shown to a proxy that reads the files of a release: what is live is found out."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from ssl import TLSVersion, create_default_context

import pytest
from cryptography import x509
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority
from cas.services.operate import Plan, create_issuing, create_root
from certificates.models import Certificate
from certificates.services import approve_request, issue, request_certificate, set_policy
from certificates.services.custody import confirm_receipt, destroy_due_keys
from core import clock
from core.errors import Refused
from core.outgoing import HandshakeRefused, NoAnswer, send
from gateways.services import register
from outbox.models import Message
from pki.readers import reader_files
from tests.certificates.conftest import EUI
from tests.pki.makers import extension, make_leaf, make_root, p256_key, private_pem
from tests.proxies import servers
from tests.proxies.servers import Proxy
from tests.servers import free_port, wait_until
from trust.models import Cluster, Group, Probe, Release, Store
from trust.services import live, probing, stores
from trust.services.groups import add_to_group, common, remove_from_group
from trust.services.releases import publish_release
from trust.tasks import ask_clusters, publish

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@dataclass(frozen=True, slots=True)
class Desk:
    """One operated authority that is published, a gateway of it with its key here, and a cluster with a proxy."""

    group: Group
    authority: Authority
    certificate: Certificate
    cluster: Cluster
    first: Release
    served: Path  # what the proxy reads: its own copy, as network servers have


@pytest.fixture
def desk(operator: User, second_operator: User, vendor: Vendor, settings: Settings, tmp_path: Path) -> Desk:
    settings.STORE_ROOTS, settings.PRIVATE_HOSTS, settings.FIRST_STORE = [tmp_path], ["localhost"], "none"
    root = create_root(operator, Plan("Fjordnet Root", "Fjordnet", "P-256", 20, 1))
    authority = create_issuing(operator, root, Plan("Fjordnet Gateways", "Fjordnet", "P-256", 10, 0))
    store = stores.connect_store(operator, Store(name="main", kind="directory", directory=str(tmp_path / "store")))
    group = common()
    add_to_group(operator, group, authority)
    first = published(operator, group)
    set_policy(vendor, actor=operator, authority=authority, automatic=True)
    gateway = register(operator, vendor, EUI, "probe")
    wish = request_certificate(operator, gateway, lifetime_days=365, idempotency_key="p", key_type="P-256")
    wish.refresh_from_db()
    if wish.state == wish.State.REQUESTED:
        approve_request(wish, actor=second_operator, expected_sha256=wish.content_sha256)
    certificate = issue(wish.pk)
    assert certificate is not None
    cluster, _ = live.create_cluster(operator, "eu1", store)
    served = tmp_path / "proxy" / "common"
    served.mkdir(parents=True)
    return Desk(group, authority, certificate, cluster, first, served)


@pytest.fixture
def trust(desk: Desk) -> str:
    """The trust for the proxy's own certificate, which is put where the proxy looks for it."""
    key, root = p256_key("server"), make_root("Server Root", not_after=clock.now() + timedelta(days=365))
    named = extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]))
    ends = clock.now() + timedelta(days=90)
    server = make_leaf(root, "localhost", key=key, not_after=ends, extensions=[named])
    (desk.served.parent / "server.pem").write_bytes(server.pem + private_pem(key))
    return root.pem.decode()


@pytest.fixture
def proxy(desk: Desk, trust: str) -> Iterator[Proxy]:
    serve(desk, desk.first)
    with servers.backend() as backend, servers.envoy(desk.served, backend) as running:
        yield running


@pytest.fixture
def probe(operator: User, desk: Desk, proxy: Proxy, trust: str) -> Probe:
    made = probing.create_probe(operator, desk.cluster, eui=EUI, address=f"localhost:{proxy.port}", trust=trust)
    wait_until(lambda: probing.ask(made)[0] == "accepted", what="the proxy's first answer")
    return made


def published(actor: User, group: Group) -> Release:
    release = publish_release(actor, group, "")
    for pk in release.publications.values_list("pk", flat=True):
        publish(pk)
    return release


def serve(desk: Desk, release: Release) -> None:
    """The servers of the cluster start anew: from now on they go by this release."""
    for name, text in release.readers.items():
        beside = desk.served / f".{name}.tmp"
        beside.write_text(text)
        os.replace(beside, desk.served / name)


def live_now(desk: Desk) -> tuple[Release | None, str]:
    cluster = Cluster.objects.listed().get(pk=desk.cluster.pk)
    return cluster.live, cluster.how


def test_a_probe_finds_out_which_release_the_servers_have_read(
    operator: User, second_operator: User, desk: Desk, probe: Probe
) -> None:
    """Falls with: `_conclude` in trust.services.probing."""
    ask_clusters()
    assert live_now(desk) == (desk.first, Cluster.How.PROBE)
    remove_from_group(operator, desk.group, desk.authority)
    second = published(second_operator, desk.group)
    ask_clusters()
    assert live_now(desk)[0] == desk.first  # published, and not yet read
    serve(desk, second)
    wait_until(lambda: probing.ask(probe)[0] == "refused", what="the proxy's refusal")
    ask_clusters()
    assert live_now(desk) == (second, Cluster.How.PROBE)
    assert not Message.objects.filter(key__startswith="probe:").exists()


def test_what_no_release_explains_is_told_once_and_nothing_is_marked(operator: User, desk: Desk, probe: Probe) -> None:
    ask_clusters()
    for name in desk.first.readers:  # somebody gave the proxy other files
        text = reader_files([])[name]
        (desk.served / f".{name}").write_bytes(text)
        os.replace(desk.served / f".{name}", desk.served / name)
    wait_until(lambda: probing.ask(probe)[0] == "refused", what="the proxy's refusal")
    ask_clusters()
    ask_clusters()
    assert live_now(desk)[0] == desk.first
    probe.refresh_from_db()
    assert probe.contradicts_since is not None
    assert Message.objects.filter(key__startswith="probe:", recipient=operator.email).count() == 1
    assert Record.objects.filter(action="probe.contradicts").count() == 1


def test_a_server_that_does_not_answer_says_nothing(operator: User, desk: Desk, trust: str) -> None:
    probing.create_probe(operator, desk.cluster, eui=EUI, address=f"localhost:{free_port()}", trust=trust)
    ask_clusters()
    probe = Probe.objects.get()
    assert (probe.answer, "does not answer" in probe.words) == ("silent", True)
    assert live_now(desk)[0] is None


def test_a_server_whose_own_certificate_is_not_trusted_gets_no_request(
    operator: User, desk: Desk, proxy: Proxy
) -> None:
    probing.create_probe(operator, desk.cluster, eui=EUI, address=f"localhost:{proxy.port}")
    ask_clusters()
    assert Probe.objects.get().answer == "silent"


def test_an_alert_of_the_other_side_is_told_from_silence(desk: Desk, proxy: Proxy, trust: str) -> None:
    tls = create_default_context(cadata=trust)  # shows no certificate
    tls.maximum_version = TLSVersion.TLSv1_2
    with pytest.raises(HandshakeRefused, match="handshake failure"):
        send("GET", f"https://localhost:{proxy.port}/", headers={}, tls=tls)
    with pytest.raises(NoAnswer) as caught:
        send("GET", f"https://localhost:{proxy.port}/", headers={})
    assert not isinstance(caught.value, HandshakeRefused)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, "accepted"), (404, "accepted"), (400, "refused"), (401, "refused"), (403, "refused"), (502, "silent")],
)
def test_a_status_is_read_for_what_it_says_about_the_certificate(status: int, answer: str) -> None:
    assert probing.read_status(status)[0] == answer


def test_the_key_of_a_probe_is_kept_until_the_probe_goes(operator: User, desk: Desk, probe: Probe) -> None:
    with clock.at(clock.now() + timedelta(days=30)):
        destroy_due_keys()
        assert probing.ask(Probe.objects.listed().get())[0] == "accepted"
        probing.delete_probe(operator, probe)
        assert destroy_due_keys() == 1
    desk.certificate.refresh_from_db()
    assert not desk.certificate.has_sealed_key


def test_a_probe_without_its_key_says_what_to_do(operator: User, desk: Desk, probe: Probe) -> None:
    confirm_receipt(Certificate.objects.get(pk=desk.certificate.pk), actor=operator)
    probe = Probe.objects.listed().get(pk=probe.pk)
    assert "Choose another" in probing.ask(probe)[1]
    with pytest.raises(Refused, match="has its private key here"):
        probing.create_probe(operator, desk.cluster, eui=EUI, address="localhost:8987")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"eui": "nonsense"}, "EUI"), ({"eui": "58A0CBFFFE8011D9"}, "no such gateway"),
        ({"address": "localhost"}, "host:port"), ({"address": "localhost:8987/x"}, "host:port"),
        ({"address": "a@localhost:8987"}, "host:port"), ({"address": "10.0.0.1:8987"}, "private network"),
        ({"trust": "no certificate"}, "PEM"),
    ],
)  # fmt: skip
def test_what_cannot_be_probed_is_refused(operator: User, desk: Desk, change: dict[str, str], match: str) -> None:
    values = {"eui": EUI, "address": "localhost:8987", "trust": "", **change}
    with pytest.raises(Refused, match=match):
        probing.create_probe(operator, desk.cluster, **values)


def test_an_operator_sets_a_probe_up_on_the_page(operator: User, desk: Desk, proxy: Proxy, trust: str) -> None:
    client = Client()
    client.force_login(operator)
    values = {"cluster": desk.cluster.pk, "eui": EUI, "address": f"localhost:{proxy.port}", "trust": trust}
    wait_until(lambda: _answers(proxy, trust), what="the proxy")
    said = client.post(reverse("trust:new_probe"), values, follow=True).text
    assert "Lets it in" in said
    assert live_now(desk)[0] == desk.first


def _answers(proxy: Proxy, trust: str) -> bool:
    try:
        send("GET", f"https://localhost:{proxy.port}/", headers={}, tls=create_default_context(cadata=trust))
    except HandshakeRefused:
        return True
    except NoAnswer:
        return False
    return True
