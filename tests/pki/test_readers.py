"""The files for proxies, and the comment lines of a bundle, before independent readers."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pki.bundle import BundleEntry, read_as_go, read_strictly, write_annotated_bundle
from pki.go.release import Go
from pki.readers import issuer_name, reader_files, recipes
from tests.pki.makers import Made, make_issuing, make_root, to_name

ENDS = datetime(2031, 6, 30, tzinfo=UTC)


def entry(made: Made, vendor: str = "Kestrel Radio", subject: str = "CN=Kestrel CA") -> BundleEntry:
    return BundleEntry(made.der, vendor, subject, ENDS)


@pytest.fixture(scope="module")
def both() -> list[BundleEntry]:
    root = make_root()
    return [entry(make_issuing(root, "CA 1")), entry(make_issuing(root, "CA 2"))]


def test_the_same_authorities_give_the_same_bytes_in_any_order(both: list[BundleEntry]) -> None:
    assert write_annotated_bundle(both) == write_annotated_bundle(list(reversed(both)))


def test_each_block_has_a_comment_that_says_whose_it_is(both: list[BundleEntry]) -> None:
    lines = write_annotated_bundle(both).decode().splitlines()
    assert lines[0] == "# Kestrel Radio | CN=Kestrel CA | expires 2031-06-30"
    assert sum(line.startswith("#") for line in lines) == 2


@given(vendor=st.text(max_size=200), subject=st.text(max_size=300))
def test_no_name_can_disturb_the_bundle(vendor: str, subject: str) -> None:
    """Row 12: markup, line ends, and the marks of PEM in a name stay a comment of one line."""
    made = _ROOT
    pem = write_annotated_bundle([entry(made, vendor, subject)])
    assert read_strictly(pem) == (made.der,)
    assert pem.count(b"\n#") + pem.startswith(b"#") == 1
    assert all(read_as_go(pem, go) == (made.der,) for go in (Go.OLDEST, Go.NEWEST))


_ROOT = make_root()


@pytest.mark.parametrize("command", [
    ["openssl", "crl2pkcs7", "-nocrl", "-certfile", "{file}"],
    ["certtool", "--certificate-info", "--infile", "{file}"],
])  # fmt: skip
def test_openssl_and_gnutls_skip_the_comments(command: list[str], both: list[BundleEntry], tmp_path: Path) -> None:
    file = tmp_path / "bundle.pem"
    file.write_bytes(write_annotated_bundle(both))
    done = subprocess.run([each.format(file=file) for each in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_empty_group_has_no_files_for_proxies() -> None:
    assert reader_files([], [entry(_ROOT)]) == {}


def test_whole_chains_hold_the_root_and_the_others_do_not(both: list[BundleEntry]) -> None:
    files = reader_files(both, [entry(_ROOT)])
    assert len(read_as_go(files["chains.pem"])) == 3
    assert files["envoy.yaml"].count(b"BEGIN CERTIFICATE") == 2
    assert files["traefik.yaml"].count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("name", [
    to_name("Kestrel CA"),
    to_name("Comma, Inc"),
    to_name('Quote "and" plus+'),
    to_name(" leading and trailing "),
    to_name("Mail", x509.NameAttribute(NameOID.EMAIL_ADDRESS, "ca@kestrel.example")),
    to_name("Number", x509.NameAttribute(NameOID.SERIAL_NUMBER, "42")),
])  # fmt: skip
def test_a_name_is_written_as_openssl_does(name: x509.Name, tmp_path: Path) -> None:
    made = make_root(name)
    file = tmp_path / "ca.der"
    file.write_bytes(made.der)
    command = ["openssl", "x509", "-inform", "DER", "-in", str(file), "-noout", "-subject", "-nameopt", "RFC2253"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert issuer_name(made.der) == said.removeprefix("subject=")


def test_a_name_that_is_not_plain_is_left_out() -> None:
    assert issuer_name(make_root(to_name("Kestrel Rådio")).der) == ""


def test_every_recipe_names_its_file_and_drops_what_a_client_forges() -> None:
    for recipe in recipes("/srv/trust/common"):
        assert f"/srv/trust/common/{recipe.file}" in recipe.text
        assert "client-cert" in recipe.text.lower()
