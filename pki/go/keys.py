"""Public keys and signature algorithms as Go reads them, and its check of a signature.

Sources: crypto/x509/parser.go `parsePublicKey`, crypto/x509/x509.go `getSignatureAlgorithmFromAI`, `checkSignature`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa

from pki.der import SEQUENCE, BitString, DerReader, MalformedDer, Oid
from pki.go.release import Go

_RSA: Oid = (1, 2, 840, 113549, 1, 1, 1)
_PSS: Oid = (1, 2, 840, 113549, 1, 1, 10)
_MGF1: Oid = (1, 2, 840, 113549, 1, 1, 8)
_DSA: Oid = (1, 2, 840, 10040, 4, 1)
_EC: Oid = (1, 2, 840, 10045, 2, 1)
_ED25519: Oid = (1, 3, 101, 112)
_MLDSA_44: Oid = (2, 16, 840, 1, 101, 3, 4, 3, 17)
_MLDSA_65: Oid = (2, 16, 840, 1, 101, 3, 4, 3, 18)
_MLDSA_87: Oid = (2, 16, 840, 1, 101, 3, 4, 3, 19)
_CURVES: dict[Oid, ec.EllipticCurve] = {
    (1, 3, 132, 0, 33): ec.SECP224R1(),
    (1, 2, 840, 10045, 3, 1, 7): ec.SECP256R1(),
    (1, 3, 132, 0, 34): ec.SECP384R1(),
    (1, 3, 132, 0, 35): ec.SECP521R1(),
}
_NULL_DER = b"\x05\x00"


_MLDSA_KEYS: dict[Oid, type] = {
    _MLDSA_44: mldsa.MLDSA44PublicKey,
    _MLDSA_65: mldsa.MLDSA65PublicKey,
    _MLDSA_87: mldsa.MLDSA87PublicKey,
}


@dataclass(frozen=True, slots=True)
class RsaKey:
    modulus: int
    exponent: int


@dataclass(frozen=True, slots=True)
class DsaKey:
    """Read, and never good for a signature."""


MlDsaKey = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
PublicKey = RsaKey | DsaKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | MlDsaKey


class Scheme(Enum):
    PKCS1 = "PKCS #1 v1.5"
    PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"
    DSA = "DSA"
    ED25519 = "Ed25519"
    MLDSA = "ML-DSA"


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    scheme: Scheme
    digest: hashes.HashAlgorithm | None = None
    parameter_set: Oid = ()  # of ML-DSA


class BadSignature(Exception):
    """The signature does not verify, or Go does not try. `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_algorithm(content: bytes) -> tuple[Oid, bytes]:
    """(OID, DER of the parameters or nothing) of an AlgorithmIdentifier's content (`parseAI`)."""
    reader = DerReader(content)
    oid = reader.read_oid()
    return oid, b"" if reader.is_empty else reader.read_any().full


def read_public_key(algorithm: tuple[Oid, bytes], key: BitString, go: Go) -> PublicKey | None:
    """The key, or None where Go knows no such algorithm. Raises `MalformedDer` for a bad key of a known one."""
    oid, parameters = algorithm
    data = key.right_aligned()
    if oid == _RSA:
        return _read_rsa(parameters, data)
    if oid == _EC:
        return _read_ec(parameters, data)
    if oid == _DSA:
        return _read_dsa(parameters, data)
    if oid == _ED25519:
        return _read_raw(ed25519.Ed25519PublicKey.from_public_bytes, parameters, data)
    if oid in _MLDSA and go is Go.NEWEST:
        return _read_raw(_MLDSA[oid], parameters, data)
    return None


def _read_rsa(parameters: bytes, data: bytes) -> RsaKey:
    sequence = DerReader(data).enter()
    modulus, exponent = sequence.read_integer(), sequence.read_int64()
    if parameters != _NULL_DER or modulus <= 0 or exponent <= 0:
        raise MalformedDer("invalid RSA key")
    return RsaKey(modulus, exponent)


def _read_ec(parameters: bytes, data: bytes) -> ec.EllipticCurvePublicKey:
    curve = _CURVES.get(DerReader(parameters).read_oid())
    if curve is None or data[:1] != b"\x04":
        raise MalformedDer("unknown curve, or a point that is not uncompressed")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, data)
    except ValueError as error:
        raise MalformedDer("point is not on its curve") from error


def _read_dsa(parameters: bytes, data: bytes) -> DsaKey:
    values = DerReader(parameters).enter()
    if min(DerReader(data).read_integer(), *(values.read_integer() for _ in "pqg")) <= 0:
        raise MalformedDer("invalid DSA key")
    return DsaKey()


def _read_raw(load: Callable[[bytes], PublicKey], parameters: bytes, data: bytes) -> PublicKey:
    if parameters:
        raise MalformedDer("key has parameters")
    try:
        return load(data)
    except ValueError as error:
        raise MalformedDer("key has the wrong size") from error


def read_signature_algorithm(algorithm: tuple[Oid, bytes], go: Go) -> SignatureAlgorithm | None:
    """The algorithm, or None where Go knows no such one."""
    oid, parameters = algorithm
    if oid == _PSS:
        return _read_pss(parameters)
    if oid == _ED25519 or oid in _MLDSA:
        return _read_parameterless(oid, parameters, go)
    return _ALGORITHMS.get(oid)


def _read_parameterless(oid: Oid, parameters: bytes, go: Go) -> SignatureAlgorithm | None:
    if parameters or (oid in _MLDSA and go is Go.OLDEST):
        return None
    return SignatureAlgorithm(Scheme.ED25519) if oid == _ED25519 else SignatureAlgorithm(Scheme.MLDSA, None, oid)


def _read_pss(parameters: bytes) -> SignatureAlgorithm | None:
    """One hash throughout, a salt as long as it, the usual trailer: else Go does not know the algorithm."""
    try:
        sequence = DerReader(parameters).enter()
        digest, digest_parameters = read_algorithm(_explicit(sequence, 0xA0).read(SEQUENCE))
        mask, mask_parameters = read_algorithm(_explicit(sequence, 0xA1).read(SEQUENCE))
        salt = _explicit(sequence, 0xA2).read_int64()
        trailer = _explicit(sequence, 0xA3).read_int64() if sequence.next_is(0xA3) else 1
        inner, inner_parameters = read_algorithm(DerReader(mask_parameters).read(SEQUENCE))
    except MalformedDer:
        return None
    plain = {digest_parameters, inner_parameters} <= {b"", _NULL_DER}
    if not plain or mask != _MGF1 or inner != digest or trailer != 1:
        return None
    known = _PSS_DIGESTS.get(digest)
    return SignatureAlgorithm(Scheme.PSS, known) if known and known.digest_size == salt else None


def _explicit(sequence: DerReader, tag: int) -> DerReader:
    return DerReader(sequence.read(tag))


def check_signature(
    algorithm: SignatureAlgorithm | None, key: PublicKey, *, signed: bytes, signature: bytes, go: Go
) -> None:
    """Raise `BadSignature` unless `signature` over `signed` is one that Go takes from `key`."""
    if algorithm is None:
        raise BadSignature("its signature algorithm is one that the server does not know")
    if isinstance(algorithm.digest, hashes.MD5 | hashes.SHA1):
        raise BadSignature("its signature uses MD5 or SHA-1, which the server refuses")
    try:
        _verify(algorithm, key, signed, signature, go)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise BadSignature("its signature does not verify with the key of that authority") from error


def _verify(algorithm: SignatureAlgorithm, key: PublicKey, signed: bytes, signature: bytes, go: Go) -> None:
    scheme, digest = algorithm.scheme, algorithm.digest
    if isinstance(key, RsaKey) and scheme in (Scheme.PKCS1, Scheme.PSS) and digest:
        _verify_rsa(key, algorithm, signed, signature, go)
    elif isinstance(key, ec.EllipticCurvePublicKey) and scheme is Scheme.ECDSA and digest:
        _check_ecdsa_encoding(signature)
        key.verify(signature, signed, ec.ECDSA(digest))
    elif isinstance(key, ed25519.Ed25519PublicKey) and scheme is Scheme.ED25519:  # noqa: SIM114  # mypy narrows one kind each
        key.verify(signature, signed)
    elif isinstance(key, MlDsaKey) and _is_of_parameter_set(key, algorithm):
        key.verify(signature, signed)
    else:
        raise InvalidSignature


def _is_of_parameter_set(key: MlDsaKey, algorithm: SignatureAlgorithm) -> bool:
    return algorithm.scheme is Scheme.MLDSA and isinstance(key, _MLDSA_KEYS[algorithm.parameter_set])


def _verify_rsa(key: RsaKey, algorithm: SignatureAlgorithm, signed: bytes, signature: bytes, go: Go) -> None:
    """Go 1.27 refuses keys under 1024 bits; both refuse exponents over 31 bits (crypto/rsa `checkPublicKey`)."""
    too_small = go is Go.NEWEST and key.modulus.bit_length() < 1024
    if too_small or key.exponent >= 2**31 or algorithm.digest is None:
        raise InvalidSignature
    public = rsa.RSAPublicNumbers(key.exponent, key.modulus).public_key()
    if algorithm.scheme is Scheme.PKCS1:
        public.verify(signature, signed, padding.PKCS1v15(), algorithm.digest)
    else:
        mgf = padding.MGF1(algorithm.digest)
        public.verify(signature, signed, padding.PSS(mgf, algorithm.digest.digest_size), algorithm.digest)


def _check_ecdsa_encoding(signature: bytes) -> None:
    """Two positive integers in strict DER and nothing behind them (crypto/ecdsa `parseSignature`)."""
    outer = DerReader(signature)
    pair = outer.enter()
    values = pair.read_integer(), pair.read_integer()
    if not outer.is_empty or not pair.is_empty or min(values) <= 0:
        raise InvalidSignature


_ALGORITHMS: dict[Oid, SignatureAlgorithm] = {
    (1, 2, 840, 113549, 1, 1, 4): SignatureAlgorithm(Scheme.PKCS1, hashes.MD5()),  # noqa: S303  # read to be refused
    (1, 2, 840, 113549, 1, 1, 5): SignatureAlgorithm(Scheme.PKCS1, hashes.SHA1()),  # noqa: S303  # read to be refused
    (1, 3, 14, 3, 2, 29): SignatureAlgorithm(Scheme.PKCS1, hashes.SHA1()),  # noqa: S303  # read to be refused
    (1, 2, 840, 113549, 1, 1, 11): SignatureAlgorithm(Scheme.PKCS1, hashes.SHA256()),
    (1, 2, 840, 113549, 1, 1, 12): SignatureAlgorithm(Scheme.PKCS1, hashes.SHA384()),
    (1, 2, 840, 113549, 1, 1, 13): SignatureAlgorithm(Scheme.PKCS1, hashes.SHA512()),
    (1, 2, 840, 10040, 4, 3): SignatureAlgorithm(Scheme.DSA, hashes.SHA1()),  # noqa: S303  # read to be refused
    (2, 16, 840, 1, 101, 3, 4, 3, 2): SignatureAlgorithm(Scheme.DSA, hashes.SHA256()),
    (1, 2, 840, 10045, 4, 1): SignatureAlgorithm(Scheme.ECDSA, hashes.SHA1()),  # noqa: S303  # read to be refused
    (1, 2, 840, 10045, 4, 3, 2): SignatureAlgorithm(Scheme.ECDSA, hashes.SHA256()),
    (1, 2, 840, 10045, 4, 3, 3): SignatureAlgorithm(Scheme.ECDSA, hashes.SHA384()),
    (1, 2, 840, 10045, 4, 3, 4): SignatureAlgorithm(Scheme.ECDSA, hashes.SHA512()),
}
_PSS_DIGESTS: dict[Oid, hashes.HashAlgorithm] = {
    (2, 16, 840, 1, 101, 3, 4, 2, 1): hashes.SHA256(),
    (2, 16, 840, 1, 101, 3, 4, 2, 2): hashes.SHA384(),
    (2, 16, 840, 1, 101, 3, 4, 2, 3): hashes.SHA512(),
}
_MLDSA: dict[Oid, Callable[[bytes], PublicKey]] = {
    _MLDSA_44: mldsa.MLDSA44PublicKey.from_public_bytes,
    _MLDSA_65: mldsa.MLDSA65PublicKey.from_public_bytes,
    _MLDSA_87: mldsa.MLDSA87PublicKey.from_public_bytes,
}
