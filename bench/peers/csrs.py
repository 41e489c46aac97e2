"""CSRs of gateways, each with a key of its own."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def make_csrs(count: int) -> list[bytes]:
    return [make_csr(f"020C{number:012X}") for number in range(count)]


def make_csr(eui: str) -> bytes:
    """In DER, for a P-256 key that nobody keeps."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, eui)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)
