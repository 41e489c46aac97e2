"""Names in extensions as Go reads them (crypto/x509/parser.go `parseSANExtension`, `parseNameConstraintsExtension`)."""

import ipaddress
from dataclasses import dataclass, field

from pki.der import DerReader, Element, MalformedDer
from pki.go.constraints import AlternativeNames, NameConstraints, SubtreeNames, is_domain, parse_mailbox
from pki.go.release import Go
from pki.go.url import host_of

_EMAIL, _DNS, _URI, _IP = 0x81, 0x82, 0x86, 0x87
_MAPPED_IPV4 = bytes(10) + b"\xff\xff"


@dataclass(slots=True)
class _Found:
    dns: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    ips: list[bytes] = field(default_factory=list)
    uris: list[str] = field(default_factory=list)


def parse_alternative_names(value: bytes, go: Go) -> AlternativeNames:
    """Read a SAN. Kinds that Go does not know are left out. Raises `MalformedDer`."""
    names, found = DerReader(value).enter(), _Found()
    while not names.is_empty:
        _take_name(names.read_any(), found, go)
    return AlternativeNames(tuple(found.dns), tuple(found.emails), tuple(found.ips), tuple(found.uris))


def _take_name(name: Element, found: _Found, go: Go) -> None:
    if name.tag == _EMAIL:
        found.emails.append(_ascii(name.content))
    elif name.tag == _DNS:
        found.dns.append(_ascii(name.content))
    elif name.tag == _URI:
        found.uris.append(_uri(name.content, go))
    elif name.tag == _IP:
        found.ips.append(_ip(name.content, go))


def _ascii(content: bytes) -> str:
    if not content.isascii():
        raise MalformedDer("name is not in ASCII")
    return content.decode("ascii")


def _uri(content: bytes, go: Go) -> str:
    uri = _ascii(content)
    if not is_domain(host_of(uri, go), go):
        raise MalformedDer("URI has an invalid host")
    return uri


def _ip(content: bytes, go: Go) -> bytes:
    if len(content) not in (4, 16) or (go is Go.NEWEST and _is_mapped(content)):
        raise MalformedDer("invalid IP address")
    return content


def _is_mapped(address: bytes) -> bool:
    return len(address) == 16 and address.startswith(_MAPPED_IPV4)


def parse_name_constraints(value: bytes, go: Go) -> tuple[NameConstraints, bool]:
    """Read name constraints, and tell whether Go knows every kind of name in them. Raises `MalformedDer`."""
    outer = DerReader(value)
    sequence = outer.enter()
    permitted, excluded = sequence.read_optional(0xA0) or b"", sequence.read_optional(0xA1) or b""
    if not outer.is_empty or not sequence.is_empty or not (permitted or excluded):
        raise MalformedDer("invalid name constraints")
    (inside, all_inside), (outside, all_outside) = _subtrees(permitted, go), _subtrees(excluded, go)
    return NameConstraints(inside, outside), all_inside and all_outside


def _subtrees(data: bytes, go: Go) -> tuple[SubtreeNames, bool]:
    trees, found, is_understood = DerReader(data), _Found(), True
    masks: list[tuple[bytes, bytes]] = []
    while not trees.is_empty:
        base = trees.enter().read_any()
        if base.tag == _IP:
            masks.append(_network(base.content, go))
        else:
            is_understood = _take_constraint(base, found, go) and is_understood
    return SubtreeNames(tuple(found.dns), tuple(masks), tuple(found.emails), tuple(found.uris)), is_understood


def _take_constraint(base: Element, found: _Found, go: Go) -> bool:
    if base.tag == _DNS:
        found.dns.append(_domain(base.content, go))
    elif base.tag == _EMAIL:
        found.emails.append(_email(base.content, go))
    elif base.tag == _URI:
        found.uris.append(_uri_domain(base.content, go))
    else:
        return False
    return True


def _domain(content: bytes, go: Go) -> str:
    text = _ascii(content)
    if not is_domain(text, go, constraint=True):
        raise MalformedDer("invalid domain in name constraints")
    return text


def _email(content: bytes, go: Go) -> str:
    if b"@" not in content:
        return _domain(content, go)
    text = _ascii(content)
    parse_mailbox(text, go)
    return text


def _uri_domain(content: bytes, go: Go) -> str:
    text = _domain(content, go)
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return text
    if "%" in text:
        return text
    raise MalformedDer("URI constraint is an IP address")


def _network(content: bytes, go: Go) -> tuple[bytes, bytes]:
    half = len(content) // 2
    address, mask = content[:half], content[half:]
    if len(content) not in (8, 32) or not _is_mask(mask) or (go is Go.NEWEST and _is_mapped(address)):
        raise MalformedDer("invalid IP range in name constraints")
    return address, mask


def _is_mask(mask: bytes) -> bool:
    """Ones, then zeros."""
    inverted = int.from_bytes(mask, "big") ^ ((1 << len(mask) * 8) - 1)
    return inverted & (inverted + 1) == 0
