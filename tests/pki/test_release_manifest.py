"""The signed, chained manifest of a release."""

import dataclasses
import hashlib
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
from tests.pki.makers import PrivateKey, curve_key, p256_key, public_der, rsa_key, sign

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
names = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)
authorities = st.builds(ManifestAuthority, digests, texts, texts, instants, st.none() | instants)
in_order = st.lists(authorities, min_size=1, max_size=3, unique_by=lambda each: each.sha256).map(
    lambda listed: tuple(sorted(listed, key=lambda each: each.sha256))
)
manifests = st.builds(
    Manifest, names, st.integers(2, 10**9), instants, texts, texts, names, digests, in_order, st.none() | digests,
    st.just("") | digests,
)  # fmt: skip
HIGHER = dataclasses.replace(ONE.authorities[0], sha256="cd" * 32)
EMPTY = dataclasses.replace(ONE, bundle=None, bundle_sha256=hashlib.sha256(b"").hexdigest(), authorities=())


@given(manifests)
def test_what_is_written_reads_back(manifest: Manifest) -> None:
    assert read_manifest(write_manifest(manifest)) == manifest


@given(st.binary(max_size=300))
def test_anything_else_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(PkiError, match="cannot be read"):
        read_manifest(content)


@pytest.mark.parametrize("change", [
    {"number": 0}, {"number": "1"}, {"number": True}, {"released_at": "2026-11-21"}, {"bundle_sha256": "x"},
    {"previous": "ab"}, {"authorities": {}}, {"authorities": [1]}, {"more": 1}, {"note": None}, {"number": 1.0},
    {"number": 2**53}, {"group": "../x"}, {"bundle": "a/b.pem"}, {"audit_head": "x"}, {"audit_head": None},
    {"released_at": "2026-11-21T12:30:15.123456+00:00"}, {"released_at": "2026-13-21T12:30:15.123456Z"},
    {"released_at": "2026-11-21T12:30:60.000000Z"}, {"number": float("nan")},
])  # fmt: skip
def test_a_field_of_another_shape_is_refused(change: dict[str, object]) -> None:
    document = json.loads(write_manifest(ONE)) | change
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    with pytest.raises(PkiError, match="cannot be read"):
        read_manifest(content)


@pytest.mark.parametrize("change", [
    pytest.param({"authorities": ONE.authorities * 2}, id="one authority twice"),
    pytest.param({"authorities": (HIGHER, *ONE.authorities)}, id="order"),
    pytest.param({"authorities": ()}, id="a bundle of nothing"),
    pytest.param({"bundle": None}, id="no bundle of something"),
    pytest.param({"bundle_sha256": EMPTY.bundle_sha256}, id="the hash of nothing"),
    pytest.param({"previous": HASH}, id="a first that follows"),
    pytest.param({"note": "\ud800"}, id="half a character"),
    pytest.param({"released_at": NOW.replace(tzinfo=None)}, id="an instant without a zone"),
    pytest.param({"number": 0}, id="no number"),
])  # fmt: skip
def test_what_does_not_agree_with_itself_is_never_written(change: dict[str, Any]) -> None:
    with pytest.raises(PkiError, match="cannot be read"):
        write_manifest(dataclasses.replace(ONE, **change))


def test_a_release_of_nothing_has_no_bundle() -> None:
    assert read_manifest(write_manifest(EMPTY)) == EMPTY


@given(manifests, st.data())
def test_no_changed_octet_goes_unnoticed(manifest: Manifest, data: st.DataObject) -> None:
    content = write_manifest(manifest)
    at = data.draw(st.integers(0, len(content) - 1))
    changed = content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
    assert manifest_sha256(changed) != manifest_sha256(content)
    try:
        assert read_manifest(changed) != manifest
    except PkiError:
        return


@pytest.mark.parametrize("spelling", [
    b'{"a":1,"a":1}\n', b"\xef\xbb\xbf{}\n", b"{}", b"{}\n\n", b"[]\n", b"null\n", b"NaN\n", b"[" * 100_000,
    b"1" * 10_000 + b"\n", "{}\n".encode("utf-16"), b'"\\ud800"\n',
], ids=repr)  # fmt: skip
def test_strange_json_is_refused(spelling: bytes) -> None:
    with pytest.raises(PkiError, match="cannot be read"):
        read_manifest(spelling)


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


@pytest.mark.parametrize("key", [curve_key(ec.SECP384R1), rsa_key()], ids=["P-384", "RSA"])
def test_a_key_of_another_kind_signs_no_release(key: PrivateKey) -> None:
    content = write_manifest(ONE)
    with pytest.raises(PkiError, match="not one of this key"):
        check_signature(content, sign(key, content, hashes.SHA256()), public_der(key))


def test_another_key_or_another_content_is_refused() -> None:
    key, content = p256_key(), write_manifest(ONE)
    signature = key.sign(content, ec.ECDSA(hashes.SHA256()))
    for octets, of in ((content, p256_key("other")), (content + b" ", key)):
        with pytest.raises(PkiError, match="not one of this key"):
            check_signature(octets, signature, public_der(of))
