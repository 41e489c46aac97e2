"""Understands uploaded files: which certificates are in them, or why nothing of the upload is taken.

All or nothing: one bad block refuses the upload, because a reader that skips what it does not understand loses
a CA silently. Everything is bounded before it is parsed, and a private key anywhere refuses before that.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pki.errors import PkiError
from pki.facts import CertificateFacts, read_certificate
from pki.file_forms import MOST_CERTIFICATES, split_certificates
from pki.findings import Finding, Severity
from pki.key_scan import contains_private_key, names_private_key
from pki.pem import count_begins

LARGEST_FILE = 1024 * 1024
LARGEST_UPLOAD = 2 * 1024 * 1024
MOST_FILES = 20

_UNSAFE_IN_NAME = re.compile(r"[^\w .()\[\]+@,=-]")
_EXPOSED = "Treat this key as exposed: make a new one, and send only certificates, which hold no secret."
_WHAT_TO_SEND = "Send the CA certificates as PEM (.pem, .crt), DER (.cer, .der) or PKCS#7 (.p7b)."


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as it came: `name` is what the sender calls it, `content` its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """A certificate that was found: its DER, the file it stood in, its place among that file's certificates
    (from 1), and its facts."""

    der: bytes
    file: str
    position: int
    facts: CertificateFacts


@dataclass(frozen=True, slots=True)
class Intake:
    """The certificates of an upload, or none and the reason in `findings`."""

    certificates: tuple[FoundCertificate, ...]
    findings: tuple[Finding, ...] = ()


class _Refused(Exception):
    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


def read_files(files: Sequence[UploadedFile]) -> Intake:
    """Find every certificate in `files`; never raises.

    PEM with anything around it, DER, DER after DER, base64 without armour and PKCS#7 (PEM or DER) are understood.
    Refusals have the codes `too-large`, `too-many`, `private-key`, `empty-file`, `archive`, `utf-16`,
    `not-a-certificate`, `certificate-request`, `revocation-list`, `unexpected-block`, `malformed-block`,
    `malformed-pkcs7` and those of `read_certificate`; then `certificates` is empty.
    """
    try:
        _require_bounds(files)
        _require_no_private_key(files)
        found = tuple(each for file in files for each in _read_file(file))
        if len(found) > MOST_CERTIFICATES:
            raise _refused("too-many", f"The upload holds more than {MOST_CERTIFICATES} certificates.", _WHAT_TO_SEND)
    except _Refused as refused:
        return Intake((), (refused.finding,))
    return Intake(found)


def require_no_private_key(content: bytes) -> None:
    """Raise PkiError `private-key` where `content` holds one in any form."""
    if contains_private_key(content):
        raise PkiError("private-key", f"This file holds a private key. {_EXPOSED}")


def displayed_name(name: str) -> str:
    """The file name for people: no control, direction or markup characters, at most 80 characters."""
    return _UNSAFE_IN_NAME.sub("?", name)[:80] or "the file"


def _require_bounds(files: Sequence[UploadedFile]) -> None:
    """Look at lengths and counts alone, so that a hostile upload costs nothing."""
    if not files:
        raise _refused("empty-file", "No file was sent.", _WHAT_TO_SEND)
    if len(files) > MOST_FILES:
        raise _refused("too-many", f"More than {MOST_FILES} files were sent at once.", "Send fewer at a time.")
    total = sum(len(file.content) for file in files)
    for file in files:
        if len(file.content) > LARGEST_FILE or total > LARGEST_UPLOAD:
            raise _too_large(file)
        if count_begins(file.content) > MOST_CERTIFICATES:
            raise _in_file(file, "too-many", f"has more than {MOST_CERTIFICATES} blocks.", "Send CA certificates only.")


def _too_large(file: UploadedFile) -> _Refused:
    if names_private_key(file.content):
        return _in_file(file, "private-key", "holds a private key, and nothing of it was kept.", _EXPOSED)
    return _in_file(file, "too-large", "makes the upload larger than any set of CA certificates.", _WHAT_TO_SEND)


def _require_no_private_key(files: Sequence[UploadedFile]) -> None:
    for file in files:
        if contains_private_key(file.content):
            raise _in_file(file, "private-key", "holds a private key, and nothing of it was kept.", _EXPOSED)


def _read_file(file: UploadedFile) -> tuple[FoundCertificate, ...]:
    name = displayed_name(file.name)
    try:
        ders = tuple(split_certificates(file.content))
    except PkiError as error:
        raise _in_file(file, error.code, f"{error.message}; nothing of the upload is taken.", _WHAT_TO_SEND) from error
    return tuple(_read_part(der, name, position) for position, der in enumerate(ders, start=1))


def _read_part(der: bytes, name: str, position: int) -> FoundCertificate:
    try:
        return FoundCertificate(der, name, position, read_certificate(der))
    except PkiError as error:
        message = (
            f"Certificate {position} of {name} cannot be read, and nothing of the upload is taken: {error.message}"
        )
        raise _refused(error.code, message, "Make or export this certificate again.") from error


def _in_file(file: UploadedFile, code: str, problem: str, advice: str) -> _Refused:
    return _refused(code, f"{displayed_name(file.name)} {problem}", advice)


def _refused(code: str, message: str, advice: str) -> _Refused:
    return _Refused(Finding(code, Severity.REFUSED, message, advice))
