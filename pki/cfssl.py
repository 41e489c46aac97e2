"""What a file of cfssl asks for, in our words (cfssl 1.6: csr/csr.go, config/config.go, initca/initca.go).

`ca.json` and `cert.json` are both requests of one shape: whether it is for an authority is told by its `ca` section,
by its hosts, or by who hands it in. `config.json` holds profiles. What cannot be taken over gives a `Remark`.
"""

from dataclasses import dataclass

from pki.certificate_template import NAME_ATTRIBUTES
from pki.cfssl_json import Node, Remark, read_document
from pki.cfssl_profiles import read_profiles
from pki.errors import PkiError
from pki.hosts import COMMON_NAME, address_of, read_host
from pki.profiles import ONE_YEAR, ROOT, Profile

__all__ = ["AuthorityRequest", "Reading", "Remark", "ServerRequest", "read_cfssl"]

DEFAULT_KEY = "P-256"
DEFAULT_YEARS = 5  # 43800h, cfssl's default for authorities
DEEPEST = 3
_REQUEST = ("CN", "names", "hosts", "key", "ca")
_LEFT_OUT = "It is left out."


@dataclass(frozen=True, slots=True)
class AuthorityRequest:
    """A root, and what stands in its name. `name` is the common name, empty where the file has none, and then
    `proposed` is one that could be. `names` are pairs of C, ST, L, O, OU."""

    name: str
    proposed: str
    names: tuple[tuple[str, str], ...]
    key_type: str
    years: int
    path_length: int


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """A server's certificate. `needs_local` says that a host has no dot, as localhost."""

    hosts: tuple[str, ...]
    names: tuple[tuple[str, str], ...]
    key_type: str
    needs_local: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file becomes: one of the three, and everything that is not taken over as it stands."""

    authority: AuthorityRequest | None
    server: ServerRequest | None
    profiles: tuple[Profile, ...]
    remarks: tuple[Remark, ...]


def read_cfssl(content: bytes, *, is_authority: bool | None = None) -> Reading:
    """Read JSON. `is_authority` says what a request is for, None to tell it by its content; a file of profiles is told
    by itself. Raises PkiError: `private-key`, `too-large`, `cfssl-json`, `cfssl-type` and `cfssl-value`, which name the
    place."""
    document = read_document(content)
    if any(document.field(name).value is not None for name in ("signing", "auth_keys", "remotes")):
        profiles, remarks = read_profiles(document)
        return Reading(None, None, profiles, remarks)
    if not any(document.field(name).value is not None for name in _REQUEST):
        fields = ", ".join(_REQUEST)
        raise PkiError("cfssl-json", f"This is neither a request of cfssl ({fields}) nor its configuration (signing).")
    remarks_: list[Remark] = [each.remark(_other(each.path)) for each in document.others(*_REQUEST)]
    wants_authority = _looks_like_authority(document) if is_authority is None else is_authority
    if wants_authority:
        return Reading(_authority(document, remarks_), None, (), tuple(remarks_))
    return Reading(None, _server(document, remarks_), (), tuple(remarks_))


def _looks_like_authority(document: Node) -> bool:
    if document.field("ca").value is not None:
        return True
    if any(True for _ in document.field("hosts").items()):
        return False
    return "." not in document.field("CN").text() or _host(document.field("CN").text()) is None


def _other(path: str) -> str:
    known = {
        "serialnumber": "A certificate's serial number is drawn here, and its subject has none.",
        "crl_url": "A certificate carries no address of a list; the authority's page has it.",
        "extensions": "Which extensions there are, the profile decides.",
        "delegation_enabled": "Delegated credentials are not made here.",
    }
    return known.get(path.lower(), "It is not known here, and nothing of it is taken over.")


def _authority(document: Node, remarks: list[Remark]) -> AuthorityRequest:
    names = _names(document, remarks)
    name = _readable(document.field("CN"), remarks)
    proposed = dict(names).get("O", "") or next(iter(_texts(document.field("hosts"))), "")
    if not name:
        remarks.append(document.field("CN").remark("cfssl does without a common name; here an authority needs one."))
    no_hosts = f"An authority's certificate names no hosts here. {_LEFT_OUT}"
    remarks.extend(host.remark(no_hosts) for host in document.field("hosts").items())
    ca = document.field("ca")
    remarks.extend(
        each.remark(_BACKDATE if each.path.lower() == "ca.backdate" else _LEFT_OUT)
        for each in ca.others("expiry", "pathlen", "pathlenzero")
    )
    return AuthorityRequest(
        name=name,
        proposed=name or (proposed if len(proposed.encode()) <= COMMON_NAME else ""),
        names=names,
        key_type=_key(document, remarks),
        years=_years(ca, remarks),
        path_length=_path_length(ca, remarks),
    )


_BACKDATE = "Whatever is made here begins five minutes before it is made."


def _years(ca: Node, remarks: list[Remark]) -> int:
    """Whole years: at least two, as what issues under a root needs one."""
    node = ca.field("expiry")
    expiry = node.duration()
    if not expiry:
        remarks.append(Remark(node.path, "null", f"As cfssl has it without one: {DEFAULT_YEARS} years."))
        return DEFAULT_YEARS
    years = max(2, min(expiry // ONE_YEAR, ROOT.lifetimes[-1] // ONE_YEAR))
    if years * ONE_YEAR != expiry:
        remarks.append(node.remark(f"A root lives for whole years here, from 2 to 30: {years}."))
    return years


def _path_length(ca: Node, remarks: list[Remark]) -> int:
    length, zero = ca.field("pathlen"), ca.field("pathlenzero")
    is_zero = zero.flag()
    if length.number() < 0:
        raise PkiError("cfssl-value", f"{length.path} must not be negative.")
    if 1 <= length.number() <= DEEPEST:
        return length.number()
    if length.number() > DEEPEST:
        remarks.append(length.remark(f"The path length is {DEEPEST} at most."))
        return DEEPEST
    place = zero if is_zero else length
    remarks.append(
        place.remark("A root signs no server itself here, but the authority that does: its path length is 1.")
    )
    return 1


def _server(document: Node, remarks: list[Remark]) -> ServerRequest:
    names = _names(document, remarks)
    hosts = _hosts(document, remarks)
    if document.field("ca").value is not None:
        remarks.append(document.field("ca").remark("It is for authorities; a server's certificate has none of it."))
    remarks.append(
        Remark(
            "signing.default",
            '["signing", "key encipherment", "server auth", "client auth"]',
            "This is what cfssl does without a configuration. Here the profile decides: a server's certificate is for "
            "digital signatures and server auth alone.",
        )
    )
    return ServerRequest(
        hosts=hosts,
        names=names,
        key_type=_key(document, remarks),
        needs_local=any("." not in host and address_of(host) is None for host in hosts),
    )


def _hosts(document: Node, remarks: list[Remark]) -> tuple[str, ...]:
    hosts: list[str] = []
    for node in document.field("hosts").items():
        host = _host(node.text())
        if host is None:
            remarks.append(node.remark(f"It is neither a DNS name nor an IP address. {_LEFT_OUT}"))
        elif host in hosts:
            remarks.append(node.remark("It stands there twice; once is enough."))
        else:
            if host != node.text():
                remarks.append(node.remark(f"It is written as certificates write it: {host}."))
            hosts.append(host)
    return tuple(_with_common_name(document.field("CN"), hosts, remarks))


def _with_common_name(node: Node, hosts: list[str], remarks: list[Remark]) -> list[str]:
    """A server's common name is one of its hosts, the first that is short enough."""
    text = node.text()
    host = _host(text)
    if host is not None and host in hosts:
        return [host, *(each for each in hosts if each != host)]
    if host is not None and not hosts:
        remarks.append(node.remark("There are no hosts, and clients look at these only: it becomes the host."))
        return [host]
    first = next((each for each in hosts if len(each) <= COMMON_NAME), "")
    if text:
        remarks.append(node.remark(f"It is not one of the hosts. The common name is {first or 'the first host'}."))
    elif first:
        remarks.append(Remark("CN", "null", f"cfssl makes no common name then; here it is the first host, {first}."))
    return hosts


