"""The files for proxies, and the comment lines of a bundle, before independent readers."""

import hashlib
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from pki.bundle import BundleEntry, read_as_go, read_strictly, write_annotated_bundle
from pki.errors import PkiError
from pki.go.release import Go
from pki.readers import NOBODY, reader_files, recipes
from tests.pki.makers import NOW, Made, make_issuing, make_leaf, make_root

ENDS = datetime(2031, 6, 30, tzinfo=UTC)
ROOT = make_root()
HOSTILE = [
    "-----BEGIN CERTIFICATE-----",
    "x\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "a" * 300 + "-----BEGIN CERTIFICATE-----",
    "\u2028\x85\r\x00\x1b[31m é 漢 \ud800",
    "- -----" + "-" * 50,
    "BEGIN END BEGIN",
    "",
]


def entry(made: Made, vendor: str = "Kestrel Radio", subject: str = "CN=Kestrel CA") -> BundleEntry:
    return BundleEntry(made.der, vendor, subject, ENDS)


@pytest.fixture(scope="module")
def both() -> list[BundleEntry]:
    return [entry(make_issuing(ROOT, "CA 1")), entry(make_issuing(ROOT, "CA 2"))]


def test_the_same_authorities_give_the_same_bytes_in_any_order(both: list[BundleEntry]) -> None:
    assert write_annotated_bundle(both) == write_annotated_bundle(list(reversed(both)))
    assert reader_files(both) == reader_files(list(reversed(both)))


def test_blocks_stand_in_the_order_of_their_hashes(both: list[BundleEntry]) -> None:
    digests = [hashlib.sha256(each).digest() for each in read_strictly(write_annotated_bundle(both))]
    assert digests == sorted(digests)


def test_each_block_has_a_comment_that_says_whose_it_is(both: list[BundleEntry]) -> None:
    lines = write_annotated_bundle(both).decode().splitlines()
    assert lines[0] == "# Kestrel Radio | CN=Kestrel CA | expires 2031-06-30"
    assert sum(line.startswith("#") for line in lines) == 2


def test_a_byte_order_mark_before_the_file_costs_a_network_server_nothing(both: list[BundleEntry]) -> None:
    pem = write_annotated_bundle(both)
    assert read_as_go(b"\xef\xbb\xbf" + pem) == read_strictly(pem)


@given(
    vendor=st.sampled_from(HOSTILE) | st.text(max_size=200), subject=st.sampled_from(HOSTILE) | st.text(max_size=300)
)
def test_no_name_can_disturb_the_bundle(vendor: str, subject: str) -> None:
    """Row 12: markup, line ends, and the marks of PEM in a name stay a comment of one line."""
    pem = write_annotated_bundle([entry(ROOT, vendor, subject)])
    comment, _, block = pem.partition(b"\n")
    assert re.fullmatch(rb"# [ -~]{1,204}", comment)
    assert not re.search(rb"--|BEGIN|\bEND\b", comment)
    assert block == ROOT.pem
    assert all(read_as_go(pem, go) == read_strictly(pem) == (ROOT.der,) for go in Go)


@pytest.mark.parametrize("line", [
    b"# -----BEGIN CERTIFICATE-----", b"# x -----BEGIN", b"#" + b"x" * 253 + b"-----BEGIN CERTIFICATE-----",
    b"# -----END CERTIFICATE-----", b"#" + b"x" * 250, b"# one\rtwo",
])  # fmt: skip
def test_a_comment_that_another_reader_takes_for_more_is_unclean(line: bytes) -> None:
    with pytest.raises(PkiError):
        read_strictly(line + b"\n" + ROOT.pem)


def test_openssl_and_gnutls_skip_the_comments(tmp_path: Path) -> None:
    entries = [entry(make_issuing(ROOT, f"CA {at}"), name, name) for at, name in enumerate(HOSTILE)]
    (tmp_path / "bundle.pem").write_bytes(write_annotated_bundle(entries))
    openssl = "openssl crl2pkcs7 -nocrl -certfile bundle.pem | openssl pkcs7 -print_certs -noout | grep -c subject"
    gnutls = "certtool --certificate-info --infile bundle.pem | grep -c Subject:"
    for command in (openssl, gnutls, "grep -c BEGIN bundle.pem"):
        done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stdout == f"{len(HOSTILE)}\n", (command, done.stderr)


def test_openssl_holds_each_anchor_for_the_end_of_a_path(tmp_path: Path) -> None:
    """Without its root, and only for clients: what nginx and HAProxy need, which know no option for it."""
    issuing = make_issuing(ROOT, "CA 1")
    (tmp_path / "leaf.pem").write_bytes(make_leaf(issuing).pem)
    for name, content in reader_files([entry(issuing)]).items():
        (tmp_path / name).write_bytes(content)

    def verify(file: str, purpose: str = "sslclient") -> int:
        options = ["-no-CApath", "-no-CAstore", "-attime", str(int(NOW.timestamp())), "-purpose", purpose]
        command = ["openssl", "verify", "-CAfile", file, *options, "leaf.pem"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode

    assert (verify("anchors.pem"), verify("anchors.pem", "sslserver"), verify("authorities.pem")) == (0, 2, 2)


def test_every_file_holds_the_authorities_of_the_group_and_no_other(both: list[BundleEntry]) -> None:
    files = reader_files(both)
    bundle = write_annotated_bundle(both)
    envoy, traefik = (yaml.safe_load(files[f"{name}.yaml"]) for name in ("envoy", "traefik"))
    assert files["authorities.pem"] == bundle
    assert envoy["resources"][0]["validation_context"]["trusted_ca"]["inline_string"].encode() == bundle
    assert traefik["tls"]["options"]["default"]["clientAuth"]["caFiles"] == [bundle.decode()]
    assert files["anchors.pem"].count(b"BEGIN TRUSTED CERTIFICATE") == 2
    assert all(b"PRIVATE" not in content for content in files.values())


def test_an_empty_group_trusts_nobody() -> None:
    """Files that are taken away would leave a proxy with the last that it read."""
    assert reader_files([]) == reader_files([NOBODY])


def test_nobody_has_the_key_of_nobody() -> None:
    """Its x is a hash, so that nobody can have chosen it to a private key."""
    certificate = Made(NOBODY.der, None, b"").certificate  # type: ignore[arg-type]  # there is no private key
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    assert point[1:] == hashlib.sha256(b"certadmin: nobody's key 5").digest()
    assert certificate.not_valid_after_utc == NOBODY.not_after


def test_every_recipe_names_its_file_and_drops_what_a_client_forges() -> None:
    for recipe in recipes("/srv/trust/common"):
        assert f"/srv/trust/common/{recipe.file}" in recipe.text
        assert "client-cert" in recipe.text.lower() or recipe.name == "Traefik"  # whose file does it
