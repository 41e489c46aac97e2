"""Every hostile request, published and invented: what it is called, its bytes, and what becomes of it."""

from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from tests.pki import (
    hostile_csr_extensions,
    hostile_csr_files,
    hostile_csr_keys,
    hostile_csr_names,
    hostile_csr_signatures,
)
from tests.pki.csr_forge import Case, named
from tests.pki.makers import EUI

KINDS = (
    hostile_csr_names, hostile_csr_keys, hostile_csr_signatures, hostile_csr_extensions, hostile_csr_files,
)  # fmt: skip


@cache
def cases() -> tuple[Case, ...]:
    """Made once: there are slow keys among them."""
    return tuple(case for kind in KINDS for case in kind.cases())


def accepted() -> tuple[Case, ...]:
    return tuple(case for case in cases() if not case.codes)


def refused() -> tuple[Case, ...]:
    return tuple(case for case in cases() if case.codes)


def require_profile(made: x509.Certificate, issuer: x509.Certificate, *, spki: bytes) -> None:
    """Fail unless `made` is what the profile of gateways says, octet for octet where a request could have a say: the
    registered EUI alone, the five extensions, the key."""
    assert made.version is x509.Version.v3
    assert made.subject.public_bytes() == named(EUI)
    assert made.issuer.public_bytes() == issuer.subject.public_bytes()
    assert made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == spki
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    above = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert {each.oid: (each.critical, each.value) for each in made.extensions} == {
        ExtensionOID.BASIC_CONSTRAINTS: (True, x509.BasicConstraints(ca=False, path_length=None)),
        ExtensionOID.KEY_USAGE: (True, usage),
        ExtensionOID.EXTENDED_KEY_USAGE: (False, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])),
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: (False, x509.SubjectKeyIdentifier.from_public_key(made.public_key())),
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: (
            False, x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above),
        ),
    }  # fmt: skip
