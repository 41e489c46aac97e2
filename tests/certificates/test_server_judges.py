"""The files of a server before independent judges: OpenSSL, GnuTLS, Go, pkilint, and a handshake."""

import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User
from cas.models import Authority
from certificates.models import ServerCertificate
from certificates.services.server_certificates import ServerWish, create
from pki.issuing import HOST_LINTS
from pki.lint import lint
from tests import servers
from tests.certificates.server_world import NAMES, run
from tests.certificates.server_world import for_servers as for_servers
from tests.pki.go.judge import build

pytestmark = pytest.mark.django_db(transaction=True)
HOSTS = ("lns.fjordnet.example", "*.lns.fjordnet.example", "localhost", "127.0.0.1", "::1")
GOOD = ["lns.fjordnet.example", "eu1.lns.fjordnet.example"]
BAD = ["fjordnet.example", "a.b.lns.fjordnet.example", "lns.fjordnet.example.evil.example"]
FILES = ("cert.pem", "chain.pem", "fullchain.pem", "ca.pem")


@pytest.fixture(params=["P-256", "P-384", "RSA 2048"])
def made(request: pytest.FixtureRequest, for_servers: Authority, operator: User) -> ServerCertificate:
    wish = ServerWish(HOSTS, "development", 365, NAMES, request.param)
    return create(operator, for_servers, wish, idempotency_key="j")


@pytest.fixture
def folder(
    made: ServerCertificate, operator: User, client_of: Callable[[User], Client], password: str, tmp_path: Path
) -> Path:
    """What an operator downloads."""
    client = client_of(operator)
    client.post("/account/again/", {"password": password})
    for name in FILES:
        (tmp_path / name).write_bytes(client.get(f"/servers/{made.pk}/files/{name}").content)
    answer = client.post(f"/servers/{made.pk}/key/")
    assert answer.status_code == 200, answer
    (tmp_path / "key.pem").write_bytes(answer.content)
    return tmp_path


def openssl(folder: Path, *options: str) -> str:
    command = ("openssl", "verify", "-x509_strict", "-check_ss_sig", "-CAfile", "ca.pem", "-untrusted", "chain.pem")
    verdict = run(folder, *command, *options, "cert.pem")
    return verdict.stdout + verdict.stderr


def test_openssl_accepts_it_strictly_as_a_server_of_its_hosts(folder: Path) -> None:
    for host in GOOD:
        assert openssl(folder, "-purpose", "sslserver", "-verify_hostname", host) == "cert.pem: OK\n"
    for address in ("127.0.0.1", "::1"):
        assert openssl(folder, "-purpose", "sslserver", "-verify_ip", address) == "cert.pem: OK\n"


def test_openssl_refuses_other_hosts_and_the_server_as_a_client(folder: Path) -> None:
    for host in BAD:
        assert "hostname mismatch" in openssl(folder, "-purpose", "sslserver", "-verify_hostname", host).lower()
    assert "certificate purpose" in openssl(folder, "-purpose", "sslclient")


def test_gnutls_agrees(folder: Path) -> None:
    # it knows no chain but the whole one, which begins with what is judged
    (folder / "whole.pem").write_bytes((folder / "fullchain.pem").read_bytes() + (folder / "ca.pem").read_bytes())
    for host in (*GOOD, *BAD):
        options = ("--load-ca-certificate", "ca.pem", "--verify-purpose", "1.3.6.1.5.5.7.3.1", "--infile", "whole.pem")
        verdict = run(folder, "certtool", "--verify", *options, "--verify-hostname", host)
        words = "Verified. The certificate is trusted." if host in GOOD else "Not verified."
        assert f"Chain verification output: {words}" in verdict.stdout, (host, verdict)


def test_go_agrees(folder: Path) -> None:
    judge = build(Path(__file__).parent.parent / "pki" / "go" / "hosts.go")
    said = run(folder, str(judge), "ca.pem", "fullchain.pem", *GOOD, *BAD, "[127.0.0.1]", "[::1]").stdout.splitlines()
    assert [line.endswith(" OK") for line in said] == [True] * len(GOOD) + [False] * len(BAD) + [True, True]


def test_pkilint_finds_what_is_waived_and_no_more(made: ServerCertificate) -> None:
    assert {finding.code for finding in lint(bytes(made.der or b""))} <= HOST_LINTS


@contextmanager
def tls_server(folder: Path) -> Iterator[int]:
    """A TLS server with the downloaded files; answers each caller with a line of HTTP."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "fullchain.pem", folder / "key.pem")
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        thread = threading.Thread(target=_answer, args=(listening, context), daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)  # else it waits for the next caller for ever
        thread.join(10)


def _answer(listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(plain, server_side=True) as caller:
                caller.recv(4096)
                caller.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        except OSError:
            plain.close()


def test_python_and_curl_connect_to_a_server_that_has_the_files(folder: Path) -> None:
    with tls_server(folder) as port:
        trust = ssl.create_default_context(cafile=folder / "ca.pem")
        with urllib.request.urlopen(f"https://localhost:{port}/", context=trust, timeout=10) as answer:
            assert answer.read() == b"hello"
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(f"https://localhost:{port}/", context=ssl.create_default_context(), timeout=10)
        if not run(folder, "which", "curl").stdout:
            servers.missing("curl")
        for host in GOOD:
            names = ("--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/")
            verdict = run(folder, "curl", "-sS", "--noproxy", "*", "--cacert", "ca.pem", *names)
            assert verdict.stdout == "hello", verdict.stderr


def test_a_client_that_has_another_name_in_mind_is_warned(folder: Path) -> None:
    with tls_server(folder) as port:
        trust = ssl.create_default_context(cafile=folder / "ca.pem")
        with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLCertVerificationError):
            trust.wrap_socket(plain, server_hostname="fjordnet.example")
