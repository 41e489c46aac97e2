"""Requests for keys that others can compute, that nobody can use, or that are written in a way of their own (row 8)."""

import random
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, x448, x25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.pki.csr_forge import Case, algorithm_identifier, forge, key, made, subject_public_key
from tests.pki.makers import (
    PrivateKey,
    bit_string,
    curve_key,
    integer,
    object_identifier,
    public_der,
    rsa_key,
    rsa_spki,
    sequence,
    tlv,
)
from tests.pki.weak_primes import Numbers, prime, prime_after, roca_prime

RSA, PSS, OAEP = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.7"
EC, P256 = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7"
NULL = b"\x05\x00"
SHA256_WITH_RSA = "1.2.840.113549.1.1.11"
SOME = random.Random(105)
_FIELD = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF  # FIPS 186-4 section D.1.2.3
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_MODP = int(  # RFC 3526 section 3
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
    "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
    "49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D"
    "670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_BASE = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


def cases() -> Iterator[Case]:
    yield from _rsa_sizes()
    yield from _rsa_numbers()
    yield from _rsa_encodings()
    yield from _points()
    yield from _curves()
    yield from _other_kinds()


def _rsa_sizes() -> Iterator[Case]:
    yield made("RSA 512", _by(Numbers.of(prime(256, SOME), prime(256, SOME))), "weak-key-short")
    yield made("RSA 1023", _by(Numbers.of(prime(511, SOME), prime(512, SOME))), "weak-key-short")
    yield made("RSA 1024", forge(signer=rsa_key(1024)), "weak-key-short")
    yield made("RSA 2047", _by(Numbers.of(prime(1023, SOME), prime(1024, SOME))), "weak-key-short")
    yield made("RSA 2560", forge(signer=rsa_key(2560)), "key-type-unusable")
    yield made("RSA 16384", _unsigned(1 << 16383 | 1), ("bad-signature", "key-too-long"))
    yield made("RSA of half a million bits", forge(spki=rsa_spki(1 << 500_000 | 1)), ("bad-signature", "key-too-long"))


def _rsa_numbers() -> Iterator[Case]:
    good = Numbers.of(prime(1024, SOME), prime(1024, SOME))
    first, third, alone = prime(1024, SOME), prime(683, SOME), prime(2048, SOME)
    yield made("RSA, e=1", _unsigned(good.modulus, 1), "unsupported-key")
    yield made("RSA, e=3", forge(signer=rsa_key(2048, "three", 3)), "weak-key-exponent")
    yield made("RSA, e=5", _unsigned(good.modulus, 5), ("bad-signature", "weak-key-exponent"))
    yield made("RSA, an even e", _unsigned(good.modulus, 65536), "unsupported-key")
    yield made("RSA, e=0", _unsigned(good.modulus, 0), "unsupported-key")
    yield made("RSA, a negative e", _unsigned(good.modulus, -65537), "unsupported-key")
    yield made("RSA, e of 33 bits", _by(good.but((1 << 32) + 15)), "weak-key-exponent")
    yield made("RSA, e of 2,000 bits", _by(good.but(prime(2000, SOME))), "weak-key-exponent")
    yield made("RSA, e larger than n", _unsigned(good.modulus, good.modulus + 2), "unsupported-key")
    yield made("RSA, e of 500,000 bits", _unsigned(good.modulus, 1 << 500_000 | 1), "unsupported-key")
    yield made("RSA, a negative n", _unsigned(-good.modulus), "unsupported-key")
    yield made("RSA, n=0", _unsigned(0), "unsupported-key")
    yield made("RSA, an even n", _unsigned(good.modulus + 1), ("bad-signature", "weak-key-small-factor"))
    yield made("RSA, n is a prime", _by(Numbers(alone, alone - 1)), "weak-key-one-prime")
    yield made(
        "RSA, n is the third power of a prime", _by(Numbers(third**3, third**2 * (third - 1))), "weak-key-one-prime"
    )
    yield made("RSA, n has a small factor", _by(Numbers.of(65521, prime(2040, SOME))), "weak-key-small-factor")
    yield made(
        "RSA with the ROCA flaw", _by(Numbers.of(roca_prime(1024, SOME), roca_prime(1024, SOME))), "weak-key-roca"
    )
    yield made("RSA with close primes", _by(Numbers.of(first, prime_after(first))), "weak-key-fermat")
    yield made("RSA, n is a square", _by(Numbers(first**2, first * (first - 1))), "weak-key-one-prime")


def _rsa_encodings() -> Iterator[Case]:
    own = rsa_key(2048)
    numbers = own.public_key().public_numbers()
    bits = sequence(integer(numbers.n), integer(numbers.e))
    for name, parameters in (
        ("without its NULL", b""),
        ("with an INTEGER for its NULL", integer(0)),
        ("with a NULL that has a content", b"\x05\x01\x00"),
        ("with an OID for its NULL", object_identifier(P256)),
    ):
        code = "malformed-request" if parameters else "key-encoding"
        yield made(f"RSA {name}", forge(signer=own, spki=subject_public_key(RSA, parameters, bits)), code)
    yield made("RSA for PSS alone", forge(signer=own, spki=subject_public_key(PSS, b"", bits)), "key-encoding")
    yield made("RSA for OAEP", forge(signer=own, spki=subject_public_key(OAEP, NULL, bits)), "unsupported-key")
    longer = subject_public_key(
        RSA, NULL, sequence(tlv(2, b"\x00\x00" + numbers.n.to_bytes(256, "big")), integer(numbers.e))
    )
    yield made("RSA, n with zeros before it", forge(signer=own, spki=longer), "unsupported-key")
    third = subject_public_key(RSA, NULL, sequence(integer(numbers.n), integer(numbers.e), integer(1)))
    yield made("RSA with a third number", forge(signer=own, spki=third), "unsupported-key")
    after = subject_public_key(RSA, NULL, bits + b"\x00")
    yield made("RSA with an octet after it", forge(signer=own, spki=after), "unsupported-key")


def _points() -> Iterator[Case]:
    point = key().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    compressed = key().public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    zeros, ones = bytes(64), b"\xff" * 64
    curve = object_identifier(P256)
    for name, bits, code in (
        ("compressed", compressed, "key-encoding"),
        ("written both ways", bytes([6 + point[-1] % 2]) + point[1:], "key-encoding"),
        ("written both ways, which differ", bytes([7 - point[-1] % 2]) + point[1:], "unsupported-key"),
        ("at infinity", b"\x00", "unsupported-key"),
        ("of zeros", b"\x04" + zeros, "unsupported-key"),
        ("larger than the field", b"\x04" + ones, "unsupported-key"),
        ("beside the curve", point[:-1] + bytes([point[-1] ^ 1]), "unsupported-key"),
        ("cut off", point[:-1], "unsupported-key"),
        ("too long", point + b"\x00", "unsupported-key"),
        ("of another form", b"\x05" + point[1:], "unsupported-key"),
        ("that is not there", b"", "unsupported-key"),
    ):
        yield made(f"a point {name}", forge(spki=subject_public_key(EC, curve, bits)), code)
    unused = sequence(algorithm_identifier(EC, curve), tlv(0x03, b"\x01" + point[:-1] + bytes([point[-1] & 0xFE])))
    yield made("a point with a bit less", forge(spki=unused), ("unsupported-key"))
    after = sequence(algorithm_identifier(EC, curve), bit_string(point), NULL)
    yield made("a key with something after it", forge(spki=after), "malformed-request")


def _curves() -> Iterator[Case]:
    for curve, code in (
        (ec.SECP192R1, "weak-key-short"),
        (ec.SECP224R1, "weak-key-short"),
        (ec.SECP256K1, "weak-key-type"),
        (ec.BrainpoolP256R1, "weak-key-type"),
        (ec.BrainpoolP512R1, "weak-key-type"),
        (ec.SECP521R1, "key-type-unusable"),
    ):
        yield made(f"the curve {curve.name}", forge(signer=curve_key(curve)), code)
    yield made("the curve P-384", forge(signer=curve_key(ec.SECP384R1)))
    point = key().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    yield made("no curve", forge(spki=subject_public_key(EC, b"", point)), "malformed-request")
    yield made("the curve of the issuer", forge(spki=subject_public_key(EC, NULL, point)), "unsupported-key")
    unknown = object_identifier("1.2.840.10045.3.1.99")
    yield made("a curve that is unknown", forge(spki=subject_public_key(EC, unknown, point)), "unsupported-key")
    yield made(
        "a binary curve",
        forge(spki=subject_public_key(EC, object_identifier("1.3.132.0.26"), point)),
        "unsupported-key",
    )
    yield made("P-256 in its own words", forge(spki=subject_public_key(EC, _parameters(_BASE), point)), "key-encoding")
    chosen = _parameters(point)  # CVE-2020-0601: with the key itself as base point, everybody knows the private key
    yield made("P-256 with another base point", forge(spki=subject_public_key(EC, chosen, point)), "unsupported-key")


def _parameters(base: bytes) -> bytes:
    """SpecifiedECDomain (SEC 1 section C.2) of P-256 with `base`."""
    field = sequence(object_identifier("1.2.840.10045.1.1"), integer(_FIELD))
    curve = sequence(tlv(4, (_FIELD - 3).to_bytes(32, "big")), tlv(4, _B.to_bytes(32, "big")))
    return sequence(integer(1), field, curve, tlv(4, base), integer(_ORDER), integer(1))


def _other_kinds() -> Iterator[Case]:
    signers: dict[str, tuple[PrivateKey, str]] = {
        "Ed25519": (ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), "key-type-unusable"),
        "Ed448": (ed448.Ed448PrivateKey.from_private_bytes(bytes(57)), "weak-key-type"),
        "DSA": (dsa.generate_private_key(1024), "weak-key-type"),
    }
    for name, (signer, code) in signers.items():
        yield made(name, forge(signer=signer), code)
    point = public_der(key())
    others: dict[str, PublicKeyTypes] = {
        "X25519": x25519.X25519PrivateKey.from_private_bytes(bytes(32)).public_key(),
        "X448": x448.X448PrivateKey.from_private_bytes(bytes(56)).public_key(),
        "ML-DSA-65": mldsa.MLDSA65PrivateKey.generate().public_key(),
    }
    for name, public in others.items():
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        yield made(name, forge(spki=spki), ("bad-signature", "weak-key-type"))
    group = subject_public_key("1.2.840.113549.1.3.1", sequence(integer(_MODP), integer(2)), integer(5))
    yield made("Diffie-Hellman", forge(spki=group), ("bad-signature", "weak-key-type"))
    yield made(
        "a kind of key that is unknown", forge(spki=subject_public_key("1.2.3.4", b"", point)), "unsupported-key"
    )
    yield made(
        "a kind of key that is a hash",
        forge(spki=subject_public_key("2.16.840.1.101.3.4.2.1", NULL, point)),
        "unsupported-key",
    )
    yield made(
        "a key within a key", forge(spki=subject_public_key(EC, object_identifier(P256), point)), "unsupported-key"
    )
    yield made("no key", forge(spki=NULL), "malformed-request")


def _by(numbers: Numbers) -> bytes:
    """A request that the key really signed."""
    return _with_rsa(rsa_spki(numbers.modulus, numbers.exponent), numbers.sign)


def _unsigned(modulus: int, exponent: int = 65537) -> bytes:
    return _with_rsa(rsa_spki(modulus, exponent), b"\x01" * 256)


def _with_rsa(spki: bytes, signature: bytes | Callable[[bytes], bytes]) -> bytes:
    return forge(spki=spki, algorithm=algorithm_identifier(SHA256_WITH_RSA, NULL), signature=signature)
