"""The station kit: the four files with which a LoRa Basics Station reaches its CUPS server by mutual TLS.

What a Station can read is decided by lorabasics/basicstation 2.0.6 (src/sys.c, src/tls.c, src/net.c) and by
the mbedTLS 2.28 that it is built with.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from pki.errors import PkiError
from pki.loading import UNREADABLE, load_certificate
from pki.private_keys import read_private_key
from pki.signatures import key_type

URI_LENGTH = 127  # MAX_URI_LEN less its NUL, src/sys.c
ADDRESS = re.compile(r"https://(?P<host>[^/:@?#\[\]\s]+):(?P<port>[0-9]{1,5})", re.ASCII)
HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)", re.ASCII)
PEM_LABEL = re.compile(rb"-----BEGIN ([^\r\n-]*)-----")
STATION_KEY_TYPES = frozenset({"P-256", "RSA 2048", "RSA 3072", "RSA 4096"})
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say: the same kit is always the same bytes
SIGNATURES = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    }
)
ROOT_SIGNATURES = SIGNATURES | {SignatureAlgorithmOID.RSA_WITH_SHA1, SignatureAlgorithmOID.ECDSA_WITH_SHA1}


def station_kit(
    *,
    eui: str,
    leaf_der: bytes,
    chain_ders: Sequence[bytes],
    private_key_der: bytes | None,
    trust_pem: bytes,
    cups_uri: str,
) -> bytes:
    """Pack what `station_files` returns into a zip, the same bytes for the same input."""
    return _zip(
        station_files(
            eui=eui,
            leaf_der=leaf_der,
            chain_ders=chain_ders,
            private_key_der=private_key_der,
            trust_pem=trust_pem,
            cups_uri=cups_uri,
        )
    )


def station_files(
    *,
    eui: str,
    leaf_der: bytes,
    chain_ders: Sequence[bytes],
    private_key_der: bytes | None,
    trust_pem: bytes,
    cups_uri: str,
) -> dict[str, bytes]:
    """Return `cups.crt`, `cups.key`, `cups.trust` and `cups.uri` by name.

    `chain_ders` goes from the leaf's issuer upwards; a root in it is left out, for a server has it already.
    `private_key_der` is PKCS#8; None where the vendor keeps the key, and then there is no `cups.key`. Raises
    PkiError where a Station could not use the files, or they do not belong together.
    """
    leaf = load_certificate(leaf_der)
    _refuse_other_gateway(leaf, eui)
    files = {"cups.crt": _chain_pem(leaf, [load_certificate(der) for der in chain_ders])}
    if private_key_der is not None:
        files["cups.key"] = _key_pem(private_key_der, leaf)
    files["cups.trust"] = _to_pem(read_trust_pem(trust_pem))
    check_cups_uri(cups_uri)
    files["cups.uri"] = cups_uri.encode("ascii")
    return files


def check_cups_uri(text: str) -> None:
    """Raise PkiError unless a Station understands `text` as the address of its CUPS server.

    `https://host:port` and nothing more: `uri_checkHostPortUri` in src/net.c refuses a path and asks for the
    port. The host is a name, because its TLS compares only with the dNSNames of a server's certificate.
    """
    match = ADDRESS.fullmatch(text)
    if match is None:
        raise PkiError(
            "cups-uri-form",
            "A Basics Station needs https://host:port with the port written out and nothing behind it,"
            " for example https://lns.example.com:443.",
        )
    if len(text) > URI_LENGTH:
        raise PkiError("cups-uri-long", f"A Basics Station reads addresses of at most {URI_LENGTH} characters.")
    if not 1 <= int(match["port"]) <= 65535:
        raise PkiError("cups-uri-port", "The port must be a number from 1 to 65535.")
    _check_host(match["host"])


def check_trust_pem(content: bytes, *, now: datetime | None = None) -> None:
    """Raise PkiError unless `content` can be a Station's `cups.trust`; with `now`, also where it expired."""
    for certificate in read_trust_pem(content):
        if now is not None and certificate.not_valid_after_utc < now:
            raise PkiError(
                "trust-expired",
                f"The certificate {certificate.subject.rfc4514_string()} has expired, so a Station would"
                " refuse the server; use the current one.",
            )


