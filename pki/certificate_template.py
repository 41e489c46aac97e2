"""The template of a certificate, and what is refused before anything is built from it."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.errors import PkiError
from pki.hosts import read_host
from pki.profiles import Naming, Profile
from pki.signatures import key_type, read_public_key

BACKDATING = timedelta(minutes=5)  # a gateway's clock may be behind ours
SERIAL_BITS = 159  # 20 octets whose first bit, the sign, is 0 (RFC 5280 section 4.1.2.2)
NAME_LENGTH = 64  # ub-common-name and ub-organization-name, RFC 5280 appendix A.1
EUI_NAME = re.compile(r"[0-9A-F]{16}", re.ASCII)
NAME_ATTRIBUTES = ("C", "ST", "L", "O", "OU")  # in the order in which they stand
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
EXTENDED_KEY_USAGES = {
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
    "OCSPSigning": ExtendedKeyUsageOID.OCSP_SIGNING,
}

ExtensionValue = TypeVar("ExtensionValue", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Template:
    """All that decides the bytes of a certificate: the same template gives the same bytes, whenever and
    wherever.

    `public_key_der` is a SubjectPublicKeyInfo, `issuer_der` the issuer's certificate, None for a root.
    Instants are aware UTC in whole seconds. `path_length` None takes the profile's. `names` are further attributes of
    the subject by their RFC 4514 names (C, ST, L, O, OU), for authorities and servers only; `hosts` DNS names and IP
    addresses as `pki.hosts` writes them, for servers only.
    """

    profile: Profile
    common_name: str
    public_key_der: bytes
    serial: int
    not_before: datetime
    not_after: datetime
    issuer_der: bytes | None
    names: tuple[tuple[str, str], ...] = ()
    hosts: tuple[str, ...] = ()
    path_length: int | None = None


def path_length(template: Template) -> int | None:
    """The path length that the certificate will carry; None where it says nothing."""
    return template.profile.path_length if template.path_length is None else template.path_length


def refuse_template(template: Template) -> None:
    """Raise PkiError where the template alone shows that it fits no profile."""
    _refuse_names(template)
    _refuse_key(template)
    _refuse_times(template)
    if not 0 < template.serial < 1 << SERIAL_BITS:
        raise PkiError("serial-refused", "A serial number is positive and has at most 20 octets.")
    if template.profile.is_self_signed != (template.issuer_der is None):
        raise PkiError("issuer-missing", "A root signs itself, and everything else needs an issuing authority.")
    chosen = template.path_length
    if chosen is not None and (chosen < 0 or not template.profile.is_ca):
        raise PkiError("path-length-refused", "Only an authority has a path length, from 0 upwards.")


def refuse_issuer(issuer: x509.Certificate, template: Template) -> None:
    """Raise PkiError where `issuer` may not sign this template (RFC 5280 section 6.1.4, and our own
    rules)."""
    constraints = _extension(issuer, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise PkiError("issuer-not-a-ca", "The chosen issuer is not a CA certificate; choose an authority.")
    key_usage = _extension(issuer, x509.KeyUsage)
    if key_usage is not None and not key_usage.key_cert_sign:
        raise PkiError("issuer-cannot-sign", "The chosen authority's key usage does not allow it to sign certificates.")
    _refuse_path_length(constraints.path_length, template)
    _refuse_usages(issuer, template)
    _refuse_outliving(issuer, template)


def _extension(certificate: x509.Certificate, kind: type[ExtensionValue]) -> ExtensionValue | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _refuse_names(template: Template) -> None:
    if not all(_is_readable(name) for name in (template.common_name, *(value for _, value in template.names))):
        raise PkiError(
            "name-refused",
            f"A name has at most {NAME_LENGTH} letters without blanks at its ends; letters with accents count twice.",
        )
    if not template.common_name:
        raise PkiError("name-refused", "A certificate needs a common name.")
    _refuse_attributes(template)
    if template.profile.naming == Naming.EUI and (template.names or not EUI_NAME.fullmatch(template.common_name)):
        raise PkiError("common-name-refused", "A gateway is named by its EUI alone: 16 digits 0-9, A-F in upper case.")
    _refuse_hosts(template)


def _refuse_attributes(template: Template) -> None:
    names = [name for name, _ in template.names]
    if names != [name for name in NAME_ATTRIBUTES if name in names]:
        raise PkiError("name-refused", f"A subject has each of {', '.join(NAME_ATTRIBUTES)} once at most.")
    country = dict(template.names).get("C")
    if country is not None and not COUNTRY.fullmatch(country):
        raise PkiError("name-refused", "A country is two capital letters, as NL.")


def _refuse_hosts(template: Template) -> None:
    """For those who name none, too: an EUI as a host name would be somebody else's gateway."""
    profile, hosts = template.profile, template.hosts
    if profile.naming != Naming.HOSTS:
        if hosts:
            raise PkiError("hosts-refused", "Only a server's certificate names hosts.")
        return
    for host in hosts:
        if read_host(host, wildcards=profile.wildcards, local=profile.local_names) != host:
            raise PkiError("hosts-refused", f"{host} is not written as certificates write it.")
    if template.common_name not in hosts or len(set(hosts)) < len(hosts):
        raise PkiError("hosts-refused", "A server's common name is one of its hosts, and each host stands there once.")


