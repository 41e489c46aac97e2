"""The facts of one certificate, read once (RFC 5280 section 4)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Everything that columns and pages need of a certificate, so that nothing parses it twice.

    `der` is the certificate as handed in. `sha256` and `spki_sha256` are lower-case hex digests of the DER and of
    the SubjectPublicKeyInfo. `subject` and `issuer` are RFC 4514 text; `subject_der` and `issuer_der` the encoded
    names, which is what a verifier compares. `serial` is lower-case hex without a prefix. Instants are aware UTC.
    `key_usage` and `extended_key_usage` are None where the extension is absent, and then nothing is restricted.
    """

    der: bytes
    sha256: str
    subject: str
    issuer: str
    subject_der: bytes
    issuer_der: bytes
    common_names: tuple[str, ...]
    serial: str
    not_before: datetime
    not_after: datetime
    spki_sha256: str
    key_type: str  # "P-256", "P-384", "RSA 2048", "Ed25519", "DSA 1024", …
    signature_algorithm: str  # "ecdsa-with-SHA256", …
    has_basic_constraints: bool
    is_ca: bool
    path_length: int | None
    key_usage: frozenset[str] | None  # RFC 5280 names: "digitalSignature", "keyCertSign", …
    extended_key_usage: frozenset[str] | None  # "clientAuth", "serverAuth", … or the dotted OID
    subject_key_identifier: str | None
    authority_key_identifier: str | None
    is_self_issued: bool
    is_self_signed: bool  # self-issued, and its own key verifies the signature

    @property
    def name(self) -> str:
        """The common name where there is one, else the whole subject."""
        return self.common_names[-1] if self.common_names else self.subject
