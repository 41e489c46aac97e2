"""Public keys that somebody else can use too: what is weak, and why it matters (guarantee row 8).

The checks that need arithmetic are those of badkeys, run on the number alone: nothing is looked up or downloaded.
"""

import math
from collections.abc import Iterable
from functools import cache

import gmpy2  # type: ignore[import-untyped]  # it publishes no types; badkeys calculates with it too
from badkeys.checks import checkrsa
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pki.errors import PkiError
from pki.findings import Finding, Severity
from pki.public_keys import describe_key, load_public_key

SHORTEST_RSA = 2048
LONGEST_RSA = 8192  # crypto/tls refuses longer ones, and every check of them costs seconds
SMALLEST_EXPONENT = 17  # real roots have 17 and 35; with 3 and 5, careless readers accept forged signatures
LARGEST_EXPONENT = 2**31 - 1  # what Go's crypto/rsa takes
_GOOD_CURVES = ("secp256r1", "secp384r1", "secp521r1")  # what Go reads, less P-224
_ADVICE = "Make a new key (P-256 or RSA 2048), and certificates for it; this one protects nothing."
_WEAKNESSES = {  # badkeys check: our code and what is wrong
    "roca": ("weak-key-roca", "was made by a chip with the ROCA flaw, so that its private key can be computed"),
    "fermat": ("weak-key-fermat", "has two primes so close together that its private key can be computed"),
    "sharedprimes": ("weak-key-shared-prime", "shares a prime with a key known from elsewhere and can be computed"),
    "rsapoly": ("weak-key-pattern", "has a pattern in its modulus from which its private key can be computed"),
    "pattern": ("weak-key-pattern", "repeats a pattern in its modulus and was not made at random"),
    "smalld": ("weak-key-small-exponent", "has a private exponent so small that it can be computed"),
    "rsainvalid": ("weak-key-invalid", "is not a valid RSA key"),
}


def find_weaknesses(spki: bytes) -> tuple[Finding, ...]:
    """Judge the key in a DER SubjectPublicKeyInfo; no finding means that nothing weak was found.

    Sizes follow NIST SP 800-57 part 1 (112 bits), curves what Go and Basics Station read. All findings refuse.
    Raises PkiError `unsupported-key` where the key cannot be read.
    """
    key = load_public_key(spki)
    if isinstance(key, rsa.RSAPublicKey):
        return _rsa_weaknesses(key)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _curve_weaknesses(key)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return ()
    return (_refused("weak-key-type", f"is {describe_key(key)}, which network servers and gateways do not take"),)


def shares_prime(modulus: int, others: Iterable[int]) -> bool:
    """Tell whether an RSA `modulus` has a prime in common with a different one among `others`.

    Linear in `others`: their product is kept modulo `modulus`, and one gcd decides.
    """
    product = 1
    for other in others:
        if other != modulus:
            product = product * other % modulus
    return math.gcd(product, modulus) != 1


def shared_prime_finding() -> Finding:
    """What to say of a key for which `shares_prime` is true."""
    return _refused("weak-key-shared-prime", "shares a prime with another key on record, so both can be computed")


def is_weak(spki: bytes) -> bool:
    """Tell whether anything is wrong with the key, unreadable ones included."""
    try:
        return bool(find_weaknesses(spki))
    except PkiError:
        return True


def _rsa_weaknesses(key: rsa.RSAPublicKey) -> tuple[Finding, ...]:
    numbers = key.public_numbers()
    if key.key_size > LONGEST_RSA:
        return (_refused("key-too-long", f"has {key.key_size} bits, and servers take at most {LONGEST_RSA}"),)
    findings = []
    if key.key_size < SHORTEST_RSA:
        findings.append(_refused("weak-key-short", f"has only {key.key_size} bits: {SHORTEST_RSA} are needed"))
    if not SMALLEST_EXPONENT <= numbers.e <= LARGEST_EXPONENT:
        findings.append(_refused("weak-key-exponent", f"has the exponent {_shown(numbers.e)}: use 65537"))
    if math.gcd(numbers.n, _small_primes()) != 1:
        problem = "is divisible by a small number: it is damaged or forged"
        return (*findings, _refused("weak-key-small-factor", problem))
    if gmpy2.is_prime(numbers.n) or gmpy2.is_power(numbers.n):
        problem = "has a single prime where it needs two, so that its private key can be computed"
        return (*findings, _refused("weak-key-one-prime", problem))
    found = checkrsa(numbers.n, e=numbers.e, checks=list(_WEAKNESSES))
    named = dict.fromkeys(_WEAKNESSES[check] for check in found)
    return (*findings, *(_refused(code, problem) for code, problem in named))


def _shown(exponent: int) -> str:
    return str(exponent) if exponent < 2**64 else f"of {exponent.bit_length()} bits"


@cache
def _small_primes() -> int:
    """The product of the primes below 2^16: one gcd, where the check of badkeys goes on to factor for 50 ms."""
    sieve = bytearray([1]) * 65536
    for number in range(2, 256):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, 65536, number)))
    return math.prod(number for number in range(2, 65536) if sieve[number])


def _curve_weaknesses(key: ec.EllipticCurvePublicKey) -> tuple[Finding, ...]:
    if key.curve.name in _GOOD_CURVES:
        return ()
    name = describe_key(key)
    if key.key_size < 256:
        return (_refused("weak-key-short", f"lies on {name}, a curve too short to be safe"),)
    return (_refused("weak-key-type", f"lies on {name}, a curve that network servers do not know"),)


def _refused(code: str, problem: str) -> Finding:
    return Finding(code, Severity.REFUSED, f"The public key {problem}.", _ADVICE)
