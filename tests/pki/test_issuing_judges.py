"""Issued chains before independent judges: OpenSSL and GnuTLS, at a given instant."""

import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.pki.issued import Issued, World, make_world
from tests.pki.makers import EUI, NOW

CLIENT_AUTH, SERVER_AUTH = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"
KINDS = [("P-256", "P-256"), ("P-384", "RSA 2048"), ("RSA 2048", "P-256"), ("RSA 3072", "RSA 2048")]


@pytest.fixture(scope="module", params=KINDS, ids=" over ".join)
def world(request: pytest.FixtureRequest) -> World:
    authority, leaf = request.param
    return make_world(authority, leaf_key_type=leaf)


@pytest.fixture
def files(world: World, tmp_path: Path) -> Path:
    for name in ("root", "issuing", "leaf"):
        (tmp_path / f"{name}.pem").write_bytes(pem(getattr(world, name)))
    (tmp_path / "chain.pem").write_bytes(pem(world.leaf) + pem(world.issuing) + pem(world.root))
    return tmp_path


def pem(issued: Issued) -> bytes:
    return x509.load_der_x509_certificate(issued.der).public_bytes(Encoding.PEM)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def openssl_verify(
    folder: Path, *trust: str, at: datetime = NOW, purpose: str = "sslclient"
) -> subprocess.CompletedProcess[str]:
    options = ["-x509_strict", "-check_ss_sig", "-purpose", purpose, "-attime", str(int(at.timestamp()))]
    return run(folder, "openssl", "verify", *options, *trust, "leaf.pem")


def test_openssl_accepts_the_chain_strictly_as_a_client(files: Path) -> None:
    verdict = openssl_verify(files, "-CAfile", "root.pem", "-untrusted", "issuing.pem")
    assert verdict.stdout == "leaf.pem: OK\n", verdict.stderr


def test_openssl_accepts_the_issuing_authority_alone_as_the_things_stack_does(files: Path) -> None:
    verdict = openssl_verify(files, "-CAfile", "issuing.pem", "-partial_chain")
    assert verdict.stdout == "leaf.pem: OK\n", verdict.stderr


def test_openssl_refuses_the_gateway_as_a_server(files: Path) -> None:
    verdict = openssl_verify(files, "-CAfile", "root.pem", "-untrusted", "issuing.pem", purpose="sslserver")
    assert "certificate purpose" in verdict.stderr


def test_openssl_accepts_the_gateway_to_its_last_second_and_no_longer(files: Path, world: World) -> None:
    trust = ["-CAfile", "root.pem", "-untrusted", "issuing.pem"]
    second = timedelta(seconds=1)
    assert openssl_verify(files, *trust, at=world.leaf.not_after - second).returncode == 0
    assert "certificate has expired" in openssl_verify(files, *trust, at=world.leaf.not_after + second).stderr


def test_gnutls_accepts_the_chain_for_a_client_and_not_for_a_server(files: Path) -> None:
    assert "Chain verification output: Verified." in gnutls_verify(files, CLIENT_AUTH)
    assert "Chain verification output: Not verified." in gnutls_verify(files, SERVER_AUTH)


def gnutls_verify(folder: Path, purpose: str) -> str:
    """certtool knows no instant but now, so it is given another now."""
    now = ["faketime", "-f", f"@{NOW:%Y-%m-%d %H:%M:%S}"]
    options = ["--load-ca-certificate", "root.pem", "--verify-purpose", purpose, "--verify-profile", "medium"]
    verdict = run(folder, *now, "certtool", "--verify", *options, "--infile", "chain.pem")
    return verdict.stdout + verdict.stderr


def test_openssl_reads_the_profile_of_a_gateway(files: Path) -> None:
    text = run(files, "openssl", "x509", "-in", "leaf.pem", "-noout", "-text").stdout
    assert f"Subject: CN = {EUI}\n" in text
    assert "Not Before: Jun 15 11:55:00 2026 GMT" in text
    assert "Not After : Jun 15 12:00:00 2027 GMT" in text
    assert extensions(text) == [
        "X509v3 Basic Constraints: critical|CA:FALSE",
        "X509v3 Key Usage: critical|Digital Signature",
        "X509v3 Extended Key Usage:|TLS Web Client Authentication",
    ]


def test_openssl_reads_the_profile_of_a_root(files: Path) -> None:
    text = run(files, "openssl", "x509", "-in", "root.pem", "-noout", "-text").stdout
    assert extensions(text) == [
        "X509v3 Basic Constraints: critical|CA:TRUE, pathlen:1",
        "X509v3 Key Usage: critical|Certificate Sign, CRL Sign",
    ]


def test_openssl_reads_the_profile_of_an_issuing_authority(files: Path) -> None:
    text = run(files, "openssl", "x509", "-in", "issuing.pem", "-noout", "-text").stdout
    assert extensions(text) == [
        "X509v3 Basic Constraints: critical|CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical|Certificate Sign, CRL Sign",
        "X509v3 Extended Key Usage:|TLS Web Client Authentication",
    ]


def extensions(text: str) -> list[str]:
    """Name and value of each extension but the key identifiers, which differ from key to key."""
    listed = text.partition("X509v3 extensions:")[2]
    found = re.findall(r"(X509v3 [^:\n]+:(?: critical)?) *\n +(.+)", listed)
    return [f"{name}|{value}" for name, value in found if "Key Identifier" not in name]
