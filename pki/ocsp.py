"""OCSP (RFC 6960, and its light-weight profile RFC 5019): reading requests, writing responses.

Requests come from anybody: `read_request` takes strict DER of a bounded size and raises `Malformed` for all else.
Instants are aware, and written in whole seconds.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from pki import asn1
from pki.crl import REASONS
from pki.der import NULL, OCTET_STRING, SEQUENCE, DerReader, MalformedDer
from pki.signatures import SignatureAlgorithm

MOST_OCTETS = 4096  # of a request
MOST_ASKED = 16  # certificates in one request
LONGEST_NONCE = 32  # that is answered; RFC 9654 section 2.1 lets a responder ignore longer ones
LONGEST_LEGAL_NONCE = 128
HASHES = {(1, 3, 14, 3, 2, 26): "sha1", (2, 16, 840, 1, 101, 3, 4, 2, 1): "sha256"}

_VERSION, _REQUESTOR, _REQUEST_EXTENSIONS, _SINGLE_EXTENSIONS, _SIGNATURE = 0xA0, 0xA1, 0xA2, 0xA0, 0xA0
_NONCE_OID = (1, 3, 6, 1, 5, 5, 7, 48, 1, 2)
_UNDERSTOOD = {_NONCE_OID, (1, 3, 6, 1, 5, 5, 7, 48, 1, 4)}  # the nonce, and the kinds of response that are liked
_NONCE = bytes.fromhex("06092b0601050507300102")
_BASIC = bytes.fromhex("06092b0601050507300101")
_GOOD, _UNKNOWN = bytes.fromhex("8000"), bytes.fromhex("8200")


class Status(IntEnum):
    """OCSPResponseStatus (RFC 6960 section 4.2.1)."""

    SUCCESSFUL = 0
    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6


class Malformed(ValueError):
    """Not a request that is answered."""


@dataclass(frozen=True, slots=True)
class CertId:
    """Which certificate is meant. `der` is the CertID as it came; `issuer` the hashes of the issuer's name and key, one
    behind the other, in lower-case hex; `hash_name` is "sha1", "sha256" or, for any other, empty."""

    der: bytes
    hash_name: str
    issuer: str
    serial: int


@dataclass(frozen=True, slots=True)
class Request:
    """`nonce` is what is to be given back; empty: nothing."""

    asked: tuple[CertId, ...]
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Single:
    """The answer for one certificate: good, or revoked at an instant for a name of `REASONS`, or unknown."""

    cert_id: CertId
    is_known: bool
    revoked_at: datetime | None = None
    reason: str = "unspecified"


def read_request(content: bytes) -> Request:
    """Read an OCSPRequest in DER (section 4.1.1). Its signature and the name of who asks are not looked at.

    Raises `Malformed` for whatever is no such thing, is longer than `MOST_OCTETS`, asks for nothing or for more than
    `MOST_ASKED`, or demands by a critical extension what is not known here.
    """
    if len(content) > MOST_OCTETS:
        raise Malformed("too long")
    try:
        return _read_request(content)
    except MalformedDer as error:
        raise Malformed(str(error)) from error


def response_data(
    answers: Sequence[Single],
    *,
    responder_key: bytes,
    produced_at: datetime,
    this_update: datetime,
    next_update: datetime,
    nonce: bytes = b"",
) -> bytes:
    """The DER ResponseData that is signed (section 4.2.1). `responder_key` is the responder's SubjectPublicKeyInfo: the
    responder is named by the SHA-1 of its bits."""
    digest = hashlib.sha1(asn1.key_bits(responder_key), usedforsecurity=False).digest()
    responder = asn1.element(0xA2, asn1.octet_string(digest))
    times = asn1.generalized_time(this_update) + asn1.element(0xA0, asn1.generalized_time(next_update))
    singles = asn1.sequence(*(asn1.sequence(each.cert_id.der, _status(each), times) for each in answers))
    extensions = b""
    if nonce:
        extensions = asn1.element(0xA1, asn1.sequence(asn1.extension(_NONCE, asn1.octet_string(nonce))))
    return asn1.sequence(responder, asn1.generalized_time(produced_at), singles, extensions)


def response(data: bytes, *, algorithm: SignatureAlgorithm, signature: bytes, signer: bytes) -> bytes:
    """The DER OCSPResponse with a signed ResponseData. `signer` is the responder's certificate, which goes along."""
    certificates = asn1.element(0xA0, asn1.sequence(signer))
    basic = asn1.sequence(data, algorithm.identifier, asn1.bit_string(signature), certificates)
    wrapped = asn1.element(0xA0, asn1.sequence(_BASIC, asn1.octet_string(basic)))
    return asn1.sequence(asn1.integer(Status.SUCCESSFUL, asn1.ENUMERATED), wrapped)


