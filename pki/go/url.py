"""As much of Go's net/url as decides whether a URI in a certificate can be read, and what its host is."""

import ipaddress
import re
import string

from pki.der import MalformedDer
from pki.go.release import Go

_HOST_BYTES = frozenset(string.ascii_letters + string.digits + "-._~!\"$&'()*+,:;<=>[]")
_USER = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT = re.compile(r"(?::[0-9]*)?")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)?:")


def host_of(uri: str, go: Go) -> str:
    """The host with its port, empty where there is none (`url.Parse`). `uri` is ASCII.

    Raises `MalformedDer` where Go does not read the URI, and then not the certificate either.
    """
    uri, _, fragment = uri.partition("#")
    if re.search(r"[\x00-\x1f\x7f]", uri):
        raise MalformedDer("URI holds a control character")
    _unescape(fragment)
    if uri == "*":
        return ""
    scheme, rest = _split_scheme(uri)
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if not scheme and ":" in rest.partition("/")[0]:
            raise MalformedDer("first path segment holds a colon")
        _unescape("" if scheme else rest)
        return ""
    if not rest.startswith("//") or (not scheme and rest.startswith("///")):
        _unescape(rest)
        return ""
    authority, slash, path = rest[2:].partition("/")
    _unescape(slash + path)
    return _read_authority(scheme, authority, go)


def _split_scheme(uri: str) -> tuple[str, str]:
    match = _SCHEME.match(uri)
    if not match:
        return "", uri
    if not match[1]:
        raise MalformedDer("URI has no scheme before its colon")
    return match[1].lower(), uri[match.end() :]


def _read_authority(scheme: str, authority: str, go: Go) -> str:
    user, at, host = authority.rpartition("@")
    read = _read_host(scheme, host, go)
    if at and not _USER.fullmatch(user):
        raise MalformedDer("URI has an invalid user")
    _unescape(user)
    return read


def _read_host(scheme: str, host: str, go: Go) -> str:
    if "[" in host and (go is Go.NEWEST or host.startswith("[")):
        return _read_literal(host, go)
    colon = host.find(":") if go is Go.NEWEST and scheme in ("http", "https") else host.rfind(":")
    if colon >= 0 and not _PORT.fullmatch(host[colon:]):
        raise MalformedDer("URI has an invalid port")
    return _unescape_host(host)


def _read_literal(host: str, go: Go) -> str:
    """An IPv6 literal in brackets (RFC 3986 section 3.2.2, RFC 6874)."""
    close = host.rfind("]")
    if (host.rfind("[") > 0 and go is Go.NEWEST) or close < 0 or not _PORT.fullmatch(host[close + 1 :]):
        raise MalformedDer("URI has an invalid IP literal")
    inside, zone_mark, zone = host[1:close].partition("%25")
    literal = _unescape_host(inside) + (_unescape_zone(zone_mark + zone) if zone_mark else "")
    if go is Go.NEWEST:
        _check_ipv6(literal)
    return f"[{literal}]{_unescape_host(host[close + 1 :])}"


def _check_ipv6(literal: str) -> None:
    try:
        ipaddress.IPv6Address(literal)
    except ValueError as error:
        raise MalformedDer("URI has an invalid IP literal") from error


def _unescape(text: str) -> str:
    """Bytes for %XX, as Latin-1 text."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise MalformedDer("URI has an invalid escape")
    return re.sub(r"%(..)", lambda match: chr(int(match[1], 16)), text)


def _unescape_host(text: str) -> str:
    """In a host only non-ASCII bytes and the percent sign may be escaped."""
    if any(int(each, 16) < 0x80 and each != "25" for each in re.findall(r"%([0-9A-Fa-f]{2})", text)):
        raise MalformedDer("URI has an invalid escape in its host")
    _check_bytes(text)
    return _unescape(text)


def _unescape_zone(text: str) -> str:
    escaped = [chr(int(each, 16)) for each in re.findall(r"%([0-9A-Fa-f]{2})", text)]
    if any(each not in _HOST_BYTES and each not in "% " for each in escaped):
        raise MalformedDer("URI has an invalid escape in its zone")
    _check_bytes(text)
    return _unescape(text)


def _check_bytes(text: str) -> None:
    if any(each not in _HOST_BYTES for each in text.replace("%", "")):
        raise MalformedDer("URI has an invalid character in its host")
