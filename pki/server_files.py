"""The files that a TLS server and its clients read."""

from collections.abc import Sequence
from ssl import DER_cert_to_PEM_cert

from cryptography.hazmat.primitives import serialization

from pki.errors import PkiError
from pki.loading import load_certificate
from pki.private_keys import read_private_key


def server_files(leaf: bytes, chain: Sequence[bytes]) -> dict[str, bytes]:
    """The public files by name, PEM but for `cert.der`. `chain` is DER, from the issuing authority up to the root.

    A server shows `fullchain.pem`, which leaves out the root: who trusts it has it (RFC 8446 section 4.4.2).
    """
    between = [der for der in chain if not _is_root(der)]
    return {
        "cert.pem": _pem([leaf]),
        "cert.der": leaf,
        "chain.pem": _pem(between),
        "fullchain.pem": _pem([leaf, *between]),
        "ca.pem": _pem(chain[-1:]),
    }


def private_key_pem(private_key_der: bytes, leaf: bytes) -> bytes:
    """The private key as PKCS#8 in PEM (RFC 5958), which every TLS server reads. PkiError `key-differs` where it is
    not that of the certificate."""
    key = read_private_key(private_key_der)
    if key.public_key() != load_certificate(leaf).public_key():
        raise PkiError("key-differs", "The private key does not belong to this certificate.")
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(ders: Sequence[bytes]) -> bytes:
    return "".join(map(DER_cert_to_PEM_cert, ders)).encode()


def _is_root(der: bytes) -> bool:
    certificate = load_certificate(der)
    return certificate.subject == certificate.issuer
