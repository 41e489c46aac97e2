"""What proxies read of revoked certificates: files beside a release that follow each new list, not each release."""

import hashlib
from collections.abc import Iterable, Iterator

from cas.models import RevocationList
from cas.services.revocation_lists import length, page_contents, pieces
from core import clock
from core.store import MAX_FILE_BYTES
from pki import crl
from pki.readers import REVOCATION_FILES, revocation_files
from trust.models import Group, Release

ROOM = MAX_FILE_BYTES // 2  # PEM and the indentation of YAML add a half


def names(group: Group) -> set[str]:
    """The files' names in a store."""
    return {f"{group.name}/{name}" for name in REVOCATION_FILES}


def state() -> str:
    """Changes whenever a list does; empty while there is none."""
    digests = [each.tbs_digest for each in _lists()]
    return hashlib.sha256("".join(digests).encode()).hexdigest() if digests else ""


def files(releases: Iterable[Release]) -> dict[str, bytes]:
    """The files beside each of `releases`, with the lists of all authorities that are operated here: who takes one out
    of a group and puts it back has its list at once. None where they are longer than a store is read."""
    lists = list(_lists())
    if sum(map(length, lists)) > ROOM:
        return {}
    ders = [b"".join(pieces(each)) for each in lists]
    serials = [serial for each in lists for serial in _serials(each)]
    return {
        f"{release.group.name}/{name}": content
        for release in releases
        if (authorities := release.readers.get("authorities.pem"))
        for name, content in revocation_files(authorities, ders, serials).items()
    }


def _lists() -> "Iterable[RevocationList]":
    """Those of authorities that have not ended."""
    newest = RevocationList.objects.newest_of_each().select_related("authority")
    return newest.filter(authority__not_after__gt=clock.now())


def _serials(row: RevocationList) -> Iterator[int]:
    for page in page_contents(row.pages):
        yield from (serial for serial, _ in crl.split(page))
