"""Requests whose signature proves nothing: made by another, over something else, by a broken hash, or not at all."""

from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tests.pki.csr_forge import SHA256, Case, algorithm_identifier, forge, key, made, named
from tests.pki.makers import (
    integer,
    p256_key,
    public_der,
    rsa_key,
    sequence,
    sign,
    tlv,
)

NULL = b"\x05\x00"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ECDSA_SHA256, RSA_SHA256, RSA_PSS, ED25519 = (
    "1.2.840.10045.4.3.2", "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.10", "1.3.101.112",
)  # fmt: skip
BAD, WEAK = "bad-signature", "weak-signature"


def cases() -> Iterator[Case]:
    yield from _not_by_the_key()
    yield from _changed()
    yield from _numbers()
    yield from _hashes()
    yield from _other_algorithms()
    yield from _rsa()


def _not_by_the_key() -> Iterator[Case]:
    other = p256_key("another")
    own = forge()
    yield made("signed by another key", forge(spki=public_der(key()), signer=other), BAD)
    yield made("signed by an RSA key", forge(spki=public_der(key()), signer=rsa_key(2048)), BAD)
    yield made("signed over another name", forge(signature=lambda _: _by_key(_info(forge(subject=named("x"))))), BAD)
    yield made("signed over another key", forge(signature=lambda _: _by_key(_info(forge(spki=public_der(other))))), BAD)
    yield made("signed over nothing", forge(signature=lambda _: _by_key(b"")), BAD)
    yield made("signed over the whole request", forge(signature=lambda _: _by_key(own)), BAD)
    yield made("signed over the hash", forge(signature=lambda info: _by_key(_hash(info))), BAD)
    yield made("signed over what stands inside of the part", forge(signature=lambda info: _by_key(info[4:])), BAD)
    yield made("no signature", forge(signature=b""), BAD)
    yield made("a signature that is one zero", forge(signature=b"\x00"), BAD)
    yield made("a signature of 60,000 zeros", forge(signature=bytes(60_000)), BAD)
    yield made("a signature that is the key", forge(signature=public_der(key())), BAD)


