"""What the extensions of a certificate say, in plain values (RFC 5280 section 4.2)."""

from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_KEY_USAGES = {  # RFC 5280 section 4.2.1.3
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}
_EXTENDED_KEY_USAGES = {  # RFC 5280 section 4.2.1.12
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
}


@dataclass(frozen=True, slots=True)
class ExtensionFacts:
    """The fields of `CertificateFacts` that come from extensions; see there."""

    has_basic_constraints: bool
    is_ca: bool
    path_length: int | None
    key_usage: frozenset[str] | None
    extended_key_usage: frozenset[str] | None
    subject_key_identifier: str | None
    authority_key_identifier: str | None
    present: frozenset[str]
    critical: frozenset[str]
    name_constraints: tuple[str, ...]


def read_extensions(extensions: x509.Extensions) -> ExtensionFacts:
    """Read `extensions`, which the library has parsed already. Raises what the library raises."""
    constraints = _find(extensions, x509.BasicConstraints)
    return ExtensionFacts(
        has_basic_constraints=constraints is not None,
        is_ca=constraints is not None and constraints.ca,
        path_length=constraints.path_length if constraints else None,
        key_usage=_key_usage(_find(extensions, x509.KeyUsage)),
        extended_key_usage=_extended_key_usage(_find(extensions, x509.ExtendedKeyUsage)),
        subject_key_identifier=_subject_key(_find(extensions, x509.SubjectKeyIdentifier)),
        authority_key_identifier=_authority_key(_find(extensions, x509.AuthorityKeyIdentifier)),
        present=frozenset(each.oid.dotted_string for each in extensions),
        critical=frozenset(each.oid.dotted_string for each in extensions if each.critical),
        name_constraints=_name_constraints(_find(extensions, x509.NameConstraints)),
    )


def _find(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    return next((each.value for each in extensions if isinstance(each.value, kind)), None)


def _key_usage(usage: x509.KeyUsage | None) -> frozenset[str] | None:
    if usage is None:
        return None
    return frozenset(name for attribute, name in _KEY_USAGES.items() if getattr(usage, attribute))


def _extended_key_usage(usage: x509.ExtendedKeyUsage | None) -> frozenset[str] | None:
    if usage is None:
        return None
    return frozenset(_EXTENDED_KEY_USAGES.get(oid, oid.dotted_string) for oid in usage)


def _subject_key(identifier: x509.SubjectKeyIdentifier | None) -> str | None:
    return identifier.digest.hex() if identifier else None


def _authority_key(identifier: x509.AuthorityKeyIdentifier | None) -> str | None:
    return identifier.key_identifier.hex() if identifier and identifier.key_identifier else None


def _name_constraints(constraints: x509.NameConstraints | None) -> tuple[str, ...]:
    if constraints is None:
        return ()
    permitted = [f"permitted {_general_name(each)}" for each in constraints.permitted_subtrees or ()]
    return (*permitted, *(f"excluded {_general_name(each)}" for each in constraints.excluded_subtrees or ()))


def _general_name(name: x509.GeneralName) -> str:
    kind = type(name).__name__
    value = name.value
    return f"{kind} {value.rfc4514_string() if isinstance(value, x509.Name) else value}"
