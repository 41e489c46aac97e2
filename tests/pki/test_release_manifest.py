"""The signed, chained manifest of a release."""

import dataclasses
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import PkiError
from pki.public_keys import public_pem
from pki.release_manifest import (
    Manifest,
    ManifestAuthority,
    check_chain,
    check_signature,
    manifest_sha256,
    read_manifest,
    write_manifest,
)
from tests.pki.makers import p256_key, public_der

NOW = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)
HASH = "ab" * 32
ONE = Manifest(
    group="common",
    number=1,
    released_at=NOW,
    released_by="Ines Maurer",
    note="Kestrel in",
    bundle=f"{HASH}.pem",
    bundle_sha256=HASH,
    authorities=(ManifestAuthority(HASH, "CN=Kestrel CA", "Kestrel Radio", NOW, None),),
    previous=None,
    audit_head="",
)
instants = st.datetimes(timezones=st.just(UTC))
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
authorities = st.builds(ManifestAuthority, digests, texts, texts, instants, st.none() | instants)
manifests = st.builds(
    Manifest, texts, st.integers(1, 10**9), instants, texts, texts, st.none() | texts, digests,
    st.lists(authorities, max_size=3).map(tuple), st.none() | digests, texts,
)  # fmt: skip


@given(manifests)
def test_what_is_written_reads_back(manifest: Manifest) -> None:
    assert read_manifest(write_manifest(manifest)) == manifest


@given(st.binary(max_size=300))
def test_anything_else_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(PkiError, match="cannot be read"):
        read_manifest(content)


@pytest.mark.parametrize("change", [
    {"number": 0}, {"number": "1"}, {"number": True}, {"released_at": "2026-11-21"}, {"bundle_sha256": "x"},
    {"previous": "ab"}, {"authorities": {}}, {"authorities": [1]}, {"more": 1}, {"note": None},
])  # fmt: skip
def test_a_field_of_another_shape_is_refused(change: dict[str, object]) -> None:
    document = json.loads(write_manifest(ONE)) | change
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    with pytest.raises(PkiError, match="cannot be read"):
        read_manifest(content)


def test_another_spelling_of_the_same_is_refused() -> None:
    with pytest.raises(PkiError, match="canonical"):
        read_manifest(json.dumps(json.loads(write_manifest(ONE)), indent=1).encode())


def test_a_chain_follows_by_number_and_hash() -> None:
    first = write_manifest(ONE)
    second = write_manifest(dataclasses.replace(ONE, number=2, previous=manifest_sha256(first)))
    check_chain([first, second])
    for wrong in (
        dataclasses.replace(ONE, number=3, previous=manifest_sha256(first)),
        dataclasses.replace(ONE, number=2, previous=HASH),
        dataclasses.replace(ONE, number=2, previous=manifest_sha256(first), group="other"),
    ):
        with pytest.raises(PkiError, match="does not follow"):
            check_chain([first, write_manifest(wrong)])


def test_openssl_checks_the_signature_too(tmp_path: Path) -> None:
    key, content = p256_key(), write_manifest(ONE)
    signature = key.sign(content, ec.ECDSA(hashes.SHA256()))
    check_signature(content, signature, public_der(key))
    for name, octets in {"m": content, "s": signature, "k": public_pem(public_der(key))}.items():
        (tmp_path / name).write_bytes(octets)
    command = ["openssl", "dgst", "-sha256", "-verify", "k", "-signature", "s", "m"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_another_key_or_another_content_is_refused() -> None:
    key, content = p256_key(), write_manifest(ONE)
    signature = key.sign(content, ec.ECDSA(hashes.SHA256()))
    for octets, of in ((content, p256_key("other")), (content + b" ", key)):
        with pytest.raises(PkiError, match="not one of this key"):
            check_signature(octets, signature, public_der(of))
