"""One certificate that is asked for by itself: as evidence, never to be trusted."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from pki.errors import PkiError
from pki.facts import CertificateFacts
from pki.intake import UploadedFile, read_files
from pki.quiet import quietly

_NAME = "certificate"
_REQUEST = "This is the certificate request. Sign it with your CA first, and hand in the certificate that comes out."


def read_single(content: bytes, *, beside: str) -> CertificateFacts:
    """Read the one certificate that `content` (PEM, DER or PKCS#7) is about; certificates of its CAs may come along.

    `beside` is the SHA-256 (lower-case hex) of the authority that it belongs to. Raises PkiError: `authority-itself`,
    `not-one-certificate`, or whatever `pki.intake.read_files` refuses.
    """
    intake = read_files([UploadedFile(_NAME, content)])
    if not intake.certificates:
        finding = intake.findings[0]
        advice = finding.advice if finding.code == "private-key" else ""
        message = _REQUEST if finding.code == "certificate-request" else f"{finding.message} {advice}".strip()
        raise PkiError(finding.code, message)
    others = {each.facts.sha256: each.facts for each in intake.certificates if each.facts.sha256 != beside}
    if not others:
        message = "This is the CA certificate itself, which is public and shows nothing: send one that it signed."
        raise PkiError("authority-itself", message)
    leaves = [each for each in others.values() if not each.is_ca] or list(others.values())
    if len(leaves) > 1:
        message = f"There are {len(leaves)} certificates in it that may be meant: send exactly one."
        raise PkiError("not-one-certificate", message)
    return leaves[0]


@quietly()
def issuer_label(facts: CertificateFacts) -> str:
    """What a person knows the issuer of `facts` by: its common name, else the whole name. May hold any character."""
    names = x509.load_der_x509_certificate(facts.der).issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    label = names[-1].value if names else facts.issuer
    return label if isinstance(label, str) else label.hex()