def error(status: Status) -> bytes:
    """The DER OCSPResponse that says no more than why there is no answer."""
    return asn1.sequence(asn1.integer(status, asn1.ENUMERATED))


def _read_request(content: bytes) -> Request:
    outer = DerReader(content)
    request = outer.enter()
    tbs = request.enter()
    request.read_optional(_SIGNATURE)
    _refuse_rest(outer, request)
    version = tbs.read_optional(_VERSION)
    if version is not None and DerReader(version).read_integer() != 0:
        raise Malformed("another version")
    tbs.read_optional(_REQUESTOR)
    asked = _read_list(tbs.enter())
    nonce = _nonce(tbs.read_optional(_REQUEST_EXTENSIONS))
    _refuse_rest(tbs)
    return Request(asked, nonce)


def _refuse_rest(*readers: DerReader) -> None:
    if not all(each.is_empty for each in readers):
        raise Malformed("something follows")


def _read_list(reader: DerReader) -> tuple[CertId, ...]:
    asked: list[CertId] = []
    while not reader.is_empty:
        if len(asked) == MOST_ASKED:
            raise Malformed("too many at once")
        single = reader.enter()
        asked.append(_read_cert_id(single.read_element(SEQUENCE).full))
        _extensions(single.read_optional(_SINGLE_EXTENSIONS))
        _refuse_rest(single)
    if not asked:
        raise Malformed("nothing is asked")
    return tuple(asked)


def _read_cert_id(der: bytes) -> CertId:
    fields = DerReader(der).enter()
    algorithm = fields.enter()
    hash_name = HASHES.get(algorithm.read_oid(), "")
    if hash_name and (algorithm.read_optional(NULL) or not algorithm.is_empty):
        raise Malformed("parameters of a hash that has none")
    name, key = fields.read(OCTET_STRING), fields.read(OCTET_STRING)
    serial = fields.read_integer()
    _refuse_rest(fields)
    return CertId(der, hash_name, (name + key).hex(), serial)


def _extensions(content: bytes | None) -> dict[tuple[int, ...], bytes]:
    """Extensions by their OID. Raises `Malformed` for a critical one that is not known here, and for a doubled one."""
    found: dict[tuple[int, ...], bytes] = {}
    reader = DerReader(content).enter() if content is not None else DerReader(b"")
    while not reader.is_empty:
        extension = reader.enter()
        oid = extension.read_oid()
        is_critical = extension.next_is(0x01) and extension.read_boolean()
        if oid in found or (is_critical and oid not in _UNDERSTOOD):
            raise Malformed("an extension that is doubled or demands too much")
        found[oid] = extension.read(OCTET_STRING)
        _refuse_rest(extension)
    return found


def _nonce(content: bytes | None) -> bytes:
    """RFC 9654 section 2.1: none at all or more than 128 octets are refused, more than 32 are not answered."""
    value = _extensions(content).get(_NONCE_OID)
    if value is None:
        return b""
    reader = DerReader(value)
    nonce = reader.read(OCTET_STRING)
    _refuse_rest(reader)
    if not 1 <= len(nonce) <= LONGEST_LEGAL_NONCE:
        raise Malformed("a nonce of no legal length")
    return nonce if len(nonce) <= LONGEST_NONCE else b""


def _status(answer: Single) -> bytes:
    if not answer.is_known:
        return _UNKNOWN
    if answer.revoked_at is None:
        return _GOOD
    code = REASONS[answer.reason]
    reason = asn1.element(0xA0, asn1.integer(code, asn1.ENUMERATED)) if code else b""
    return asn1.element(0xA1, asn1.generalized_time(answer.revoked_at) + reason)
