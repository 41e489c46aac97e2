"""The commands of the guides, typed as they stand there."""

import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_django import Settings

from core import clock
from outbox.services import calling, webhooks
from pki.acceptance import judge_authority
from pki.bundle import BundleEntry, write_annotated_bundle
from pki.facts import read_certificate
from pki.findings import refuses
from pki.preflight import preflight
from pki.public_keys import public_pem
from tests.outbox.receiver import endpoint_at
from tests.pki.makers import make_root, p256_key, public_der
from tests.servers import ROOT, free_port, wait_until

EUI = "58A0CBFFFE8011D4"


def commands(guide: str) -> str:
    """Every block of the guide that is a shell's."""
    text = (ROOT / "docs" / guide).read_text()
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def type_in(folder: Path, guide: str, **environment: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=commands(guide),
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def der(path: Path) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415  only here

    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)


def test_the_vendors_commands_make_a_ca_and_a_gateway_that_are_accepted(tmp_path: Path) -> None:
    said = type_in(tmp_path, "vendors.md", CODE="7-one-time-code")
    assert "gateway.crt: OK" in said
    now = datetime.now(UTC)
    issuing = der(tmp_path / "issuing-ca.crt")
    assert not refuses(judge_authority(read_certificate(issuing), now=now))
    assert preflight(der(tmp_path / "gateway.crt"), eui=EUI, bundle=[issuing], at=now).accepted
    assert read_certificate(der(tmp_path / "proof.crt")).name == "7-one-time-code"


def test_the_root_alone_would_not_do(tmp_path: Path) -> None:
    type_in(tmp_path, "vendors.md")
    now = datetime.now(UTC)
    verdict = preflight(der(tmp_path / "gateway.crt"), eui=EUI, bundle=[der(tmp_path / "root-ca.crt")], at=now)
    assert verdict.rule == "unknown_authority"


def test_the_operators_commands_check_a_release(tmp_path: Path) -> None:
    key, manifest, made = p256_key(), b"{}\n", make_root()
    (tmp_path / "key.pem").write_bytes(public_pem(public_der(key)))
    (tmp_path / "release.json").write_bytes(manifest)
    (tmp_path / "release.json.sig").write_bytes(key.sign(manifest, ec.ECDSA(hashes.SHA256())))
    entry = BundleEntry(made.der, "Kestrel", "CN=Acme Root CA", datetime.now(UTC))
    (tmp_path / "common.pem").write_bytes(write_annotated_bundle([entry]))
    said = type_in(tmp_path, "operators.md")
    assert "Verified OK" in said
    assert "Acme Root CA" in said


@pytest.mark.django_db
def test_the_receiver_of_webhooks_takes_what_is_signed_once_and_nothing_else(settings: Settings) -> None:
    """The receiver of docs/webhooks.md, as it stands there, called by the product."""
    settings.PRIVATE_HOSTS = ["127.0.0.1"]
    [code] = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "webhooks.md").read_text(), re.DOTALL | re.MULTILINE)
    port = free_port()
    endpoint = endpoint_at(f"http://127.0.0.1:{port}/")
    environment = {"PATH": "/usr/bin:/bin", "SECRET": webhooks.secret(endpoint), "PORT": str(port)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as receiver:
        try:
            wait_until(lambda: answers_at(port), what="the receiver")
            first = webhooks.ping(endpoint)
            copy = calling.post(endpoint.url, calling.headers_of(first), first.payload.encode(), None)
            forged = calling.post(endpoint.url, calling.headers_of(first), b'{"type": "forged"}', None)
            with clock.at(clock.now() - timedelta(hours=1)):
                old = calling.post(endpoint.url, calling.headers_of(first), first.payload.encode(), None)
        finally:
            receiver.terminate()
            said, _ = receiver.communicate()
    assert [first.status, copy.status, forged.status, old.status] == [204, 204, 401, 401]
    assert said.split() == ["ping"]


def answers_at(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_every_picture_and_link_of_the_documents_is_there() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
