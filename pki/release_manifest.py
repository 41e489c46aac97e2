"""The manifest of a trust release: what it holds, who published it, and the release before it, as signed JSON.

Canonical form: one JSON object in UTF-8 as RFC 8785 spells it (keys sorted, no blanks between tokens, the shortest
escapes), and one newline at the end. Instants are RFC 3339 in UTC to the microsecond. Hashes are SHA-256 in lower-case
hex. Authorities stand in the order of their hashes, as in the bundle. The signature stands beside it: ECDSA over P-256
and SHA-256 (FIPS 186-5), DER, so that `openssl dgst -sha256 -verify` checks it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pki.errors import PkiError
from pki.public_keys import load_public_key

_LIMIT = 16 * 1024 * 1024
_LARGEST = 2**53 - 1  # RFC 8785 section 3.2.2.3: what every reader of JSON holds exactly
_NOTHING = hashlib.sha256(b"").hexdigest()
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_HASH = re.compile(r"[0-9a-f]{64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@dataclass(frozen=True, slots=True)
class ManifestAuthority:
    """One authority of a release; `ends_at` is None where it is trusted for good."""

    sha256: str
    subject: str
    vendor: str
    not_after: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One release. `bundle` is the name of its file, None where it holds nothing (`bundle_sha256` is then that of no
    octets); `previous` is the SHA-256 of the manifest before it, None for the first; `audit_head` may be empty."""

    group: str
    number: int
    released_at: datetime
    released_by: str
    note: str
    bundle: str | None
    bundle_sha256: str
    authorities: tuple[ManifestAuthority, ...]
    previous: str | None
    audit_head: str


def write_manifest(manifest: Manifest) -> bytes:
    """The canonical octets; the same manifest is always the same octets. Raises PkiError `manifest-unreadable`."""
    try:
        content = _encode(_plain(asdict(manifest)))
    except UnicodeEncodeError as error:
        raise _unreadable("it holds half a character") from error
    if read_manifest(content) != manifest:
        raise _unreadable("it does not read back as it was written")
    return content


def read_manifest(content: bytes) -> Manifest:
    """Read canonical octets. Raises PkiError `manifest-unreadable` for anything that `write_manifest` does not make."""
    if len(content) > _LIMIT:
        raise _unreadable("it is larger than 16 MB")
    try:
        document = json.loads(content)
        if _encode(document) != content:
            raise _unreadable("it is not in canonical form")
    except (ValueError, RecursionError) as error:
        raise _unreadable("it is not JSON") from error
    values = _values(Manifest, document)
    authorities = values["authorities"]
    if not isinstance(authorities, list):
        raise _unreadable("authorities is no list")
    listed = tuple(_authority(each) for each in authorities)
    manifest = _manifest(values | {"authorities": listed})
    _check_agreement(manifest)
    return manifest


def manifest_sha256(content: bytes) -> str:
    """The SHA-256 of the octets, lower-case hex: what the next manifest calls `previous`."""
    return hashlib.sha256(content).hexdigest()


def check_chain(manifests: Iterable[bytes]) -> None:
    """Check that each manifest follows the one before it, the oldest first. What the first of those given follows is
    not looked at: only release 1 follows none.

    Raises PkiError `manifest-unreadable`, or `manifest-chain` naming the first release that does not follow.
    """
    before: tuple[Manifest, str] | None = None
    for content in manifests:
        manifest = read_manifest(content)
        follows = before is None or (
            manifest.group == before[0].group
            and manifest.number == before[0].number + 1
            and manifest.previous == before[1]
        )
        if not follows:
            raise PkiError("manifest-chain", f"Release {manifest.number} does not follow the one before it.")
        before = manifest, manifest_sha256(content)


def check_signature(content: bytes, signature: bytes, public_key: bytes) -> None:
    """Check a detached signature (DER) by the P-256 key whose DER SubjectPublicKeyInfo is given.

    Raises PkiError `manifest-signature`, or `unsupported-key` for what is no key.
    """
    key = load_public_key(public_key)
    try:
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise InvalidSignature
        key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise PkiError("manifest-signature", "The signature is not one of this key over this manifest.") from error


def _encode(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _values(shape: type[Manifest | ManifestAuthority], document: Any) -> dict[str, Any]:
    names = {field.name for field in fields(shape)}
    if not isinstance(document, dict) or set(document) != names:
        raise _unreadable(f"it has not exactly the fields {', '.join(sorted(names))}")
    return document


def _authority(document: Any) -> ManifestAuthority:
    values = _values(ManifestAuthority, document)
    return ManifestAuthority(
        sha256=_field(values, "sha256", _hash),
        subject=_field(values, "subject", _text),
        vendor=_field(values, "vendor", _text),
        not_after=_field(values, "not_after", _instant),
        ends_at=_field(values, "ends_at", _optional(_instant)),
    )


def _manifest(values: dict[str, Any]) -> Manifest:
    return Manifest(
        group=_field(values, "group", _name),
        number=_field(values, "number", _number),
        released_at=_field(values, "released_at", _instant),
        released_by=_field(values, "released_by", _text),
        note=_field(values, "note", _text),
        bundle=_field(values, "bundle", _optional(_name)),
        bundle_sha256=_field(values, "bundle_sha256", _hash),
        authorities=values["authorities"],
        previous=_field(values, "previous", _optional(_hash)),
        audit_head=_field(values, "audit_head", _hash_or_empty),
    )


def _check_agreement(manifest: Manifest) -> None:
    """What one field says, the others bear out."""
    digests = [each.sha256 for each in manifest.authorities]
    if any(before >= after for before, after in pairwise(digests)):
        raise _unreadable("its authorities are not in the order of their hashes")
    if len({manifest.bundle is None, not digests, manifest.bundle_sha256 == _NOTHING}) > 1:
        raise _unreadable("only a release of nothing has no bundle")
    if manifest.number == 1 and manifest.previous is not None:
        raise _unreadable("the first release follows none")


def _field(values: Mapping[str, Any], name: str, read: "Callable[[Any], Any]") -> Any:
    try:
        return read(values[name])
    except (TypeError, ValueError) as error:
        raise _unreadable(f"{name} is not what it should be") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _LARGEST:
        raise TypeError
    return value


def _hash(value: Any) -> str:
    if not _HASH.fullmatch(_text(value)):
        raise ValueError
    return str(value)


def _hash_or_empty(value: Any) -> str:
    return _hash(value) if value else _text(value)


def _name(value: Any) -> str:
    """A reader may join it to a path."""
    if not _FILE_NAME.fullmatch(_text(value)):
        raise ValueError
    return str(value)


def _instant(value: Any) -> datetime:
    if not _INSTANT.fullmatch(_text(value)):
        raise ValueError
    return datetime.fromisoformat(value)


def _optional(read: "Callable[[Any], Any]") -> "Callable[[Any], Any]":
    return lambda value: None if value is None else read(value)


def _unreadable(why: str) -> PkiError:
    return PkiError("manifest-unreadable", f"The manifest cannot be read: {why}.")
