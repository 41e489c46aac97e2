"""Loads one certificate with all its extensions, or says that it cannot be read: the library raises six
ways."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from pki.errors import PkiError

# none of the last four is a ValueError, and some come only when the extensions are read
UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def load_certificate(der: bytes) -> x509.Certificate:
    """Load a DER certificate (RFC 5280 section 4.1); raise PkiError `certificate-unreadable` for anything
    else."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.public_key()
    except UNREADABLE as error:
        raise PkiError("certificate-unreadable", "This is not a certificate that can be read.") from error
    return certificate
