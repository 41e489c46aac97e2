"""Row 8: keys that others can compute are refused by name, without asking any other machine."""

import random
import socket
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519

from pki.weak_keys import find_weaknesses, is_weak, shares_prime
from tests.pki import weak_primes
from tests.pki.makers import PrivateKey, curve_key, p256_key, public_der, rsa_key, rsa_spki
from tests.pki.weak_primes import prime_after

SOME = random.Random(8)


prime = partial(weak_primes.prime, some=SOME)
roca_prime = partial(weak_primes.roca_prime, some=SOME)


def codes(spki: bytes) -> list[str]:
    return [finding.code for finding in find_weaknesses(spki)]


@pytest.mark.parametrize(
    "key",
    [p256_key(), curve_key(ec.SECP384R1), curve_key(ec.SECP521R1), rsa_key(2048), rsa_key(4096)],
)
def test_good_keys_have_no_finding(key: PrivateKey) -> None:
    assert codes(public_der(key)) == []


def test_ed25519_is_not_weak() -> None:
    assert codes(public_der(ed25519.Ed25519PrivateKey.generate())) == []


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (rsa_key(1024), "weak-key-short"),
        (rsa_key(2048, "three", 3), "weak-key-exponent"),
        (curve_key(ec.SECP192R1), "weak-key-short"),
        (curve_key(ec.SECP224R1), "weak-key-short"),
        (curve_key(ec.SECP256K1), "weak-key-type"),
        (curve_key(ec.BrainpoolP256R1), "weak-key-type"),
        (dsa.generate_private_key(2048), "weak-key-type"),
        (ed448.Ed448PrivateKey.generate(), "weak-key-type"),
    ],
)
def test_a_weak_kind_is_refused(key: PrivateKey, code: str) -> None:
    assert code in codes(public_der(key))


def test_close_primes_are_refused() -> None:
    first = prime(1024)
    assert codes(rsa_spki(first * prime_after(first))) == ["weak-key-fermat"]


def test_roca_keys_are_refused() -> None:
    assert codes(rsa_spki(roca_prime(1024) * roca_prime(1024))) == ["weak-key-roca"]


def test_a_modulus_of_one_prime_is_refused() -> None:
    """Fails without `gmpy2.is_prime` in `pki.weak_keys`: what is no product of two is taken apart by nobody else."""
    assert codes(rsa_spki(prime(2048))) == ["weak-key-one-prime"]
    assert codes(rsa_spki(prime(683) ** 3)) == ["weak-key-one-prime"]


def test_an_exponent_that_go_cannot_read_is_refused() -> None:
    modulus = prime(1024) * prime(1024)
    assert codes(rsa_spki(modulus, 2**31 - 1)) == []
    assert codes(rsa_spki(modulus, 2**31 + 1)) == ["weak-key-exponent"]


def test_small_factors_are_refused() -> None:
    assert "weak-key-small-factor" in codes(rsa_spki(7 * prime(1024) * prime(1030)))


def test_a_key_too_long_is_refused_before_it_is_tried() -> None:
    assert codes(rsa_spki(1 << 16000 | 1)) == ["key-too-long"]


def test_a_prime_shared_with_another_key_is_found() -> None:
    common, own = prime(1024), prime(1024) * prime(1024)
    modulus = common * prime(1024)
    assert shares_prime(modulus, [own, common * prime(1024)])
    assert not shares_prime(modulus, [own])


def test_the_same_key_again_shares_no_prime_with_itself() -> None:
    modulus = prime(1024) * prime(1024)
    assert not shares_prime(modulus, [modulus, prime(1024) * prime(1024)])


def test_two_primes_shared_with_two_keys_are_found() -> None:
    first, second = prime(1024), prime(1024)
    assert shares_prime(first * second, [first * prime(1024), second * prime(1024)])


def test_no_other_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    assert codes(public_der(rsa_key(2048))) == []


def test_an_unreadable_key_is_weak() -> None:
    assert is_weak(rsa_spki(-4))