def read_trust_pem(content: bytes) -> list[x509.Certificate]:
    """Read the certificates by which a Station knows its server; raise PkiError for what it cannot read.

    src/tls.c takes a file for PEM only when its first byte is '-', and one unreadable certificate spoils all.
    """
    if not content.startswith(b"-----BEGIN "):
        raise PkiError(
            "trust-not-pem",
            "The file must begin with -----BEGIN CERTIFICATE-----: before it, a Basics Station stands no"
            " comment, blank line or byte order mark.",
        )
    if any(label != b"CERTIFICATE" for label in PEM_LABEL.findall(content)):
        raise PkiError(
            "trust-not-certificates",
            "The file must hold certificates alone; treat a private key that was in it as exposed.",
        )
    certificates = _load_all(content)
    for certificate in certificates:
        _refuse_unknown_to_station(certificate)
    return certificates


def private_key_pem(private_key_der: bytes, leaf_der: bytes) -> bytes:
    """The private key alone (PKCS#8 DER in, PEM out) in the form that a Basics Station reads.

    SEC1 for P-256, PKCS#1 for RSA. Raises `PkiError` where it does not belong to the certificate `leaf_der`.
    """
    return _key_pem(private_key_der, load_certificate(leaf_der))


def _load_all(content: bytes) -> list[x509.Certificate]:
    try:
        certificates = x509.load_pem_x509_certificates(content)
        return [load_certificate(each.public_bytes(serialization.Encoding.DER)) for each in certificates]
    except (*UNREADABLE, PkiError) as error:
        raise PkiError(
            "trust-unreadable", "One of the certificates cannot be read; a Station would then trust none."
        ) from error


def _refuse_unknown_to_station(certificate: x509.Certificate) -> None:
    """RSA from 2048 bits or an elliptic curve, and SHA-2: mbedTLS's default profile. The signature that a
    root makes on itself is never checked, so its hash does not matter."""
    name = certificate.subject.rfc4514_string()
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise PkiError("trust-key-type", f"A Basics Station knows RSA and ECDSA alone; {name} has neither.")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
        raise PkiError("trust-key-short", f"A Basics Station refuses RSA under 2048 bits, as {name} has.")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < 256:
        raise PkiError("trust-key-short", f"A Basics Station refuses curves under 256 bits, as {name} has.")
    is_root = certificate.subject == certificate.issuer
    if certificate.signature_algorithm_oid not in (ROOT_SIGNATURES if is_root else SIGNATURES):
        raise PkiError(
            "trust-signature",
            f"A Basics Station asks for SHA-2 with RSA (not RSA-PSS) or ECDSA; {name} is signed otherwise.",
        )


def _check_host(host: str) -> None:
    labels = host.split(".")
    if labels[-1].isdigit():
        raise PkiError(
            "cups-uri-address",
            "Write the server's name, not its IP address: a Basics Station compares names only.",
        )
    if not all(HOST_LABEL.fullmatch(label) for label in labels):
        raise PkiError("cups-uri-host", "The host name may have letters, digits, hyphens and dots only.")


def _refuse_other_gateway(leaf: x509.Certificate, eui: str) -> None:
    names = [attribute.value for attribute in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [eui]:
        raise PkiError("kit-other-gateway", f"The certificate is not that of gateway {eui}.")


def _chain_pem(leaf: x509.Certificate, chain: list[x509.Certificate]) -> bytes:
    for lower, upper in pairwise([leaf, *chain]):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature):
            raise PkiError("kit-chain", "The chain does not belong to this certificate.") from None
    return _to_pem([leaf, *(each for each in chain if each.subject != each.issuer)])


def _key_pem(private_key_der: bytes, leaf: x509.Certificate) -> bytes:
    """SEC1 for P-256 and PKCS#1 for RSA: the two forms that a Station also takes over the air."""
    key = read_private_key(private_key_der)
    if key.public_key() != leaf.public_key():
        raise PkiError("kit-other-key", "The private key does not belong to this certificate.")
    if key_type(key.public_key()) not in STATION_KEY_TYPES:
        raise PkiError("kit-key-type", "A Basics Station takes P-256 and RSA keys; make a new certificate.")
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _to_pem(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, on every system: the permissions count only then
            entry.external_attr = (0o100600 if name.endswith(".key") else 0o100644) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()
