"""Name constraints as Go checks them (crypto/x509/constraints.go; in Go 1.22 crypto/x509/verify.go).

Go sorts, prunes and searches the constraints; what it finds is whether any of them matches, which is asked here
directly. Names are those of the gateway certificate's SAN; its subject is never checked.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pki.der import MalformedDer
from pki.go.release import Go
from pki.go.url import host_of

_ATOM = re.compile(r"\\(?P<quoted>.)|(?P<plain>[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.])", re.DOTALL)
_QUOTED = re.compile(
    r"\"((?:\\[\x01-\x09\x0b\x0c\x0e-\x7f]|[\x01-\x08\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f])*)\"", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class SubtreeNames:
    """One half of the NameConstraints extension: `ips` are (address, mask) of 4 or 16 octets each."""

    dns: tuple[str, ...] = ()
    ips: tuple[tuple[bytes, bytes], ...] = ()
    emails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NameConstraints:
    permitted: SubtreeNames = field(default_factory=SubtreeNames)
    excluded: SubtreeNames = field(default_factory=SubtreeNames)


@dataclass(frozen=True, slots=True)
class AlternativeNames:
    """The names of a SAN that Go knows, as they stand there; `uris` and `emails` in text, `ips` in octets."""

    dns: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    ips: tuple[bytes, ...] = ()
    uris: tuple[str, ...] = ()


def allows(constraints: NameConstraints, names: AlternativeNames, go: Go) -> bool:
    """Tell whether a CA with these constraints may sign these names. A name that cannot be read is not allowed."""
    permitted, excluded = constraints.permitted, constraints.excluded
    try:
        hosts = _uri_hosts(names.uris, go, is_needed=bool(permitted.uris or excluded.uris))
        boxes = [parse_mailbox(each, go) for each in names.emails]
    except MalformedDer:
        return False
    return (
        all(_ip_allowed(each, permitted.ips, excluded.ips) for each in names.ips)
        and all(is_domain(each, go) and _dns_allowed(each, permitted.dns, excluded.dns, go) for each in names.dns)
        and all(is_domain(each, go) and _dns_allowed(each, permitted.uris, excluded.uris, go) for each in hosts)
        and all(_email_allowed(each, permitted.emails, excluded.emails, go) for each in boxes)
    )


def is_domain(text: str, go: Go, *, constraint: bool = False) -> bool:
    """Go's lax idea of a domain name (`domainNameValid`, in Go 1.22 `domainToReverseLabels`).

    Empty is one. A constraint may start with a period; for Go 1.22 anything may, and a period alone constrains.
    """
    name = text.removeprefix(".") if constraint else text
    if not name:
        return go is Go.OLDEST or not text
    labels = (name.removeprefix(".") if go is Go.OLDEST else name).split(".")
    return all(labels) and all(33 <= ord(each) <= 126 for each in name)


def parse_mailbox(text: str, go: Go) -> tuple[str, str]:
    """(local part, lower-case domain) of an address (`parseRFC2821Mailbox`). Raises `MalformedDer`."""
    local, rest = _read_quoted(text) if text.startswith('"') else _read_atoms(text)
    domain = rest[1:]
    if not rest.startswith("@") or not is_domain(domain, go) or ("@" in domain and go is Go.NEWEST):
        raise MalformedDer("malformed mail address")
    return local, domain.lower()


def _read_quoted(text: str) -> tuple[str, str]:
    match = _QUOTED.match(text)
    if not match:
        raise MalformedDer("malformed mail address")
    return re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL), text[match.end() :]


def _read_atoms(text: str) -> tuple[str, str]:
    local, at = "", 0
    while match := _ATOM.match(text, at):
        local += match["quoted"] or match["plain"]
        at = match.end()
    if text[at : at + 1] == "\\" or not local or local[0] == "." or local[-1] == "." or ".." in local:
        raise MalformedDer("malformed mail address")
    return local, text[at:]


def _uri_hosts(uris: Sequence[str], go: Go, *, is_needed: bool) -> list[str]:
    """The hosts to compare. Go 1.22 looks at them only where there are URI constraints, Go 1.27 always."""
    return [_uri_host(each, go) for each in uris] if is_needed or go is Go.NEWEST else []


def _uri_host(uri: str, go: Go) -> str:
    host = host_of(uri, go).lower()
    if not host:
        raise MalformedDer("URI without a host cannot be matched")
    if ":" in host and not host.endswith("]"):
        host = _without_port(host)
    if (host.startswith("[") and host.endswith("]")) or _is_ip(host):
        raise MalformedDer("URI with an address cannot be matched")
    return host


def _without_port(host: str) -> str:
    """Go's `net.SplitHostPort`: exactly one colon outside brackets."""
    name, _, port = host.rpartition(":")
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if (bare == name and ":" in name) or any(each in bare + port for each in "[]"):
        raise MalformedDer("URI with a host that cannot be split")
    return bare


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _ip_allowed(ip: bytes, permitted: Sequence[tuple[bytes, bytes]], excluded: Sequence[tuple[bytes, bytes]]) -> bool:
    inside = not permitted or any(_ip_matches(ip, each) for each in permitted)
    return inside and not any(_ip_matches(ip, each) for each in excluded)


def _ip_matches(ip: bytes, constraint: tuple[bytes, bytes]) -> bool:
    address, mask = constraint
    return len(ip) == len(address) and all(a & m == b & m for a, b, m in zip(ip, address, mask, strict=True))


def _dns_allowed(name: str, permitted: Sequence[str], excluded: Sequence[str], go: Go) -> bool:
    if permitted and not any(_dns_matches(name, each) for each in permitted):
        return False
    if any(_dns_matches(name, each) for each in excluded):
        return False
    return go is Go.OLDEST or not name.startswith("*") or not _wildcard_excluded(name, excluded)


def _dns_matches(name: str, constraint: str) -> bool:
    """Case counts nowhere, the empty constraint matches all, a leading period asks for a further label."""
    if constraint in ("", "."):
        return True
    name, constraint = name.lower(), constraint.lower()
    if constraint.startswith("."):
        return name.endswith(constraint) and name != constraint
    return name == constraint or name.endswith("." + constraint)


def _wildcard_excluded(name: str, excluded: Sequence[str]) -> bool:
    """`*.b.com` could stand for an excluded `a.b.com`."""
    parents = {_behind_first_label(each.lower()) for each in excluded}
    return _behind_first_label(name.lower()) in parents - {""}


def _behind_first_label(name: str) -> str:
    return name[name.index(".") :] if "." in name else ""


def _email_allowed(box: tuple[str, str], permitted: Sequence[str], excluded: Sequence[str], go: Go) -> bool:
    if permitted and not any(_email_matches(box, each, go) for each in permitted):
        return False
    if any(_email_matches(box, each, go) for each in excluded):
        return False
    domains = [each for each in excluded if "@" not in each]
    return go is Go.OLDEST or not box[1].startswith("*") or not _wildcard_excluded(box[1], domains)


def _email_matches(box: tuple[str, str], constraint: str, go: Go) -> bool:
    return parse_mailbox(constraint, go) == box if "@" in constraint else _dns_matches(box[1], constraint)
