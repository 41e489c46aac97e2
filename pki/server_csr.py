"""What a certificate request (PKCS#10, RFC 2986) brings for a server: its key. Its names are a proposal only."""

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509

from pki.csr import inspect_csr
from pki.errors import PkiError
from pki.findings import Finding, Severity
from pki.hosts import read_host
from pki.quiet import quietly

_ADVICE = "Make the request again on the server, with a new P-256 or RSA key."
_FOR_GATEWAYS = frozenset({"key", "key-not-replaceable", "key-type-unusable", "extensions-ignored"})


@dataclass(frozen=True, slots=True)
class ServerCsr:
    """A request whose signature and key are good. `csr_der` as it came, `public_key_der` a SubjectPublicKeyInfo,
    `hosts` the names in it that a certificate could have, in their order."""

    csr_der: bytes
    public_key_der: bytes
    key_type: str
    hosts: tuple[str, ...]


def read_server_csr(content: bytes) -> ServerCsr:
    """Read a request in PEM or DER. Raises PkiError where its signature or key is bad, or a private key is with it.

    Which kinds of key and which names are allowed, the profile decides afterwards.
    """
    seen = inspect_csr(content)
    for finding in seen.findings:
        if finding.severity is Severity.REFUSED and not _is_of_gateways(finding):
            raise PkiError(finding.code, f"{finding.message} {_ADVICE}")
    return ServerCsr(seen.csr_der, seen.public_key_der, seen.key_type, _hosts(seen.csr_der))


def _is_of_gateways(finding: Finding) -> bool:
    return finding.code in _FOR_GATEWAYS or finding.code.startswith("cn-")


@quietly()
def _hosts(der: bytes) -> tuple[str, ...]:
    request = x509.load_der_x509_csr(der)
    return tuple(dict.fromkeys(host for text in _names(request) for host in _readable(text)))


def _names(request: x509.CertificateSigningRequest) -> Iterator[str]:
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    yield from names.get_values_for_type(x509.DNSName)
    yield from map(str, names.get_values_for_type(x509.IPAddress))
    yield from (str(each.value) for each in request.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME))


def _readable(text: str) -> Iterator[str]:
    try:
        yield read_host(text, wildcards=True, local=True)
    except PkiError:
        return
