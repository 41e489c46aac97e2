"""Whether a certificate is what is on record of it. Each check raises the first `Discrepancy`, or returns.

Written apart from what makes certificates (`pki.issuing`, `pki.shape`): what is wrong there shall be found here.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from pki.certificate_template import BACKDATING
from pki.errors import PkiError
from pki.facts import CertificateFacts, read_certificate
from pki.loading import load_certificate
from pki.profiles import Profile
from pki.signatures import is_signed_by, read_public_key, signature_algorithm

OCSP_NOCHECK = "1.3.6.1.5.5.7.48.1.5"  # RFC 6960 section 4.2.2.2.1


class Discrepancy(PkiError):
    """Two places that must say the same do not."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The facts of a certificate as columns have them; digests and serial in lower-case hex."""

    sha256: str
    serial: str
    not_before: datetime
    not_after: datetime
    key_type: str
    spki_sha256: str


@dataclass(frozen=True, slots=True)
class Registered:
    """What the register says of one signature. `tbs` is the DER TBSCertificate that was recorded before it was made,
    `public_key` the DER SubjectPublicKeyInfo of the key that was used."""

    serial: str
    tbs: bytes
    tbs_sha256: str
    signature_algorithm: str
    not_after: datetime
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. `spki` is the DER SubjectPublicKeyInfo, `issuer_not_after` the end that it was cut to."""

    eui: str
    spki: bytes
    lifetime: timedelta
    issuer_not_after: datetime


@dataclass(frozen=True, slots=True)
class ServerWish:
    """What was asked for a server. `hosts` as certificates write them, the common name among them; `names` are further
    attributes of the subject by their RFC 4514 names, in their order. The rest as in `Wish`."""

    hosts: tuple[str, ...]
    names: tuple[tuple[str, str], ...]
    spki: bytes
    lifetime: timedelta
    issuer_not_after: datetime


def read_der(der: bytes) -> CertificateFacts:
    """Parse `der`; raise `Discrepancy` where it is no certificate."""
    try:
        return read_certificate(der)
    except PkiError as error:
        raise Discrepancy("certificate-unreadable", f"what is kept is no certificate: {error.message}") from error


def check_columns(facts: CertificateFacts, columns: Columns) -> None:
    """Every column is the fact that it was made of."""
    for name in ("sha256", "serial", "not_before", "not_after", "key_type", "spki_sha256"):
        is_so, said = getattr(facts, name), getattr(columns, name)
        if is_so != said:
            raise Discrepancy(f"column-{name.replace('_', '-')}", f"{name} is {is_so}, and the column says {said}")


def check_registered(facts: CertificateFacts, registered: Registered) -> None:
    """The certificate holds the octets that were recorded, signed by the key that was recorded (RFC 5280 4.1.1)."""
    if hashlib.sha256(registered.tbs).hexdigest() != registered.tbs_sha256:
        raise Discrepancy(
            "tbs-hash", "the octets that were recorded to be signed do not have the hash recorded of them"
        )
    certificate = load_certificate(facts.der)
    if certificate.tbs_certificate_bytes != registered.tbs:
        raise Discrepancy("tbs-differs", "the certificate does not hold the octets that were recorded to be signed")
    if (facts.serial, facts.not_after) != (registered.serial, registered.not_after):
        raise Discrepancy("register-differs", "serial or end are not those of the register")
    key = read_public_key(registered.public_key)
    names = {facts.signature_algorithm, registered.signature_algorithm, signature_algorithm(key).name}
    if len(names) > 1:
        raise Discrepancy("signature-algorithm", f"it is signed by one of {', '.join(sorted(names))}: they differ")
    if not is_signed_by(key, signature=certificate.signature, message=registered.tbs):
        raise Discrepancy("signature-wrong", "the signature does not verify with the public key of its authority")


def check_issuer(facts: CertificateFacts, issuer: CertificateFacts) -> None:
    """The issuer's name is that of the authority, octet for octet, and nothing outlives it."""
    if facts.issuer_der != issuer.subject_der:
        raise Discrepancy(
            "issuer-name", f"it names {facts.issuer} as its issuer, and the authority is {issuer.subject}"
        )
    if facts.not_after > issuer.not_after:
        raise Discrepancy("outlives-issuer", "it lasts longer than its authority")


def check_shape(facts: CertificateFacts, profile: Profile) -> None:
    """The certificate is of its profile's version. How many authorities may stand below a CA, its operator chose."""
    said_of_it = (
        ("ca-flag", facts.is_ca, profile.is_ca),
        ("path-length", facts.path_length is None, profile.path_length is None),
        ("key-usage", facts.key_usage, profile.key_usage),
        ("extended-key-usage", facts.extended_key_usage or frozenset(), profile.extended_key_usage),
        ("ocsp-nocheck", OCSP_NOCHECK in facts.extensions, profile.signs_ocsp),
        ("self-signed", facts.is_self_signed, profile.is_self_signed),
        ("key-type", facts.key_type in profile.key_types, True),
        ("lifetime-bound", facts.not_after - facts.not_before <= profile.lifetimes[-1] + BACKDATING, True),
    )
    for code, is_so, wanted in said_of_it:
        if is_so != wanted:
            raise Discrepancy(f"profile-{code}", f"its {code} is not that of {profile.name} version {profile.version}")


def check_wish(facts: CertificateFacts, wish: Wish) -> None:
    """The certificate is what was asked for: gateway, key, and how long from when it was made, five minutes after it
    begins; shorter only where its issuer ends."""
    if facts.subject != f"CN={wish.eui}":
        raise Discrepancy("wrong-gateway", f"it names {facts.subject}, and its gateway is {wish.eui}")
    _check_key_and_life(facts, wish)


def check_server_wish(facts: CertificateFacts, wish: ServerWish) -> None:
    """The same for a server: its hosts are those that were asked for, exactly and in their order."""
    certificate = load_certificate(facts.der)
    try:
        hosts = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise Discrepancy("wrong-hosts", "it names no hosts") from None
    named = tuple(str(each.value) for each in hosts if isinstance(each, x509.DNSName | x509.IPAddress))
    if named != wish.hosts or len(named) != len(hosts):
        raise Discrepancy("wrong-hosts", f"it names {', '.join(named)}, and asked for were {', '.join(wish.hosts)}")
    subject = tuple((each.rfc4514_attribute_name, str(each.value)) for each in certificate.subject)
    if subject[:-1] != wish.names or subject[-1][0] != "CN" or subject[-1][1] not in wish.hosts:
        raise Discrepancy("wrong-subject", f"its subject is {facts.subject}, which is not what was asked for")
    _check_key_and_life(facts, wish)


def _check_key_and_life(facts: CertificateFacts, wish: Wish | ServerWish) -> None:
    if facts.spki != wish.spki:
        raise Discrepancy("wrong-key", "its public key is not the one that was asked for")
    full = facts.not_before + BACKDATING + wish.lifetime
    if facts.not_after != min(full, wish.issuer_not_after.replace(microsecond=0)):
        raise Discrepancy("wrong-lifetime", f"it does not last the {wish.lifetime.days} days that were asked for")
