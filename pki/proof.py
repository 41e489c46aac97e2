"""Proof of possession: whoever can have a certificate signed whose common name is our code holds the CA's key.

The code is random and made for one authority, so such a signature cannot be older than the code, and cannot be found
anywhere. The certificate is evidence and nothing else: it names no gateway, and is never trusted.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from pki.errors import PkiError
from pki.facts import CertificateFacts, is_signed_by
from pki.findings import Finding, Severity
from pki.preflight_messages import quote
from pki.single import issuer_label

PREFIX = "PROOF"
SKEW = timedelta(minutes=5)  # by which the clock of the signing machine may be ahead of ours

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: 5 bits each, none looks like another
_GROUPS, _GROUP = 7, 4  # 28 digits, 140 bits
_LONGEST = 100
_BODY = re.compile(rf"[{_DIGITS}]{{{_GROUPS * _GROUP}}}")
_LOOK_ALIKES = str.maketrans("OIL", "011")
_SEPARATORS = str.maketrans("", "", "- ")
_WEAK_HASHES = ("md2", "md4", "md5", "sha1")


@dataclass(frozen=True, slots=True)
class Command:
    """What to type, and what it is for. A long line goes on in a second, after a backslash."""

    what: str
    line: str


def new_code() -> str:
    """A code of 140 random bits: `PROOF-` and seven groups of four, which are read aloud and typed without doubt."""
    return _grouped("".join(secrets.choice(_DIGITS) for _ in range(_GROUPS * _GROUP)))


def read_code(text: str) -> str:
    """Understand `text` as a code, in either case, with or without prefix, dashes and blanks; return it as made.

    O is read as 0, and I and L as 1. Raises PkiError `not-a-code`.
    """
    compact = text.upper().translate(_SEPARATORS) if len(text) <= _LONGEST else ""
    digits = compact.removeprefix(PREFIX) if len(compact) > _GROUPS * _GROUP else compact
    digits = digits.translate(_LOOK_ALIKES)
    if not (text.isascii() and _BODY.fullmatch(digits)):
        raise PkiError("not-a-code", f"The common name is {quote(text)}, which is none of our codes.")
    return _grouped(digits)


def code_of(leaf: CertificateFacts) -> str:
    """The code that `leaf` shows as its only common name. Raises PkiError `cn-several`, `cn-missing`, `not-a-code`."""
    if not leaf.common_names:
        raise PkiError("cn-missing", "The certificate has no common name, and it must be the code.")
    if len(leaf.common_names) > 1:
        raise PkiError("cn-several", "The certificate has several common names, and only one is needed: the code.")
    return read_code(leaf.common_names[0])


def check_proof(leaf: CertificateFacts, authority: CertificateFacts, *, at: datetime) -> tuple[Finding, ...]:
    """Check that the key of `authority` signed `leaf`, and that `leaf` is a plain certificate valid at `at` (aware).

    Returns what is worth saying about it. Raises PkiError: `is-a-ca`, `other-issuer`, `issuer-name`,
    `bad-signature`, `weak-signature`, `not-yet-valid`, `expired`. Version 1 will do: OpenSSL before 3.2 makes it
    unless it is given a file of extensions.
    """
    _check_kind(leaf)
    _check_issuer(leaf, authority)
    _check_time(leaf, at)
    return (_VERSION_1,) if leaf.version == 1 else ()


def signing_commands(code: str) -> tuple[Command, ...]:
    """What to type in a shell beside `ca.pem` and `ca.key`. The same in OpenSSL 1.1.1, 3.0 and 3.2."""
    return (
        Command(
            "Make a throw-away key, and a request with the code as its common name.",
            f'openssl req -new -newkey rsa:2048 -nodes -keyout proof.key \\\n  -subj "/CN={code}" -out proof.csr',
        ),
        Command(
            "Sign it with the key of your CA.",
            "openssl x509 -req -in proof.csr -CA ca.pem -CAkey ca.key -CAcreateserial \\\n"
            "  -days 7 -sha256 -out proof.pem",
        ),
    )


def _grouped(digits: str) -> str:
    groups = (digits[start : start + _GROUP] for start in range(0, len(digits), _GROUP))
    return "-".join((PREFIX, *groups))


def _check_kind(leaf: CertificateFacts) -> None:
    if leaf.is_ca or (leaf.key_usage is not None and "keyCertSign" in leaf.key_usage):
        message = (
            "This certificate may itself sign others (CA:TRUE or keyCertSign): nobody needs such a certificate for a "
            "proof. Sign the code as a plain certificate."
        )
        raise PkiError("is-a-ca", message)


def _check_issuer(leaf: CertificateFacts, authority: CertificateFacts) -> None:
    is_named, is_signed = leaf.issuer_der == authority.subject_der, is_signed_by(leaf, authority)
    own, named = quote(authority.name), quote(issuer_label(leaf))
    if is_signed and not is_named:
        message = f"The key is right, but the certificate names {named} as its issuer: sign with exactly the "
        raise PkiError("issuer-name", f"{message}certificate of {own} that was handed in.")
    if not is_named:
        message = f"This was signed by {named}, and shows nothing about {own}: sign the code with the key of {own}."
        raise PkiError("other-issuer", message)
    if not is_signed:
        message = f"It names {own} as its issuer, but another key made the signature, or the file was changed since: "
        raise PkiError("bad-signature", f"{message}sign the code with the key that belongs to this CA certificate.")
    if any(weak in leaf.signature_algorithm.lower() for weak in _WEAK_HASHES):
        message = f"It is signed with {leaf.signature_algorithm}, which can be forged: sign it again with SHA-256."
        raise PkiError("weak-signature", message)


def _check_time(leaf: CertificateFacts, at: datetime) -> None:
    if leaf.not_before > at + SKEW:
        when = f"{leaf.not_before:%Y-%m-%d %H:%M} UTC"
        raise PkiError("not-yet-valid", f"It is valid only from {when}: correct the clock, and sign the code again.")
    if leaf.not_after <= at:
        when = f"{leaf.not_after:%Y-%m-%d %H:%M} UTC"
        raise PkiError("expired", f"It was valid until {when}: sign the code again, and hand that in.")


_VERSION_1 = Finding(
    "version-1",
    Severity.GOOD,
    "It is a version 1 certificate, as OpenSSL before 3.2 makes it without a file of extensions: enough for a proof.",
    "Give gateways version 3: add -extfile with basicConstraints=CA:FALSE and extendedKeyUsage=clientAuth.",
)
