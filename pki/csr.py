"""What a certificate request (PKCS#10, RFC 2986) asks for, and whether a gateway's certificate can be made from it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from pki.der import SEQUENCE, DerReader, MalformedDer
from pki.errors import PkiError
from pki.eui import InvalidEui, read_eui
from pki.findings import Finding, Severity, refuses
from pki.intake import require_no_private_key
from pki.pem import PemBlock, read_blocks
from pki.profiles import GATEWAY_CLIENT
from pki.public_keys import describe_key, load_public_key, made_signature, to_spki
from pki.quiet import quietly
from pki.weak_keys import find_weaknesses

LARGEST = 64 * 1024  # a request with a 8192-bit key has 2 kB

_BROKEN_DIGESTS = ("md5", "sha1")
_LABELS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
_SIGN_AGAIN = "Make the request again, for example with openssl req -new -key KEY -subj /CN=EUI."
_NEW_KEY = "Make a P-256 or RSA 2048 key in the gateway, and a request with it."


@dataclass(frozen=True, slots=True)
class CsrInspection:
    """The answer to a request. `accepted` is false where any finding refuses.

    `csr_der` and `public_key_der` (SubjectPublicKeyInfo) are as they came, and empty where nothing could be read;
    `common_name` is the only CN, else empty; `key_type` is "P-256", "RSA 2048", …
    """

    accepted: bool
    csr_der: bytes
    common_name: str
    public_key_der: bytes
    key_type: str
    findings: tuple[Finding, ...]

    @property
    def spki_sha256(self) -> str:
        """Lower-case hex, as `CertificateFacts.spki_sha256`."""
        return hashlib.sha256(self.public_key_der).hexdigest()


@quietly()
def inspect_csr(content: bytes, *, eui: str | None = None) -> CsrInspection:
    """Judge a request in PEM or DER for the gateway `eui` (16 upper-case hex digits), or for any. Never raises.

    The common name must be the EUI exactly as The Things Stack compares it: what is nearly right is refused with the
    right form as advice, and never changed. Requested extensions are named and ignored, as the profile decides.
    """
    try:
        return _judge(_read_der(content), eui)
    except PkiError as error:
        finding = Finding(error.code, Severity.REFUSED, error.message, _SIGN_AGAIN)
        return CsrInspection(
            accepted=False, csr_der=b"", common_name="", public_key_der=b"", key_type="", findings=(finding,)
        )


def _judge(der: bytes, eui: str | None) -> CsrInspection:
    request = _load(der)
    spki = _read_spki(der)
    key = load_public_key(spki)
    names = _common_names(request)
    findings = (*_signature(request, key), *_key(key, spki), *_common_name(names, eui), *_extensions(request))
    return CsrInspection(
        accepted=not refuses(findings),
        csr_der=der,
        common_name=names[0] if len(names) == 1 else "",
        public_key_der=spki,
        key_type=describe_key(key),
        findings=tuple(sorted(findings, key=lambda each: list(Severity).index(each.severity))),
    )


def _read_der(content: bytes) -> bytes:
    if len(content) > LARGEST:
        raise PkiError("too-large", "The file is far larger than any certificate request.")
    require_no_private_key(content)
    content = content.removeprefix(b"\xef\xbb\xbf")
    if b"BEGIN " in content:
        return _only_request(list(_read_blocks(content)))
    if content[:1] == bytes([SEQUENCE]):
        return _only_element(content)
    raise PkiError("not-a-request", "This is not a certificate request in PEM or DER.")


def _read_blocks(content: bytes) -> Iterator[PemBlock]:
    """The PEM blocks of `content`, with a damaged one told as a whole sentence."""
    try:
        yield from read_blocks(content)
    except PkiError as error:
        raise PkiError(error.code, f"The file {error.message}.") from error


def _only_request(blocks: list[PemBlock]) -> bytes:
    if len(blocks) != 1:
        raise PkiError("not-a-request", "Exactly one certificate request is needed in the file.")
    if blocks[0].label not in _LABELS:
        kind = blocks[0].label.lower()
        raise PkiError("not-a-request", f"This is a {kind}, not a certificate request.")
    return _only_element(blocks[0].der)


def _only_element(content: bytes) -> bytes:
    try:
        der = DerReader(content).read_element(SEQUENCE).full
    except MalformedDer as error:
        raise _damaged() from error
    if content[len(der) :].strip(b"\r\n"):
        raise PkiError("malformed-request", "Something follows the certificate request in the file.")
    return der


def _load(der: bytes) -> x509.CertificateSigningRequest:
    """Parse the request with its names and extensions, as the library fails late."""
    try:
        request = x509.load_der_x509_csr(der)
        _ = request.subject, request.extensions, request.signature_algorithm_oid
    except x509.DuplicateExtension as error:
        raise PkiError("malformed-request", "The request asks for the same extension twice.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _damaged() from error
    except (x509.InvalidVersion, x509.UnsupportedGeneralNameType) as error:
        raise _damaged() from error
    return request


def _damaged() -> PkiError:
    return PkiError("malformed-request", "This is a damaged certificate request, or none at all.")


def _read_spki(der: bytes) -> bytes:
    """The key as it came: CertificationRequestInfo is version, subject, key, attributes (RFC 2986 section 4.1)."""
    try:
        info = DerReader(der).enter().enter()
        info.read_any(), info.read_any()  # version, subject
        return info.read_element(SEQUENCE).full
    except MalformedDer as error:
        raise _damaged() from error


def _common_names(request: x509.CertificateSigningRequest) -> tuple[str, ...]:
    values = (each.value for each in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
    return tuple(value if isinstance(value, str) else value.hex() for value in values)


def _signature(request: x509.CertificateSigningRequest, key: PublicKeyTypes) -> Iterator[Finding]:
    if not made_signature(key, request):
        message = "The request's signature does not fit its key: it was changed, or the sender does not hold the key."
        yield _refused("bad-signature", message, _SIGN_AGAIN)
    elif (digest := request.signature_hash_algorithm) is not None and digest.name in _BROKEN_DIGESTS:
        message = (
            f"The request is signed with {digest.name.upper()}, by which one signature can be made to fit two texts."
        )
        yield _refused("weak-signature", message, "Make the request again with SHA-256: openssl req -new -sha256 …")


def _key(key: PublicKeyTypes, spki: bytes) -> Iterator[Finding]:
    weak = find_weaknesses(spki)
    yield from weak
    if weak:
        return
    yield judge_key_for_station(key)
    if to_spki(key) != spki:  # the certificate would have another form, and a key that is held by one gateway has two
        message = "The public key is not written as DER wants it."
        yield _refused("key-encoding", message, "Make the request with a current OpenSSL, the point uncompressed.")


def judge_key_for_station(key: PublicKeyTypes) -> Finding:
    """What Basics Station 2.0.6 (mbedTLS 2.28) can use, and what CUPS can replace."""
    name = describe_key(key)
    if name not in GATEWAY_CLIENT.key_types:
        message = f"A gateway's key is P-256, or RSA with 2048, 3072 or 4096 bits; Basics Station may misread {name}."
        return _refused("key-type-unusable", message, _NEW_KEY)
    if name == "P-384":
        message = "Basics Station works with a P-384 key, but such a key cannot be replaced over the air by CUPS."
        return Finding("key-not-replaceable", Severity.WARNING, message, "P-256 has no such limit.")
    return Finding("key", Severity.GOOD, f"The key is {name}, which every Basics Station can use.")


def _common_name(names: tuple[str, ...], eui: str | None) -> Iterator[Finding]:
    if len(names) != 1:
        message = f"The request has {len(names) or 'no'} common names, and exactly one is needed."
        yield _refused("cn-several" if names else "cn-missing", message, f"Use CN={eui or 'EUI'} alone.")
    elif eui is not None and names[0] == eui:
        yield Finding("cn-is-eui", Severity.GOOD, f"The CN is the gateway's EUI {eui}.")
    elif eui is None and _meant(names[0]) == names[0]:
        yield Finding("cn-is-eui", Severity.GOOD, f"The CN is an EUI, {names[0]}.")
    else:
        yield _wrong_name(names[0], eui)


def _wrong_name(name: str, eui: str | None) -> Finding:
    meant = _meant(name)
    shown = f"{name[:64]!a}"
    if meant and meant == (eui or meant) and name != meant:
        message = f"The CN {shown} means the EUI {meant} but is not written so, and network servers compare exactly."
        return _refused("cn-not-eui", message, f"Make the request again with CN={meant}.")
    if eui is None:
        message = f"The CN {shown} is no EUI, and network servers compare exactly."
        return _refused("cn-not-eui", message, "Use the EUI in 16 upper-case hex digits.")
    if meant:
        message = f"The CN {shown} is the EUI of another gateway, not {eui}."
        return _refused("cn-mismatch", message, f"Make the request on the gateway {eui}, with CN={eui}.")
    return _refused("cn-not-eui", f"The CN {shown} is not the gateway's EUI {eui}.", f"Use CN={eui}.")


def _meant(name: str) -> str | None:
    try:
        return read_eui(name).eui
    except InvalidEui:
        return None


def _extensions(request: x509.CertificateSigningRequest) -> Iterator[Finding]:
    names = [
        each.oid._name if each.oid._name != "Unknown OID" else each.oid.dotted_string for each in request.extensions
    ]
    if names:
        message = f"The request asks for extensions ({', '.join(names)[:200]}), which are ignored: the profile decides."
        yield Finding("extensions-ignored", Severity.WARNING, message, "Nothing needs to be done.")


def _refused(code: str, message: str, advice: str) -> Finding:
    return Finding(code, Severity.REFUSED, message, advice)
