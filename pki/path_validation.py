"""Path validation by RFC 5280 section 6, with our policy on top. Not what The Things Stack does: that is `preflight`.

Paths are built here, by names, a bounded number of them, since OpenSSL follows one path and does not turn back where a
constraint forbids it. OpenSSL validates each (signatures, dates, names, name constraints, path lengths, certificate
policies, critical extensions); trust anchors may be any certificate, also an intermediate. What the RFC leaves to the
application or OpenSSL lets pass is checked here: extended key usage along the path, algorithm and key floors, serial
numbers, and extensions that must be critical or must not stand in a leaf. An anchor is its name and its key (section
6.1.1 d): its own signature, serial number and extensions are not held against it.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID
from OpenSSL import crypto

from pki.errors import PkiError
from pki.facts import CertificateFacts, read_certificate
from pki.quiet import quietly

Purpose = Literal["client", "server", "any"]
_Name = tuple[frozenset[tuple[str, str]], ...]
MOST_CERTIFICATES = 200  # of each kind: more is an attack on our time
MOST_PATHS = 64  # that are validated
MOST_STEPS = 2000  # on the way to them
LONGEST_PATH = 12
LONGEST_SERIAL_BITS = 159  # 20 octets, the first of them positive (RFC 5280 section 4.1.2.2)
_USAGES = {"client": "clientAuth", "server": "serverAuth"}
E = TypeVar("E", bound=x509.ExtensionType)
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_ANY_USAGE = {"anyExtendedKeyUsage", "2.5.29.37.0"}
_CURVES = ("P-256", "P-384", "P-521")
_WEAK_HASHES = ("md2", "md4", "md5", "sha1", "sha-1")
_CODES = {  # x509_vfy.h
    2: "unknown-authority",
    7: "bad-signature",
    9: "not-yet-valid",
    10: "expired",
    18: "unknown-authority",
    19: "unknown-authority",
    20: "unknown-authority",
    21: "unknown-authority",
    22: "path-too-long",
    24: "not-a-ca",
    25: "path-length-exceeded",
    32: "no-cert-sign",
    34: "unhandled-critical-extension",
    38: "path-length-exceeded",
    42: "policy",
    43: "policy",
    47: "name-constraint",
    48: "name-constraint",
    49: "name-constraint",
    51: "name-constraint",
    52: "name-constraint",
    53: "name-constraint",
    66: "weak-key",
    67: "weak-key",
    68: "weak-signature",
}


class ChainRefused(PkiError):
    """No valid path; `code` and `message` say why."""


@dataclass(frozen=True, slots=True)
class ValidatedPath:
    """The certificates of the path, leaf first, trust anchor last, as DER."""

    certificates: tuple[bytes, ...]


@quietly()
def verify_chain(
    leaf: bytes,
    *,
    trust: Sequence[bytes],
    untrusted: Sequence[bytes] = (),
    at: datetime,
    purpose: Purpose = "any",
) -> ValidatedPath:
    """Validate `leaf` at `at` (aware) up to one of `trust`, by way of `untrusted`; all certificates as DER.

    `purpose` asks for an extended key usage that is allowed along the whole path; a certificate without the
    extension allows all (RFC 5280 section 4.2.1.12). Raises `ChainRefused`, and nothing else, for whatever comes.
    """
    if max(len(trust), len(untrusted)) > MOST_CERTIFICATES:
        raise ChainRefused("too-many", f"More than {MOST_CERTIFICATES} certificates are not tried.")
    first = _load(leaf)
    refusal = ChainRefused("unknown-authority", "No valid path: none leads to a certificate that is trusted.")
    best = -1
    for path in _paths(first, _load_usable(trust), _load_usable(untrusted)):
        try:
            certificates = _validate(path, at)
            _check_policy([_facts(der) for der in certificates], purpose)
        except ChainRefused as error:
            if _weight(error) > best:
                refusal, best = error, _weight(error)
        else:
            return ValidatedPath(certificates)
    raise refusal


def _weight(refusal: ChainRefused) -> int:
    """Of several refusals the one that says most: a path of the right names whose signature does not fit says least."""
    return 0 if refusal.code in ("bad-signature", "unknown-authority", "unverifiable") else 1


@dataclass(frozen=True, slots=True)
class _Certificate:
    """A certificate to build paths with; names compare without case and blanks (RFC 5280 section 7.1)."""

    der: bytes
    openssl: crypto.X509
    subject: _Name
    issuer: _Name


def _paths(
    leaf: _Certificate, trust: Sequence[_Certificate], untrusted: Sequence[_Certificate]
) -> Iterator[tuple[_Certificate, ...]]:
    """Every chain of matching names from the leaf to an anchor, shortest first, no certificate twice: at most 64."""
    anchors, between = _by_subject(trust), _by_subject(untrusted)
    waiting: deque[tuple[_Certificate, ...]] = deque([(leaf,)])
    found = steps = 0
    if leaf in trust:
        yield (leaf,)
    while waiting and found < MOST_PATHS and steps < MOST_STEPS:
        path = waiting.popleft()
        steps += 1
        for anchor in anchors.get(path[-1].issuer, ()):
            if anchor not in path and found < MOST_PATHS:
                found += 1
                yield (*path, anchor)
        if len(path) < LONGEST_PATH:
            waiting += [(*path, each) for each in between.get(path[-1].issuer, ()) if each not in path]


def _by_subject(certificates: Sequence[_Certificate]) -> dict[_Name, list[_Certificate]]:
    found: dict[_Name, list[_Certificate]] = {}
    for each in certificates:
        found.setdefault(each.subject, []).append(each)
    return found


def _comparable(name: x509.Name) -> _Name:
    return tuple(
        frozenset((each.oid.dotted_string, " ".join(str(each.value).split()).casefold()) for each in rdn)
        for rdn in name.rdns
    )


def _validate(path: Sequence[_Certificate], at: datetime) -> tuple[bytes, ...]:
    """Validate exactly this path: its last certificate is the anchor."""
    store = crypto.X509Store()
    store.add_cert(path[-1].openssl)
    flags = crypto.X509StoreFlags
    store.set_flags(flags.PARTIAL_CHAIN | flags.X509_STRICT | flags.POLICY_CHECK)
    store.set_time(at.astimezone(UTC))
    context = crypto.X509StoreContext(store, path[0].openssl, chain=[each.openssl for each in path[1:-1]])
    try:
        found = context.get_verified_chain()
    except crypto.X509StoreContextError as error:
        raise _refusal(error) from None
    except (crypto.Error, ValueError, OverflowError):
        raise ChainRefused("unverifiable", "The path cannot be checked: a certificate in it is malformed.") from None
    return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, each) for each in found)


def _refusal(error: crypto.X509StoreContextError) -> ChainRefused:
    number, depth, words = (*error.errors, 0, 0, "")[:3]
    who = "the certificate itself" if depth == 0 else f"certificate {depth + 1} of the path"
    return ChainRefused(_CODES.get(int(number), "invalid-path"), f"No valid path: {words} ({who}).")


def _check_policy(path: Sequence[CertificateFacts], purpose: Purpose) -> None:
    for depth, facts in enumerate(path):
        is_anchor = depth == len(path) - 1 and depth > 0
        _check_usage(facts, purpose)
        _check_key(facts)
        if not is_anchor:  # an anchor is trusted for its key; nobody checks its signature
            _check_signature(facts)
            _check_form(facts, is_leaf=depth == 0)
        if depth and not facts.is_ca:
            raise ChainRefused("not-a-ca", f"{facts.name} signs others but is no CA.")
    _check_constrained_names(path)


def _check_usage(facts: CertificateFacts, purpose: Purpose) -> None:
    allowed = facts.extended_key_usage
    wanted = _USAGES.get(purpose)
    if wanted and allowed is not None and wanted not in allowed and not allowed & _ANY_USAGE:
        raise ChainRefused("key-usage", f"{facts.name} does not allow {wanted}.")


def _check_key(facts: CertificateFacts) -> None:
    kind, _, size = facts.key_type.partition(" ")
    strong = facts.key_type in (*_CURVES, "Ed25519") or (kind == "RSA" and size.isdigit() and int(size) >= 2048)
    if not strong:
        raise ChainRefused("weak-key", f"{facts.name} has a key of type {facts.key_type}, which is too weak.")


def _check_form(facts: CertificateFacts, *, is_leaf: bool) -> None:
    """What RFC 5280 asks of every certificate and OpenSSL does not look at."""
    certificate = x509.load_der_x509_certificate(facts.der)
    serial = int(facts.serial, 16)
    if serial <= 0 or serial.bit_length() > LONGEST_SERIAL_BITS:
        raise ChainRefused(
            "serial-number", f"{facts.name} has a serial number that is not 1 to 20 octets and positive."
        )
    found = {each.oid: each.critical for each in certificate.extensions}
    for oid in (ExtensionOID.NAME_CONSTRAINTS, ExtensionOID.POLICY_CONSTRAINTS, ExtensionOID.INHIBIT_ANY_POLICY):
        if found.get(oid) is False:
            raise ChainRefused("not-critical", f"{facts.name} carries constraints that are not marked critical.")
    if is_leaf and not facts.is_ca and ExtensionOID.NAME_CONSTRAINTS in found:
        raise ChainRefused("name-constraint", f"{facts.name} constrains names, and only a CA may.")
    if not list(certificate.subject) and found.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME) is False:
        raise ChainRefused("not-critical", "It has no subject, and its alternative names are not marked critical.")


def _check_constrained_names(path: Sequence[CertificateFacts]) -> None:
    """Where a CA constrains names, a name that OpenSSL cannot compare is refused, not passed over."""
    constraints = [found for facts in path[1:] if (found := _extension(facts, x509.NameConstraints))]
    permitted, excluded = (
        [name for each in constraints for name in (getattr(each, side) or ()) if isinstance(name, x509.DNSName)]
        for side in ("permitted_subtrees", "excluded_subtrees")
    )
    if any(name.value and not _HOST.fullmatch(name.value) for name in (*permitted, *excluded)):
        raise ChainRefused("name-constraint", "A CA of the path constrains names in no form of RFC 5280.")
    names = _extension(path[0], x509.SubjectAlternativeName) if constraints else None
    for name in names.get_values_for_type(x509.DNSName) if names else ():
        host = name.removeprefix("*.")
        if not _HOST.fullmatch(host):
            raise ChainRefused("name-constraint", "A DNS name that is none stands under a constraint.")
        if host != name and any(_lies_below(each.value, host) for each in excluded):
            raise ChainRefused("name-constraint", "A wildcard covers a name that a CA of the path excludes.")
    for mail in names.get_values_for_type(x509.RFC822Name) if names else ():
        if not _MAIL.fullmatch(mail):
            raise ChainRefused("name-constraint", "A mail address that is none stands under a constraint.")


def _lies_below(name: str, host: str) -> bool:
    return name.casefold() == host.casefold() or name.casefold().endswith(f".{host.casefold()}")


def _extension(facts: CertificateFacts, kind: type[E]) -> E | None:
    certificate = x509.load_der_x509_certificate(facts.der)
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _check_signature(facts: CertificateFacts) -> None:
    if any(weak in facts.signature_algorithm.lower() for weak in _WEAK_HASHES):
        raise ChainRefused("weak-signature", f"{facts.name} is signed with {facts.signature_algorithm}.")


def _load(der: bytes) -> _Certificate:
    try:
        parsed = x509.load_der_x509_certificate(der)
        names = _comparable(parsed.subject), _comparable(parsed.issuer)
        return _Certificate(der, crypto.load_certificate(crypto.FILETYPE_ASN1, der), *names)
    except (crypto.Error, ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm):
        raise ChainRefused("malformed-certificate", "It is no certificate, or a damaged one.") from None


def _load_usable(ders: Sequence[bytes]) -> list[_Certificate]:
    """Certificates beside the leaf that cannot be read are of no use, and do no harm."""
    found = []
    for der in dict.fromkeys(ders):
        try:
            found.append(_load(der))
        except ChainRefused:
            continue
    return found


def _facts(der: bytes) -> CertificateFacts:
    try:
        return read_certificate(der)
    except PkiError as error:
        raise ChainRefused(error.code, error.message) from None
