"""The extensions of a certificate as Go reads them (crypto/x509/parser.go `processExtensions`)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pki.der import BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, DerReader, MalformedDer, Oid
from pki.go.constraints import AlternativeNames, NameConstraints
from pki.go.general_names import parse_alternative_names, parse_name_constraints
from pki.go.release import Go

_ID_CE: Oid = (2, 5, 29)
_AUTHORITY_INFO_ACCESS: Oid = (1, 3, 6, 1, 5, 5, 7, 1, 1)
_CERT_SIGN_BIT = 5
_URI = 0x86


@dataclass(frozen=True, slots=True)
class RawExtension:
    oid: Oid
    critical: bool
    value: bytes


@dataclass(slots=True)
class Extensions:
    """What Go keeps of the extensions. Key usages are only asked for keyCertSign, policies only for presence."""

    has_basic_constraints: bool = False
    is_ca: bool = False
    path_length: int = -1  # -1 where there is none
    restricts_key_usage: bool = False  # an empty key usage restricts nothing
    may_sign_certificates: bool = False
    extended_key_usages: tuple[Oid, ...] = ()
    subject_key_id: bytes = b""
    authority_key_id: bytes = b""
    alternative_names: AlternativeNames | None = None
    alternative_names_der: bytes | None = None
    name_constraints: NameConstraints | None = None
    has_policies: bool = False
    requires_policy_here: bool = False  # requireExplicitPolicy 0
    unhandled_critical: list[Oid] = field(default_factory=list)


def read_extensions(found: list[RawExtension], go: Go) -> Extensions:
    """Raises `MalformedDer` for an extension that Go knows and cannot read."""
    extensions = Extensions()
    for each in found:
        if not _process(each, extensions, go) and each.critical:
            extensions.unhandled_critical.append(each.oid)
    return extensions


def _process(raw: RawExtension, into: Extensions, go: Go) -> bool:
    """Take in one extension and tell whether this release of Go handles it."""
    if raw.oid == _AUTHORITY_INFO_ACCESS:
        _check_not_critical(raw, go)
        _check_authority_info_access(raw.value)
        return True
    if len(raw.oid) != 4 or raw.oid[:3] != _ID_CE:
        return False
    if raw.oid[3] in _SINCE_POLICIES and go is Go.NEWEST:
        _SINCE_POLICIES[raw.oid[3]](raw.value, into)
        return True
    reader = _READERS.get(raw.oid[3])
    return bool(reader and reader(raw, into, go))


def _check_not_critical(raw: RawExtension, go: Go) -> None:
    if raw.critical and go is Go.NEWEST:
        raise MalformedDer("extension must not be critical")


def _key_usage(raw: RawExtension, into: Extensions, go: Go) -> bool:
    bits = DerReader(raw.value).read_bit_string()
    into.restricts_key_usage = any(bits.bit(each) for each in range(9))
    into.may_sign_certificates = bits.bit(_CERT_SIGN_BIT)
    return True


def _basic_constraints(raw: RawExtension, into: Extensions, go: Go) -> bool:
    sequence = DerReader(raw.value).enter()
    into.is_ca = sequence.read_boolean() if sequence.next_is(BOOLEAN) else False
    if sequence.next_is(INTEGER):
        into.path_length = sequence.read_int64()
        if into.path_length < 0 and go is Go.NEWEST:
            raise MalformedDer("path length is negative")
    into.has_basic_constraints = True
    return True


def _alternative_names(raw: RawExtension, into: Extensions, go: Go) -> bool:
    into.alternative_names_der = raw.value
    into.alternative_names = names = parse_alternative_names(raw.value, go)
    return bool(names.dns or names.emails or names.ips or names.uris)


def _name_constraints(raw: RawExtension, into: Extensions, go: Go) -> bool:
    into.name_constraints, is_understood = parse_name_constraints(raw.value, go)
    return is_understood


def _crl_distribution_points(raw: RawExtension, into: Extensions, go: Go) -> bool:
    points = DerReader(raw.value).enter()
    while not points.is_empty:
        name = points.enter().read_optional(0xA0)
        full_name = DerReader(name).enter(0xA0) if name is not None else DerReader(b"")
        while full_name.next_is(_URI):
            full_name.read(_URI)
    return True


def _authority_key_id(raw: RawExtension, into: Extensions, go: Go) -> bool:
    _check_not_critical(raw, go)
    into.authority_key_id = DerReader(raw.value).enter().read_optional(0x80) or b""
    return True


def _subject_key_id(raw: RawExtension, into: Extensions, go: Go) -> bool:
    _check_not_critical(raw, go)
    into.subject_key_id = DerReader(raw.value).read(OCTET_STRING)
    return True


def _extended_key_usage(raw: RawExtension, into: Extensions, go: Go) -> bool:
    usages, found = DerReader(raw.value).enter(), []
    while not usages.is_empty:
        found.append(usages.read_oid())
    into.extended_key_usages = tuple(found)
    return True


def _policies(raw: RawExtension, into: Extensions, go: Go) -> bool:
    policies, seen = DerReader(raw.value).enter(), set()
    while not policies.is_empty:
        oid = policies.enter().read(OBJECT_IDENTIFIER)
        if not _is_oid(oid) or (oid in seen and go is Go.NEWEST):
            raise MalformedDer("invalid certificate policies")
        seen.add(oid)
    into.has_policies = bool(seen)
    return True


def _is_oid(content: bytes) -> bool:
    """Components of any size, each in the fewest octets (crypto/x509/oid.go `newOIDFromDER`)."""
    ends_well = bool(content) and not content[-1] & 0x80
    starts = [0, *(at + 1 for at, octet in enumerate(content) if not octet & 0x80)]
    return ends_well and all(content[at] != 0x80 for at in starts if at < len(content))


def _policy_constraints(value: bytes, into: Extensions) -> None:
    constraints = DerReader(value).enter()
    if constraints.next_is(0x80):
        into.requires_policy_here = constraints.read_int64(0x80) == 0
    if constraints.next_is(0x81):
        constraints.read_int64(0x81)


def _policy_mappings(value: bytes, into: Extensions) -> None:
    mappings = DerReader(value).enter()
    while not mappings.is_empty:
        pair = mappings.enter()
        pair.read(OBJECT_IDENTIFIER)
        pair.read(OBJECT_IDENTIFIER)


def _inhibit_any_policy(value: bytes, into: Extensions) -> None:
    DerReader(value).read_int64()


def _check_authority_info_access(value: bytes) -> None:
    accesses = DerReader(value).enter()
    while not accesses.is_empty:
        access = accesses.enter()
        access.read_oid()
        access.read_optional(_URI)


_READERS: dict[int, Callable[[RawExtension, Extensions, Go], bool]] = {
    14: _subject_key_id,
    15: _key_usage,
    17: _alternative_names,
    19: _basic_constraints,
    30: _name_constraints,
    31: _crl_distribution_points,
    32: _policies,
    35: _authority_key_id,
    37: _extended_key_usage,
}
_SINCE_POLICIES: dict[int, Callable[[bytes, Extensions], None]] = {
    33: _policy_mappings,
    36: _policy_constraints,
    54: _inhibit_any_policy,
}
