"""The names of servers, as certificates write them (RFC 5280 section 4.2.1.6, RFC 6125 section 6.4.3)."""

import ipaddress
import re
from collections.abc import Iterable

from pki.errors import PkiError

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
LONGEST = 253  # characters of a DNS name
MOST = 100  # hosts of one certificate
COMMON_NAME = 64  # octets at most (ub-common-name, RFC 5280 appendix A.1)


def read_host(text: str, *, wildcards: bool, local: bool) -> str:
    """Return a DNS name in lower case without its last dot, or an IP address in its shortest form.

    A wildcard is the whole first label of a name that has two more; names without a dot are `local`. Raises PkiError
    `hosts-refused`, for names beyond ASCII too: DNS has them as A-labels (RFC 5890), and so have certificates.
    """
    given = text.strip()
    address = address_of(given)
    if address is not None:
        return str(address)
    name = given.lower().removesuffix(".")
    if not given.isascii():  # before it is in lower case: the sign of Kelvin becomes a k
        raise _refusal(text, "write it in the form that begins with xn--")
    labels = name.split(".")
    if labels[0] == "*":
        if not wildcards:
            raise _refusal(text, "this profile knows no wildcards")
        labels = labels[1:]
        if len(labels) < 2:
            raise _refusal(text, "a wildcard stands before a name with a dot, as in *.example.com")
    if len(name) > LONGEST or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise _refusal(text, "it is neither a DNS name nor an IP address")
    if len(labels) == 1 and not local:
        raise _refusal(text, "a name without a dot is for development only")
    return name


def read_hosts(texts: Iterable[str], *, wildcards: bool, local: bool) -> tuple[str, ...]:
    """The same for all hosts of a certificate, each once, in their order. Raises PkiError `hosts-refused`."""
    hosts = tuple(dict.fromkeys(read_host(text, wildcards=wildcards, local=local) for text in texts))
    if not hosts:
        raise PkiError("hosts-refused", "Name at least one host.")
    if len(hosts) > MOST:
        raise PkiError("hosts-refused", f"A certificate names at most {MOST} hosts. Make several.")
    common_name(hosts)
    return hosts


def common_name(hosts: Iterable[str]) -> str:
    """The first of `hosts` that is short enough. Raises PkiError `hosts-refused` where none is."""
    for host in hosts:
        if len(host) <= COMMON_NAME:
            return host
    raise PkiError("hosts-refused", f"One of the hosts must have at most {COMMON_NAME} characters: the common name.")


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that `host` is, in brackets or without; None where it is a name."""
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return None if getattr(address, "scope_id", None) else address


def _refusal(text: str, why: str) -> PkiError:
    return PkiError("hosts-refused", f"{text.strip()[:100]!r} cannot be certified: {why}.")
