"""What a release looks like in a store, and what a store holds when it is read."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.store import NoPermission, ObjectStore, StoreError
from pki.bundle import index_paths, read_as_go, read_groups, read_index, write_index
from pki.errors import PkiError
from trust.models import COMMON, Group, Release
from trust.services import revoked

INDEX = "index.yml"
MAX_NAMED = 200  # files that an index may name; more are not read
Kind = Literal["missing", "changed", "older", "forbidden", "foreign", "newer"]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a network server would read from a store at its start, and what is wrong with it."""

    index: bytes | None
    paths: tuple[str, ...] = ()
    certificates: tuple[bytes, ...] = ()  # DER, without twins
    problems: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Of the index and all it leads to: changes whenever a reader would read something else."""
        index = b"-" if self.index is None else self.index
        parts = (index, *map(str.encode, (*self.paths, *self.problems)), *self.certificates)
        return hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as we left it."""

    kind: Kind
    name: str
    words: str


def bundle_name(release: Release) -> str | None:
    """The content-addressed file of a release; None where it holds nothing: an empty file stops a server."""
    return f"{release.group.name}/{release.file_name}" if release.bundle else None


def immutable_files(release: Release) -> dict[str, bytes]:
    """What a release adds to a store under names that carry its content's hash."""
    files = {}
    if name := bundle_name(release):
        files[name] = bytes(release.bundle)
    if release.manifest:
        manifest = f"{release.group.name}/{release.manifest_sha256}.json"
        files |= {manifest: release.manifest.encode(), f"{manifest}.sig": bytes(release.signature or b"")}
    return files


def copies(release: Release) -> dict[str, bytes]:
    """The unlisted files for other readers: they stand under the same names in every release."""
    folder = release.group.name
    files = {}
    if release.bundle:
        files[copy_name(release.group)] = bytes(release.bundle)
    if release.manifest:
        files[manifest_name(release.group)] = release.manifest.encode()
        files[f"{manifest_name(release.group)}.sig"] = bytes(release.signature or b"")
    return files | {f"{folder}/{name}": text.encode() for name, text in sorted(release.readers.items())}


def copy_name(group: Group) -> str:
    """The copy for proxies, which no index lists."""
    return f"{group.name}/{group.name}.pem"


def manifest_name(group: Group) -> str:
    """The manifest of the newest release; its signature stands beside it."""
    return f"{group.name}/release.json"


def index_of(releases: Iterable[Release]) -> bytes:
    """The index of a store that holds these releases, one of each group."""
    return write_index({each.group.name: [each.file_name] if each.bundle else [] for each in releases})


def releases_of(index: bytes) -> tuple[Release, ...] | None:
    """The newest releases, one of each group, that have this very index; None for one that is not of our writing."""
    try:
        listed = read_groups(index)
    except PkiError:
        return None
    if not any(listed.values()):
        listed = {COMMON: ()}
    found = [_release_with(name, entries) for name, entries in listed.items()]
    known = tuple(each for each in found if each is not None)
    return known if len(known) == len(listed) and index_of(known) == index else None


def _release_with(group: str, entries: tuple[str, ...]) -> Release | None:
    if len(entries) > 1:
        return None
    digest = entries[0].removesuffix(".pem") if entries else hashlib.sha256(b"").hexdigest()
    found = Release.objects.filter(group__name=group, bundle_sha256=digest).select_related("group")
    return found.order_by("-number").first()


def read_contents(objects: ObjectStore) -> Contents:
    """Read a store as The Things Stack does at its start. Raises `StoreError` where it does not answer."""
    index = objects.get(INDEX)
    if index is None:
        return Contents(None)
    try:
        paths = index_paths(read_index(index))
    except PkiError as error:
        return Contents(index, problems=(error.message,))
    if len(paths) > MAX_NAMED:
        return Contents(index, problems=(f"index.yml names {len(paths)} files, more than the {MAX_NAMED} we read.",))
    return _read_files(objects, index, paths)


def differences(objects: ObjectStore, releases: Sequence[Release]) -> list[Difference]:
    """What is not as `releases`, one of each group, left it. Raises `StoreError`."""
    files = [each for release in releases for each in _file_differences(objects, release)]
    return [*_index_differences(objects, releases), *files]


def foreign_files(objects: ObjectStore, releases: Sequence[Release], known: Iterable[str]) -> list[Difference]:
    """What lies in our folders and is neither of `releases` nor `known`. Nobody reads it before an index names it."""
    expected = {*known, *(copy_name(release.group) for release in releases)}
    for release in releases:
        expected |= {*immutable_files(release), *copies(release), *revoked.names(release.group)}
    return [
        Difference("foreign", name, f"{name} is not ours. No index of ours names it.")
        for release in releases
        for name in objects.list(f"{release.group.name}/")
        if name not in expected
    ]


def _read_files(objects: ObjectStore, index: bytes, paths: tuple[str, ...]) -> Contents:
    certificates: dict[bytes, None] = {}
    problems = []
    for path in dict.fromkeys(paths):
        kept, problem = _read_file(objects, path)
        certificates.update(dict.fromkeys(kept))
        problems += [problem] if problem else []
    return Contents(index, paths, tuple(certificates), tuple(problems))


def _read_file(objects: ObjectStore, path: str) -> tuple[tuple[bytes, ...], str]:
    if path.startswith(("../", "/")) or path == "..":
        return (), f"index.yml names {path}, which lies outside of the store."
    content = objects.get(path)
    if content is None:
        return (), f"index.yml names {path}, which is not there: a network server does not start with it."
    kept = read_as_go(content)
    return kept, "" if kept else f"{path} holds no certificate that a network server can read: it does not start."


def _index_differences(objects: ObjectStore, releases: Sequence[Release]) -> list[Difference]:
    index = objects.get(INDEX)
    if index == index_of(releases):
        return []
    if index is None:
        return [Difference("missing", INDEX, "index.yml is missing: a network server does not start without it.")]
    if older := _older(index, releases):
        return [Difference("older", INDEX, f"index.yml was put back to that of {older}.")]
    return [Difference("changed", INDEX, _changed(index))]


def _older(index: bytes, releases: Sequence[Release]) -> str:
    present = {each.group_id: each.number for each in releases}
    old = [each for each in releases_of(index) or () if each.number < present.get(each.group_id, 0)]
    return " and ".join(
        f"release {each.number}" + ("" if each.group.is_common else f" of {each.group}") for each in old
    )


def _changed(index: bytes) -> str:
    try:
        names = [entry for entries in read_index(index).values() for entry in entries]
    except PkiError:
        return "index.yml was changed to something that a network server cannot read."
    return f"index.yml was changed: it names {', '.join(each[:70] for each in names[:3]) or 'nothing'}."


def _file_differences(objects: ObjectStore, release: Release) -> list[Difference]:
    files = immutable_files(release) | copies(release)
    found = [_file_difference(objects, name, content) for name, content in files.items()]
    return [each for each in found if each]


def _file_difference(objects: ObjectStore, name: str, content: bytes) -> Difference | None:
    """A directory or an endless file under our name is a change, not a silence of the store."""
    try:
        found = objects.get(name)
    except StoreError as error:
        objects.get(INDEX)  # raises where the store itself is at fault
        if isinstance(error, NoPermission):
            return Difference("forbidden", name, error.message)
        found = b""
    if found is None:
        return Difference("missing", name, f"{name} is missing.")
    return None if found == content else Difference("changed", name, f"{name} was changed.")
