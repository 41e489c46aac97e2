"""Private keys as bytes, judged by OpenSSL."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from pki.errors import PkiError
from pki.private_keys import KEY_TYPES, generate, public_key_der, read_private_key, sign
from pki.signatures import is_signed_by, key_type, read_public_key
from tests.pki.makers import private_der


def openssl(*arguments: str, content: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=content, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def keys() -> dict[str, bytes]:
    return {kind: generate(kind) for kind in KEY_TYPES}


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_generated_key_is_of_the_type_asked_for(keys: dict[str, bytes], kind: str) -> None:
    assert key_type(read_public_key(public_key_der(keys[kind]))) == kind


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_openssl_finds_the_key_sound_and_derives_the_same_public_key(keys: dict[str, bytes], kind: str) -> None:
    openssl("pkey", "-inform", "DER", "-check", "-noout", content=keys[kind])
    theirs = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", content=keys[kind])
    assert theirs == public_key_der(keys[kind])


def test_a_key_is_pkcs8_which_begins_with_version_and_algorithm(keys: dict[str, bytes]) -> None:
    assert b"BEGIN PRIVATE KEY" in openssl("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", content=keys["P-256"])
    assert keys["P-256"].startswith(bytes.fromhex("308187020100301306072a8648ce3d0201"))


def test_two_keys_differ() -> None:
    assert generate("P-256") != generate("P-256")


@pytest.mark.parametrize(("kind", "digest"), [("P-256", "-sha256"), ("P-384", "-sha384"), ("RSA 2048", "-sha256")])
def test_openssl_verifies_a_signature(keys: dict[str, bytes], kind: str, digest: str, tmp_path: Path) -> None:
    (tmp_path / "signature").write_bytes(sign(keys[kind], b"to be signed"))
    (tmp_path / "public").write_bytes(public_key_der(keys[kind]))
    files = ["-keyform", "DER", "-verify", str(tmp_path / "public"), "-signature", str(tmp_path / "signature")]
    assert openssl("dgst", digest, *files, content=b"to be signed") == b"Verified OK\n"


@pytest.mark.parametrize("kind", ["P-256", "RSA 2048"])
def test_a_signature_is_bound_to_its_message(keys: dict[str, bytes], kind: str) -> None:
    public_key = read_public_key(public_key_der(keys[kind]))
    signature = sign(keys[kind], b"to be signed")
    assert is_signed_by(public_key, signature=signature, message=b"to be signed")
    assert not is_signed_by(public_key, signature=signature, message=b"to be signeD")


@pytest.mark.parametrize("kind", ["", "P-192", "RSA 1024", "RSA 2047", "Ed25519"])
def test_other_types_are_not_made(kind: str) -> None:
    with pytest.raises(PkiError) as refusal:
        generate(kind)
    assert refusal.value.code == "key-type-unknown"


def test_a_broken_key_is_refused_without_a_cause_that_could_be_logged(keys: dict[str, bytes]) -> None:
    with pytest.raises(PkiError) as refusal:
        read_private_key(keys["P-256"][:-1])
    assert refusal.value.code == "private-key-unreadable"
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(PkiError) as refusal:
        read_private_key(private_der(ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.PKCS8))
    assert refusal.value.code == "key-type-refused"
