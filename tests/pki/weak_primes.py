"""Primes of the kinds that make RSA keys weak, the same in every run; and RSA signatures by their numbers alone."""

import hashlib
import random
from dataclasses import dataclass, replace
from typing import Self

import gmpy2  # type: ignore[import-untyped]  # it publishes no types

_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")  # DigestInfo, RFC 8017 section 9.2


def prime(bits: int, some: random.Random) -> int:
    return int(gmpy2.next_prime(some.getrandbits(bits) | 3 << bits - 2))


def prime_after(number: int) -> int:
    return int(gmpy2.next_prime(number))


def roca_prime(bits: int, some: random.Random) -> int:
    """A prime of the form k * M + 65537^a mod M, as the flawed chips made them (CVE-2017-15361)."""
    primorial = int(gmpy2.primorial(701))  # M for 2048-bit keys: the product of the first 126 primes
    size = bits - primorial.bit_length() + 2
    while True:
        k = some.getrandbits(size) | 1 << size - 1
        candidate = k * primorial + pow(65537, some.getrandbits(60), primorial)
        if gmpy2.is_prime(candidate):
            return candidate


@dataclass(frozen=True, slots=True)
class Numbers:
    """An RSA key that no library would make."""

    modulus: int
    order: int  # a multiple of that of the group
    exponent: int = 65537

    @classmethod
    def of(cls, first: int, second: int, exponent: int = 65537) -> Self:
        return cls(first * second, (first - 1) * (second - 1), exponent)

    def but(self, exponent: int) -> Self:
        return replace(self, exponent=exponent)

    def sign(self, content: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2.1)."""
        size = (self.modulus.bit_length() + 7) // 8
        digest = _SHA256_PREFIX + hashlib.sha256(content).digest()
        padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
        private = pow(self.exponent, -1, self.order)
        return pow(int.from_bytes(padded, "big"), private, self.modulus).to_bytes(size, "big")
