"""What a release looks like in a store, and what a store holds when it is read."""

import hashlib
from dataclasses import dataclass

from core.store import ObjectStore, StoreError
from pki.bundle import index_paths, read_as_go, read_index, write_index
from pki.errors import PkiError
from trust.models import Group, Release

INDEX = "index.yml"
MAX_NAMED = 200  # files that an index may name; more are not read


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


def bundle_name(release: Release) -> str | None:
    """The content-addressed file of a release; None where it holds nothing: an empty file stops a server."""
    return f"{release.group.name}/{release.file_name}" if release.bundle else None


def copy_name(group: Group) -> str:
    """The copy for proxies, which no index lists."""
    return f"{group.name}/{group.name}.pem"


def index_of(release: Release) -> bytes:
    return write_index({release.group.name: [release.file_name] if release.bundle else []})


def release_of(index: bytes, group: Group) -> Release | None:
    """The newest release that has this very index; None for an index that is not of our writing."""
    if index == b"":
        return Release.objects.of(group).filter(bundle_sha256=hashlib.sha256(b"").hexdigest()).first()
    try:
        names = [entry for entries in read_index(index).values() for entry in entries]
    except PkiError:
        return None
    found = Release.objects.of(group).filter(bundle_sha256__in=[each.removesuffix(".pem") for each in names])
    return next((each for each in found.order_by("-number") if index_of(each) == index), None)


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


def differences(objects: ObjectStore, release: Release) -> list[str]:
    """What is not as `release` left it, a sentence each. Raises `StoreError`."""
    return [*_index_differences(objects, release), *_file_differences(objects, release)]


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


def _index_differences(objects: ObjectStore, release: Release) -> list[str]:
    index = objects.get(INDEX)
    if index == index_of(release):
        return []
    if index is None:
        return ["index.yml is missing: a network server does not start without it."]
    older = release_of(index, release.group)
    return [f"index.yml was put back to that of release {older.number}." if older else _changed(index)]


def _changed(index: bytes) -> str:
    try:
        names = [entry for entries in read_index(index).values() for entry in entries]
    except PkiError:
        return "index.yml was changed to something that a network server cannot read."
    return f"index.yml was changed: it names {', '.join(each[:70] for each in names[:3]) or 'nothing'}."


def _file_differences(objects: ObjectStore, release: Release) -> list[str]:
    name = bundle_name(release)
    if name is None:
        return []
    return [
        f"{each} is missing." if found is None else f"{each} was changed."
        for each in (name, copy_name(release.group))
        if (found := _get_or_garbage(objects, each)) != bytes(release.bundle)
    ]


def _get_or_garbage(objects: ObjectStore, name: str) -> bytes | None:
    """The content; a directory or an endless file under our name is a change, not a silence of the store."""
    try:
        return objects.get(name)
    except StoreError:
        objects.get(INDEX)  # raises where the store itself is at fault
        return b""
