"""Secrets at rest: they open with their own key, id and purpose, and with nothing else."""

import secrets
from dataclasses import astuple, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import PkiError
from pki.private_keys import generate
from pki.sealing import CANARY, SealBroken, check_canary, kek_id, open_sealed, seal, seal_canary

KEK = bytes(range(32))
OTHER_KEK = bytes(range(1, 33))


@given(plaintext=st.binary(max_size=3000), key_id=st.text(max_size=40))
def test_what_is_sealed_opens_again(plaintext: bytes, key_id: str) -> None:
    sealed = seal(plaintext, kek=KEK, key_id=key_id)
    assert open_sealed(sealed, kek=KEK, key_id=key_id) == plaintext


def test_a_private_key_shows_nothing_of_itself_at_rest() -> None:
    """G6: fails when `AESGCM(data_key).encrypt` in `seal` is replaced by the plaintext."""
    private_der = generate("P-256")
    stored = b"|".join(
        field if isinstance(field, bytes) else field.encode()
        for field in astuple(seal(private_der, kek=KEK, key_id="1"))
    )
    assert not any(private_der[start : start + 8] in stored for start in range(len(private_der) - 8))
    assert KEK not in stored


def test_every_secret_has_its_own_data_key_and_nonces() -> None:
    first, second = (seal(b"secret", kek=KEK, key_id="1") for _ in range(2))
    for name in ("wrapped_key", "wrap_nonce", "nonce", "ciphertext"):
        assert getattr(first, name) != getattr(second, name)


@pytest.mark.parametrize("key_id", ["2", "", "11"])
def test_a_sealed_key_moved_to_another_row_does_not_open(key_id: str) -> None:
    """G6: fails when `key_id` is left out of the associated data in `_bound_to`."""
    with pytest.raises(SealBroken) as refusal:
        open_sealed(seal(b"secret", kek=KEK, key_id="1"), kek=KEK, key_id=key_id)
    assert refusal.value.code == "seal-broken"


def test_a_sealed_key_does_not_open_for_another_purpose() -> None:
    sealed = seal(b"secret", kek=KEK, key_id="1", purpose="private-key")
    with pytest.raises(SealBroken):
        open_sealed(sealed, kek=KEK, key_id="1", purpose="store-credential")


def test_purpose_and_id_cannot_be_shifted_into_each_other() -> None:
    with pytest.raises(SealBroken):
        open_sealed(seal(b"secret", kek=KEK, key_id="bc", purpose="a"), kek=KEK, key_id="c", purpose="ab")


@pytest.mark.parametrize("name", ["wrapped_key", "wrap_nonce", "nonce", "ciphertext"])
@pytest.mark.parametrize("position", [0, -1])
def test_one_altered_bit_is_noticed(name: str, position: int) -> None:
    sealed = seal(b"secret", kek=KEK, key_id="1")
    octets = bytearray(getattr(sealed, name))
    octets[position] ^= 1
    altered: dict[str, Any] = {name: bytes(octets)}
    with pytest.raises(SealBroken) as refusal:
        open_sealed(replace(sealed, **altered), kek=KEK, key_id="1")
    assert refusal.value.code == "seal-broken"


@pytest.mark.parametrize("name", ["wrap_nonce", "nonce", "ciphertext"])
def test_a_lost_part_is_noticed(name: str) -> None:
    lost: dict[str, Any] = {name: b""}
    with pytest.raises(SealBroken) as refusal:
        open_sealed(replace(seal(b"secret", kek=KEK, key_id="1"), **lost), kek=KEK, key_id="1")
    assert refusal.value.code == "seal-broken"


def test_without_its_data_key_a_secret_is_gone_and_says_so() -> None:
    with pytest.raises(SealBroken) as refusal:
        open_sealed(replace(seal(b"secret", kek=KEK, key_id="1"), wrapped_key=b""), kek=KEK, key_id="1")
    assert refusal.value.code == "data-key-destroyed"


def test_another_key_encryption_key_is_named_as_the_reason() -> None:
    with pytest.raises(SealBroken) as refusal:
        open_sealed(seal(b"secret", kek=KEK, key_id="1"), kek=OTHER_KEK, key_id="1")
    assert refusal.value.code == "wrong-kek"


def test_a_forged_key_name_does_not_open_the_secret() -> None:
    sealed = replace(seal(b"secret", kek=KEK, key_id="1"), kek_id=kek_id(OTHER_KEK))
    with pytest.raises(SealBroken) as refusal:
        open_sealed(sealed, kek=OTHER_KEK, key_id="1")
    assert refusal.value.code == "seal-broken"


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_encryption_key_has_thirty_two_octets(size: int) -> None:
    with pytest.raises(PkiError) as refusal:
        seal(b"secret", kek=secrets.token_bytes(size), key_id="1")
    assert refusal.value.code == "kek-size"


def test_a_key_encryption_key_keeps_its_name_and_shares_it_with_no_other() -> None:
    assert kek_id(KEK) == "adb7f97276b34bd9"  # openssl dgst -sha256 -mac HMAC
    assert kek_id(OTHER_KEK) != kek_id(KEK)


def test_the_canary_knows_its_key_encryption_key() -> None:
    canary = seal_canary(KEK)
    check_canary(canary, kek=KEK)
    with pytest.raises(SealBroken) as refusal:
        check_canary(canary, kek=OTHER_KEK)
    assert refusal.value.code == "wrong-kek"


def test_a_canary_that_says_something_else_is_refused() -> None:
    with pytest.raises(SealBroken):
        check_canary(seal(CANARY + b"!", kek=KEK, key_id="canary", purpose="canary"), kek=KEK)


def test_no_error_carries_the_secret() -> None:
    sealed = seal(b"the secret itself", kek=KEK, key_id="1")
    with pytest.raises(SealBroken) as refusal:
        open_sealed(sealed, kek=KEK, key_id="2")
    assert "the secret itself" not in repr(refusal.value)
    assert refusal.value.__suppress_context__
