"""Lists of revoked certificates (RFC 5280 section 5), put together from entries that are kept as DER.

A list of a million entries is some 50 MB: it is made and read in pieces, and never stands in memory as a whole. What is
signed is TBSCertList = head + entries + tail. The caller keeps entries in pages, gives their total size to `frame`,
hashes head, pages and tail in this order with `SigningHash`, has the digest signed, and gives out

    opening(...) + head + pages + tail + closing(...)

which is the DER CertificateList.
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pki import asn1
from pki.der import SEQUENCE, DerReader
from pki.errors import PkiError
from pki.loading import load_certificate
from pki.signatures import SignatureAlgorithm, read_public_key, signature_algorithm

# RFC 5280 section 5.3.1; unspecified is said by saying nothing
REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}
MOST_NUMBER = 1 << 159  # cRLNumber has at most 20 octets (section 5.2.3)
_REASON = bytes.fromhex("0603551d15")  # 2.5.29.21
_NUMBER = bytes.fromhex("0603551d14")  # 2.5.29.20
_AUTHORITY_KEY = bytes.fromhex("0603551d23")  # 2.5.29.35
_VERSION_2 = bytes.fromhex("020101")
_EXTENSIONS, _KEY_IDENTIFIER = 0xA0, 0x80
_LINE = 48  # octets in a line of PEM (RFC 7468)


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the entries of a list: `head` before, `tail` behind; `size` is that of the whole TBSCertList
    in octets."""

    head: bytes
    tail: bytes
    size: int
    algorithm: str  # name of pki.signatures


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs: the DER Name, the key identifier, and the way of signing."""

    name: bytes
    key_identifier: bytes
    algorithm: SignatureAlgorithm


class SigningHash:
    """The digest of a message that comes in pieces, by the hash of an algorithm's name."""

    def __init__(self, algorithm: SignatureAlgorithm) -> None:
        self._hash = hashes.Hash(algorithm.hash)
        self.size = 0

    def update(self, piece: bytes) -> None:
        self._hash.update(piece)
        self.size += len(piece)

    def digest(self) -> bytes:
        return self._hash.finalize()


def entry(serial: int, revoked_at: datetime, reason: str) -> bytes:
    """One entry of revokedCertificates in DER (section 5.3): `reason` is a name of `REASONS`.

    Raises PkiError `serial-refused` or `reason-unknown`.
    """
    if not 0 < serial < 1 << 159:
        raise PkiError("serial-refused", "A serial number is positive and has at most 20 octets.")
    code = REASONS.get(reason)
    if code is None:
        raise PkiError("reason-unknown", f"{reason[:40]!r} is no reason of RFC 5280.")
    extensions = b""
    if code:
        extensions = asn1.sequence(asn1.extension(_REASON, asn1.integer(code, asn1.ENUMERATED)))
    return asn1.sequence(asn1.integer(serial), asn1.time(revoked_at), extensions)


def split(page: bytes) -> Iterator[tuple[int, bytes]]:
    """The entries of a page of concatenated ones: each serial number, and the whole entry. Raises `MalformedDer`."""
    reader = DerReader(page)
    while not reader.is_empty:
        whole = reader.read_element(SEQUENCE)
        yield DerReader(whole.content).read_integer(), whole.full


def issuer_of(certificate: bytes) -> Issuer:
    """Read what a list says of its issuer from the CA's certificate (DER), which must be allowed to sign lists.

    Raises PkiError `issuer-cannot-sign-lists` (section 4.2.1.3), or what a damaged certificate is refused with.
    """
    loaded = load_certificate(certificate)
    _refuse_unfit(loaded)
    spki = asn1.public_key_of(certificate)
    return Issuer(asn1.subject_of(certificate), _key_identifier(loaded), signature_algorithm(read_public_key(spki)))


def frame(issuer: Issuer, *, number: int, this_update: datetime, next_update: datetime, entries_size: int) -> Frame:
    """The octets before and behind `entries_size` octets of entries (section 5.1). An empty list has no element for
    them. Raises PkiError `list-number-refused` or `list-times-refused`.
    """
    if not 0 <= number < MOST_NUMBER:
        raise PkiError("list-number-refused", "The number of a list is not negative and has at most 20 octets.")
    if next_update <= this_update:
        raise PkiError("list-times-refused", "The next list must come after this one.")
    opening = asn1.header(SEQUENCE, entries_size) if entries_size else b""
    tail = _extensions(issuer, number)
    times = asn1.time(this_update) + asn1.time(next_update)
    content = _VERSION_2 + issuer.algorithm.identifier + issuer.name + times + opening
    inner = len(content) + entries_size + len(tail)
    head = asn1.header(SEQUENCE, inner) + content
    return Frame(head, tail, len(head) + entries_size + len(tail), issuer.algorithm.name)


def opening(frame_size: int, closing_size: int) -> bytes:
    """The first octets of the CertificateList, before a TBSCertList and a `closing` of these sizes."""
    return asn1.header(SEQUENCE, frame_size + closing_size)


def closing(algorithm: SignatureAlgorithm, signature: bytes) -> bytes:
    """The last octets of the CertificateList: how it is signed, and the signature."""
    return algorithm.identifier + asn1.bit_string(signature)


def pem_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The PEM of a list (RFC 7468, label X509 CRL) whose DER comes in `pieces`."""
    yield b"-----BEGIN X509 CRL-----\n"
    rest = b""
    for piece in pieces:
        whole = rest + piece
        end = len(whole) - len(whole) % _LINE
        yield _lines(whole[:end])
        rest = whole[end:]
    yield _lines(rest)
    yield b"-----END X509 CRL-----\n"


def _lines(content: bytes) -> bytes:
    text = base64.b64encode(content)
    return b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text), 64))


def _extensions(issuer: Issuer, number: int) -> bytes:
    """authorityKeyIdentifier and cRLNumber, which every list must have (sections 5.2.1 and 5.2.3)."""
    key = asn1.sequence(asn1.element(_KEY_IDENTIFIER, issuer.key_identifier))
    both = asn1.extension(_AUTHORITY_KEY, key), asn1.extension(_NUMBER, asn1.integer(number))
    return asn1.element(_EXTENSIONS, asn1.sequence(*both))


def _refuse_unfit(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.crl_sign:
        message = "The authority's key usage does not let it sign lists of revoked certificates (cRLSign)."
        raise PkiError("issuer-cannot-sign-lists", message)


def _key_identifier(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        key = certificate.public_key()
        return x509.SubjectKeyIdentifier.from_public_key(key).digest