def _host(text: str) -> str | None:
    try:
        return read_host(text, wildcards=True, local=True)
    except PkiError:
        return None


def _texts(node: Node) -> list[str]:
    return [each.text() for each in node.items()]


def _names(document: Node, remarks: list[Remark]) -> tuple[tuple[str, str], ...]:
    """One value of each attribute: the first, in whatever entry it stands."""
    found: dict[str, str] = {}
    for entry in document.field("names").items():
        unknown = f"A subject has C, ST, L, O and OU here. {_LEFT_OUT}"
        remarks.extend(node.remark(unknown) for node in entry.others(*NAME_ATTRIBUTES))
        for name in NAME_ATTRIBUTES:
            node = entry.field(name)
            value = _readable(node, remarks)
            value = _country(node, value, remarks) if name == "C" else value
            if value and name in found:
                remarks.append(node.remark(f"A subject has each attribute once here: {name}={found[name]} stays."))
            elif value:
                found[name] = value
    return tuple((name, found[name]) for name in NAME_ATTRIBUTES if name in found)


def _readable(node: Node, remarks: list[Remark]) -> str:
    """A text that a name may have, else nothing and a remark."""
    text = node.text()
    value = text.strip()
    if len(value.encode()) > COMMON_NAME:
        remarks.append(node.remark(f"A name has at most {COMMON_NAME} octets (RFC 5280). {_LEFT_OUT}"))
        return ""
    if value != text:
        remarks.append(node.remark("It is taken without the blanks at its ends."))
    return value


def _country(node: Node, value: str, remarks: list[Remark]) -> str:
    upper = value.upper()
    if not value or (value == upper and _is_country(value)):
        return value
    if _is_country(upper):
        remarks.append(node.remark(f"A country is two capital letters: {upper}."))
        return upper
    remarks.append(node.remark(f"A country is two capital letters, as NL. {_LEFT_OUT}"))
    return ""


def _is_country(text: str) -> bool:
    return len(text) == 2 and text.isascii() and text.isalpha()


def _key(document: Node, remarks: list[Remark]) -> str:
    node = document.field("key")
    if node.value is None:
        return DEFAULT_KEY
    algorithm, size = node.field("algo"), node.field("size").number()
    kind, exact = _key_type(algorithm, size, node)
    if not exact:
        remarks.append(node.remark(f"Such keys are not made here: {kind} instead."))
    remarks.extend(each.remark(_LEFT_OUT) for each in node.others("algo", "size"))
    return kind


def _key_type(algorithm: Node, size: int, node: Node) -> tuple[str, bool]:
    """The kind that is made here, and whether it is the one that was asked for."""
    name = algorithm.text().lower()
    if name == "ed25519":
        return DEFAULT_KEY, False
    if name == "ecdsa" and size in (256, 384, 521):
        return ("P-256", True) if size == 256 else ("P-384", size == 384)
    if name == "rsa" and 2048 <= size <= 8192:
        larger = next((each for each in (2048, 3072, 4096) if each >= size), 4096)
        return f"RSA {larger}", larger == size
    raise PkiError(
        "cfssl-value", f"{node.path}: cfssl makes ecdsa keys of 256, 384 or 521 bits, rsa ones of 2048 to 8192."
    )