def _changed() -> Iterator[Case]:
    for name, change in {
        "cut off": lambda good: good[:-1],
        "half as long": lambda good: good[: len(good) // 2],
        "with an octet after it": lambda good: good + b"\x00",
        "with a bit flipped in its first number": lambda good: good[:10] + bytes([good[10] ^ 1]) + good[11:],
        "with a bit flipped at its end": lambda good: good[:-1] + bytes([good[-1] ^ 1]),
        "twice": lambda good: good + good,
        "in reverse": lambda good: good[::-1],
        "of indefinite length": lambda good: b"\x30\x80" + good[2:] + b"\x00\x00",
        "of a length with too many octets": lambda good: b"\x30\x81" + good[1:],
        "in a SET": lambda good: b"\x31" + good[1:],
        "in an OCTET STRING": lambda good: tlv(4, good),
        "with zeros before its number": _with_zeros,
        "as two plain numbers": _plain,
    }.items():
        yield made(f"a signature {name}", forge(signature=_changed_by(change)), BAD)
    yield made("a signature with bits that do not count", _with_bits(b"\x03"), ("malformed-request",))
    yield made("a signature in an OCTET STRING of the request", _with_bits(None), ("malformed-request",))


def _numbers() -> Iterator[Case]:
    for name, first, second in (
        ("r and s are 0", 0, 0),  # CVE-2022-21449: believed by Java
        ("r is 0", 0, 1),
        ("s is 0", 1, 0),
        ("r and s are 1", 1, 1),
        ("r and s are the order", ORDER, ORDER),
        ("r is larger than the order", ORDER + 1, 1),
        ("r and s have 5,000 octets", 1 << 40_000, 1 << 40_000),
        ("r and s are negative", -1, -1),
    ):
        yield made(f"a signature whose {name}", forge(signature=sequence(integer(first), integer(second))), BAD)
    yield made("a signature with the other s", forge(signature=_changed_by(_mirrored)))
    shifted = forge(signature=_changed_by(_shifted))
    yield made("a signature with s beyond the order", shifted, BAD)
    three = forge(signature=_changed_by(lambda good: sequence(*map(integer, (*decode_dss_signature(good), 1)))))
    yield made("a signature of three numbers", three, BAD)


def _hashes() -> Iterator[Case]:
    own = rsa_key(2048)
    yield made("RSA with MD5", forge(signer=own, digest=hashes.MD5()), WEAK)
    yield made("RSA with SHA-1", forge(signer=own, digest=hashes.SHA1()), WEAK)
    yield made("ECDSA with SHA-1", forge(digest=hashes.SHA1()), WEAK)
    yield made("RSA with SHA-512", forge(signer=own, digest=hashes.SHA512()))
    yield made("ECDSA with SHA-512", forge(digest=hashes.SHA512()))
    for name, oid in (("MD2", "1.2.840.113549.1.1.2"), ("MD4", "1.2.840.113549.1.1.3")):
        yield made(f"RSA with {name}", forge(signer=own, algorithm=algorithm_identifier(oid, NULL)), BAD)
    said = algorithm_identifier("1.2.840.10045.4.3.3")
    yield made("says SHA-384 and has SHA-256", forge(algorithm=said), BAD)
    yield made(
        "says SHA-256 and has SHA-1", forge(digest=hashes.SHA1(), algorithm=algorithm_identifier(ECDSA_SHA256)), BAD
    )


def _other_algorithms() -> Iterator[Case]:
    own = rsa_key(2048)
    pairs = {
        "an ECDSA signature that is called RSA": forge(algorithm=algorithm_identifier(RSA_SHA256, NULL)),
        "an ECDSA signature that is called DSA": forge(algorithm=algorithm_identifier("2.16.840.1.101.3.4.3.2")),
        "an ECDSA signature that is called Ed25519": forge(algorithm=algorithm_identifier(ED25519)),
        "an ECDSA signature that is called RSA-PSS": forge(algorithm=_pss(SHA256)),
        "an RSA signature that is called ECDSA": forge(signer=own, algorithm=algorithm_identifier(ECDSA_SHA256)),
        "an RSA signature that is called RSA-PSS": forge(signer=own, algorithm=_pss(SHA256)),
        "an algorithm that is a hash": forge(algorithm=algorithm_identifier("2.16.840.1.101.3.4.2.1")),
        "an algorithm that is unknown": forge(algorithm=algorithm_identifier("1.2.3.4.5")),
        "an algorithm with a parameter of 30,000 octets": forge(
            algorithm=algorithm_identifier("1.2.3", tlv(4, bytes(30_000)))
        ),
    }
    for name, content in pairs.items():
        yield made(name, content, BAD)
    edwards = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    called = forge(signer=edwards, algorithm=algorithm_identifier(ECDSA_SHA256))
    yield made("an Ed25519 signature that is called ECDSA", called, (BAD, "key-type-unusable"))
    kind = algorithm_identifier("1.2.840.10045.2.1")
    yield made("an algorithm that is a kind of key", forge(algorithm=kind), "malformed-request")
    with_null = algorithm_identifier(ECDSA_SHA256, NULL)
    yield made("ECDSA with a NULL that does not belong there", forge(algorithm=with_null), "malformed-request")
    yield made("no algorithm", forge(algorithm=sequence()), "malformed-request")
    yield made(
        "an algorithm that is an OID alone",
        forge(algorithm=algorithm_identifier(ECDSA_SHA256)[2:]),
        "malformed-request",
    )


def _rsa() -> Iterator[Case]:
    own = rsa_key(2048)
    numbers = own.public_key().public_numbers()
    size = 256
    yield made("RSA-PSS with SHA-256", forge(signer=own, algorithm=_pss(SHA256), signature=_by_pss(SHA256)))
    yield made(
        "RSA-PSS with SHA-1",
        forge(signer=own, algorithm=_pss(hashes.SHA1()), signature=_by_pss(hashes.SHA1())),
        "malformed-request",
    )
    bare = algorithm_identifier(RSA_PSS)
    yield made("RSA-PSS without parameters", forge(signer=own, algorithm=bare, signature=_by_pss(SHA256)), BAD)
    yield made("RSA without the NULL of its algorithm", forge(signer=own, algorithm=algorithm_identifier(RSA_SHA256)))
    for name, signature in (
        ("that is 0", bytes(size)),
        ("that is 1", bytes(size - 1) + b"\x01"),
        ("that is the modulus", numbers.n.to_bytes(size, "big")),
        ("that is larger than the modulus", b"\xff" * size),
        ("of one octet", b"\x01"),
        ("of 4,096 octets", b"\x01" * 4096),
    ):
        yield made(f"an RSA signature {name}", forge(signer=own, signature=signature), BAD)
    plus = forge(signer=own, signature=lambda info: _longer(sign(own, info, SHA256), numbers.n))
    yield made("an RSA signature with the modulus added", plus, BAD)
    padded = forge(signer=own, signature=lambda info: b"\x00" + sign(own, info, SHA256))
    yield made("an RSA signature with a zero before it", padded, BAD)


def _by_key(content: bytes) -> bytes:
    return sign(key(), content, SHA256)


def _changed_by(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda info: change(_by_key(info))


def _info(request: bytes) -> bytes:
    """The part of a short request that is signed."""
    start = 2 + (request[1] & 0x7F if request[1] & 0x80 else 0)
    size = request[start + 1]
    head = 2 + (size & 0x7F if size & 0x80 else 0)
    length = int.from_bytes(request[start + 2 : start + head], "big") if size & 0x80 else size
    return request[start : start + head + length]


def _hash(content: bytes) -> bytes:
    digest = hashes.Hash(SHA256)
    digest.update(content)
    return digest.finalize()


def _with_zeros(good: bytes) -> bytes:
    first, second = decode_dss_signature(good)
    return sequence(tlv(2, b"\x00\x00" + first.to_bytes(32, "big")), integer(second))


def _plain(good: bytes) -> bytes:
    """As in JSON Web Signatures and PKCS#11 (IEEE P1363)."""
    return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(good))


def _mirrored(good: bytes) -> bytes:
    """As good as the first: ECDSA has two of them."""
    first, second = decode_dss_signature(good)
    return encode_dss_signature(first, ORDER - second)


def _shifted(good: bytes) -> bytes:
    first, second = decode_dss_signature(good)
    return encode_dss_signature(first, ORDER + second)


def _longer(good: bytes, modulus: int) -> bytes:
    value = int.from_bytes(good, "big") + modulus
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _with_bits(unused: bytes | None) -> bytes:
    """A good request whose signature's BIT STRING is something else."""
    info = _info(forge())
    good = _by_key(info)
    string = tlv(4, good) if unused is None else tlv(3, unused + good[:-1] + bytes([good[-1] | 1]))
    return sequence(info, algorithm_identifier(ECDSA_SHA256), string)


def _pss(digest: hashes.HashAlgorithm) -> bytes:
    """RSASSA-PSS-params (RFC 4055 section 3.1)."""
    oid = {"sha256": "2.16.840.1.101.3.4.2.1", "sha1": "1.3.14.3.2.26"}[digest.name]
    hashed = algorithm_identifier(oid, NULL)
    mask = algorithm_identifier("1.2.840.113549.1.1.8", hashed)
    parts = (tlv(0xA0, hashed), tlv(0xA1, mask), tlv(0xA2, integer(digest.digest_size)))
    return algorithm_identifier(RSA_PSS, sequence(*parts))


def _by_pss(digest: hashes.SHA256 | hashes.SHA1) -> Callable[[bytes], bytes]:
    pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return lambda info: rsa_key(2048).sign(info, pss, digest)