def _is_readable(name: str) -> bool:
    """The bound is meant in characters, but `cryptography` counts octets, and so does many a reader."""
    return name.isprintable() and name == name.strip() and len(name.encode()) <= NAME_LENGTH


def _refuse_key(template: Template) -> None:
    kind = key_type(read_public_key(template.public_key_der))
    if kind not in template.profile.key_types:
        allowed = ", ".join(sorted(template.profile.key_types))
        raise PkiError("key-type-refused", f"A key of type {kind} is not certified here; use one of {allowed}.")


def _refuse_times(template: Template) -> None:
    for instant in (template.not_before, template.not_after):
        if instant.utcoffset() != timedelta(0) or instant.microsecond:
            raise PkiError("validity-refused", "Validity is given in UTC and whole seconds.")
    if template.not_after <= template.not_before:
        raise PkiError("validity-refused", "A certificate must end after it begins.")
    longest = template.profile.lifetimes[-1]
    if template.not_after - template.not_before > longest + BACKDATING:
        raise PkiError(
            "lifetime-refused", f"This profile allows at most {longest.days} days; choose a shorter lifetime."
        )


def _refuse_path_length(allowed: int | None, template: Template) -> None:
    if allowed is None or not template.profile.is_ca:
        return
    if allowed == 0:
        raise PkiError(
            "path-length-exhausted", "The chosen authority may issue to gateways, not to further authorities."
        )
    chosen = path_length(template)
    if chosen is None or chosen >= allowed:
        raise PkiError("path-length-refused", f"Under this authority the path length is at most {allowed - 1}.")


def _refuse_usages(issuer: x509.Certificate, template: Template) -> None:
    """TTS asks for clientAuth along the whole path, the CA included; no extension at all restricts
    nothing. Who signs for OCSP is named by the CA itself (RFC 6960 section 4.2.2.2), whatever else it may issue for."""
    if template.profile.signs_ocsp:
        return
    allowed = _extension(issuer, x509.ExtendedKeyUsage)
    if allowed is None or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in allowed:
        return
    if not {EXTENDED_KEY_USAGES[usage] for usage in template.profile.extended_key_usage} <= set(allowed):
        raise PkiError(
            "issuer-usage", "The chosen authority is not allowed to issue for this use (extended key usage)."
        )


def _refuse_outliving(issuer: x509.Certificate, template: Template) -> None:
    if template.not_before + BACKDATING < issuer.not_valid_before_utc:
        raise PkiError("issuer-not-yet-valid", "The chosen authority is not valid yet.")
    if template.not_after > issuer.not_valid_after_utc:
        raise PkiError("outlives-issuer", "A certificate must not outlive its issuer; choose a shorter lifetime.")
