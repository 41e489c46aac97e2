"""The commands of the guides, typed as they stand there."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pki.acceptance import judge_authority
from pki.bundle import BundleEntry, write_annotated_bundle
from pki.facts import read_certificate
from pki.findings import refuses
from pki.preflight import preflight
from pki.public_keys import public_pem
from tests.pki.makers import make_root, p256_key, public_der
from tests.servers import ROOT

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


def test_every_picture_and_link_of_the_documents_is_there() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
