"""The files that a trust store holds: the bundle of certificates and the index (The Things Stack pkg/auth/mtls)."""

import base64
import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import yaml

from pki.der import MalformedDer
from pki.errors import PkiError
from pki.go.certificate import parse_certificate
from pki.go.pem import decode_all
from pki.go.release import Go

INDEX_GROUP = "common"
_INDEX_LIMIT = 256 * 1024
_DEEPEST = 20  # a list within a mapping is 2
_BUNDLE_LIMIT = 16 * 1024 * 1024
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,76}\n)+-----END CERTIFICATE-----\n?")
_COMMENT = re.compile(rb"#(?!.*-----)[^\r\n]{0,249}")
_MARKS = re.compile(r"BEGIN|\bEND\b")
_NULLS = (None, "", "~", "null", "Null", "NULL")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def read_as_go(pem: bytes, go: Go = Go.NEWEST) -> tuple[bytes, ...]:
    """The DER of the certificates that a network server keeps of a bundle, without twins, in their order.

    Exactly what Go's `CertPool.AppendCertsFromPEM` keeps: blocks of another type, with headers, or that Go cannot
    parse are dropped without a word. Never raises; nothing kept means that the server does not start with this file.
    """
    return tuple(dict.fromkeys(block for block in _certificate_blocks(pem, go) if is_readable(block, go)))


def is_readable(der: bytes, go: Go = Go.NEWEST) -> bool:
    """Tell whether Go can parse the certificate, so that a server keeps it."""
    try:
        parse_certificate(der, go)
    except MalformedDer:
        return False
    return True


def read_strictly(pem: bytes) -> tuple[bytes, ...]:
    """The DER of the certificates of a clean bundle, in their order.

    Clean means: CERTIFICATE blocks, blank lines and comment lines, nothing else; every block readable by every release
    of Go; no twins. A comment line starts with `#`, is shorter than OpenSSL's line of 254 octets (crypto/pem/pem_lib.c:
    what follows starts a line for it) and has no five hyphens, which GnuTLS looks for anywhere in a line. Raises
    `PkiError` naming the first thing that is not so.
    """
    if len(pem) > _BUNDLE_LIMIT:
        raise PkiError("bundle-too-large", "The bundle is larger than 16 MB.")
    text = pem.replace(b"\r\n", b"\n")
    blocks = _BLOCK.findall(text)
    if not blocks:
        raise PkiError("bundle-empty", "The bundle holds no certificate: a network server would not start with it.")
    _check_between(text)
    kept = read_as_go(pem)
    _check_kept(kept, blocks)
    if kept != read_as_go(pem, Go.OLDEST):
        raise PkiError("bundle-ambiguous", "Network servers of different versions read this bundle differently.")
    return kept


def write_bundle(ders: Iterable[bytes]) -> bytes:
    """A PEM bundle of the certificates in the caller's order, always the same bytes for the same certificates.

    Raises `PkiError` where a server would drop one, where one comes twice, and for none at all: an empty file stops
    a server from starting.
    """
    pem = b"".join(_to_pem(der) for der in ders)
    read_strictly(pem)
    return pem


def read_index(content: bytes) -> dict[str, tuple[str, ...]]:
    """The files that `index.yml` lists: `{"common": (file, …)}`, entries as written there.

    As The Things Stack reads it (yaml.v2, not strict): unknown keys do not count, an empty file lists nothing, a
    number is its text. Raises `PkiError` for what stops the server, and for aliases and sizes that nobody needs.
    """
    document = _load_yaml(content)
    if document in _NULLS:
        return {INDEX_GROUP: ()}
    if not isinstance(document, Mapping):
        raise _unreadable("it is not a list of files under “common:”")
    entries = document.get(INDEX_GROUP)
    if entries in _NULLS:
        return {INDEX_GROUP: ()}
    if not isinstance(entries, list) or not all(isinstance(each, str) for each in entries):
        raise _unreadable("what stands under “common:” is not a list of file names")
    return {INDEX_GROUP: tuple(entries)}


def index_paths(index: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The paths in the store that an index names, joined and cleaned as Go's `path.Join` does.

    An entry with `..` may lead out of the group's folder, as it does for the server.
    """
    return tuple(posixpath.normpath(f"{group}/{entry}") for group, entries in index.items() for entry in entries)


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """A certificate of a bundle (DER), and what the comment line above it says; vendor and subject may be hostile."""

    der: bytes
    vendor: str
    subject: str
    not_after: datetime  # aware


def write_annotated_bundle(entries: Iterable[BundleEntry]) -> bytes:
    """A PEM bundle by SHA-256 of the certificates, with a comment line above each; the same set is the same bytes.

    The first line is a comment too, so that a byte order mark put before the file does not cost its first block.
    Raises `PkiError` as `write_bundle`.
    """
    ordered = sorted(entries, key=lambda each: hashlib.sha256(each.der).digest())
    pem = b"".join(_comment(each) + _to_pem(each.der) for each in ordered)
    read_strictly(pem)
    return pem


def _comment(entry: BundleEntry) -> bytes:
    """What people typed is made harmless: printable ASCII, one line of at most 206 octets, and never the marks of a
    PEM block, also not for those who count BEGIN."""
    words = (_plain(entry.vendor, 60), _plain(entry.subject, 120), f"expires {entry.not_after.astimezone(UTC).date()}")
    return f"# {' | '.join(words)}\n".encode()


def _plain(text: str, most: int) -> str:
    ascii_only = "".join(each if " " <= each <= "~" and each not in "|#" else "?" for each in text)
    return re.sub(r"-{2,}", "-", _MARKS.sub(lambda mark: mark[0].capitalize(), ascii_only))[:most].strip()


def read_groups(content: bytes) -> dict[str, tuple[str, ...]]:
    """The files of every key that `index.yml` has, also of those that The Things Stack ignores.

    Raises `PkiError` where the index is no mapping of names to lists of names.
    """
    document = _load_yaml(content)
    if document in _NULLS:
        return {}
    if not isinstance(document, Mapping):
        raise _unreadable("it is not a list of files by group")
    groups = {str(key): () if entries in _NULLS else entries for key, entries in document.items()}
    if not all(isinstance(entries, tuple | list) and _are_names(entries) for entries in groups.values()):
        raise _unreadable("what stands under a group is not a list of file names")
    return {key: tuple(entries) for key, entries in groups.items()}


def write_index(index: Mapping[str, Iterable[str]]) -> bytes:
    """The content of `index.yml`, `common` first, then the other groups by name; empty where nothing is listed.

    Raises `PkiError` for unusual names: The Things Stack joins them to paths.
    """
    groups = {name: tuple(entries) for name, entries in index.items()}
    names = [*groups, *(entry for entries in groups.values() for entry in entries)]
    if not all(_FILE_NAME.fullmatch(each) for each in names):
        raise PkiError("index-entry", "An index lists plain file names under plain group names, nothing else.")
    if not any(groups.values()):
        return b""
    listed = {INDEX_GROUP: groups.pop(INDEX_GROUP, ()), **{name: groups[name] for name in sorted(groups)}}
    return "".join(_section(name, entries) for name, entries in listed.items()).encode()


def _section(name: str, entries: Sequence[str]) -> str:
    key = name if name == INDEX_GROUP else f'"{name}"'
    if not entries:
        return f"{key}: []\n" if name == INDEX_GROUP else ""
    return "".join([f"{key}:\n", *(f'  - "{each}"\n' for each in entries)])


def _are_names(entries: Iterable[object]) -> bool:
    return all(isinstance(each, str) for each in entries)


def _certificate_blocks(pem: bytes, go: Go) -> Iterable[bytes]:
    return (block.content for block in decode_all(pem, go) if block.type == "CERTIFICATE" and not block.has_headers)


def _check_between(text: bytes) -> None:
    """Nothing but blank lines and comments that every reader skips stands between the blocks."""
    for line in _BLOCK.sub(b"\n", text).split(b"\n"):
        if line.strip() and not _COMMENT.fullmatch(line):
            shown = line[:40].decode("ascii", "backslashreplace")
            raise PkiError("bundle-not-clean", f"The bundle holds something that is no certificate, near “{shown}”.")


def _check_kept(kept: Sequence[bytes], blocks: Sequence[bytes]) -> None:
    contents = [_decode(block) for block in blocks]
    for position, content in enumerate(contents, 1):
        if content not in kept:
            message = f"Certificate {position} of the bundle is one that a network server would silently drop."
            raise PkiError("bundle-block-dropped", message)
        if content in contents[: position - 1]:
            shown = hashlib.sha256(content).hexdigest()
            raise PkiError("bundle-twin", f"Certificate {position} stands in the bundle twice (SHA-256 {shown}).")


def _decode(block: bytes) -> bytes:
    """The DER of a block, or nothing where its base64 is wrong."""
    try:
        return base64.b64decode(b"".join(block.split(b"\n")[1:]).partition(b"-----")[0], validate=True)
    except ValueError:
        return b""


def _to_pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % lines


def _load_yaml(content: bytes) -> object:
    """The first document, every scalar as its text (BaseLoader builds text, lists and mappings only)."""
    if len(content) > _INDEX_LIMIT:
        raise PkiError("index-too-large", "The index is larger than 256 kB.")
    try:
        _check_events(yaml.parse(content, yaml.SafeLoader))
        return next(iter(yaml.load_all(content, yaml.BaseLoader)), None)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _unreadable("it is not valid YAML") from error


def _check_events(events: Iterable[yaml.Event]) -> None:
    """Neither aliases, which can grow without end, nor deep nesting, over which the parser takes quadratic time."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise _unreadable("it uses YAML aliases")
        if depth > _DEEPEST:
            raise _unreadable("it is nested deeply")


def _unreadable(why: str) -> PkiError:
    return PkiError("index-unreadable", f"The index of the trust store cannot be read: {why}.")
