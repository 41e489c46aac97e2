"""Makes what a planned certificate consists of: the gateway's key, what is to be signed, and the signature where the
authority is a vendor's own. The gateway's private key is dropped, as if it had never left the gateway."""

import hashlib
from functools import cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from certadmin.demonstration.fleet.plan import PlannedGateway, PlannedLeaf
from pki.issuing import join, new_serial
from pki.private_keys import read_private_key
from pki.profiles import GATEWAY_CLIENT, ONE_YEAR
from pki.shape import Shapes, cut
from pki.signatures import ECDSA_SHA256

SHA256 = ec.ECDSA(hashes.SHA256())
P256 = ec.SECP256R1()
ALGORITHM = ECDSA_SHA256.name
PLACE_EUI = "0123456789ABCDEF"


class Leaf(NamedTuple):
    """`der` is empty where the vault signs `tbs`; only there is a `csr` (both DER)."""

    place: int  # of its gateway in the chunk
    gateway: PlannedGateway
    planned: PlannedLeaf
    serial: str
    spki: bytes
    tbs: bytes
    csr: bytes
    der: bytes


def make_leaf(place: int, gateway: PlannedGateway, planned: PlannedLeaf) -> Leaf:
    """Make the certificate of the gateway at `place` of its chunk, or what the vault will sign for it."""
    key, serial = ec.generate_private_key(P256), new_serial()
    spki, is_ours = _spki(key), planned.signer.key_id is not None
    tbs = (
        _shapes(planned.signer.der)
        .fill(
            eui=gateway.eui,
            serial=serial,
            not_before=planned.not_before,
            not_after=planned.not_after,
            spki=spki,
        )
        .tbs
    )
    csr = _csr(gateway.eui, spki, key) if is_ours else b""
    der = b"" if is_ours else _signed(tbs, _vendors_key(planned.signer.private_key))
    return Leaf(place, gateway, planned, f"{serial:x}", spki, tbs, csr, der)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _csr(eui: str, spki: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    head, middle, tail = _csr_parts()
    return _signed(b"".join((head, eui.encode(), middle, spki, tail)), key)


@cache
def _csr_parts() -> tuple[bytes, ...]:
    """A CertificationRequestInfo as gateways make it, cut at the EUI and the key."""
    key = ec.generate_private_key(P256)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, PLACE_EUI)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return cut(request.tbs_certrequest_bytes, PLACE_EUI.encode(), _spki(key))


def _signed(content: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    return join(content, algorithm=ALGORITHM, signature=key.sign(content, SHA256))


@cache
def _shapes(issuer_der: bytes) -> Shapes:
    """With the shape of a year that we would sign: the vendors' own authorities sign also what outlives them."""
    issuer, shapes = x509.load_der_x509_certificate(issuer_der), Shapes(issuer_der, GATEWAY_CLIENT)
    begin, end = issuer.not_valid_before_utc, issuer.not_valid_after_utc
    spki = _spki(ec.generate_private_key(P256))
    usual = {"not_before": begin, "not_after": min(end, begin + ONE_YEAR)}
    if shapes.fill(eui=PLACE_EUI, serial=new_serial(), spki=spki, **usual).signature_algorithm != ALGORITHM:
        raise ValueError("a fleet is signed with P-256")
    return shapes


@cache
def _vendors_key(private_key: bytes) -> ec.EllipticCurvePrivateKey:
    key = read_private_key(private_key)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authorities of a fleet have P-256 keys")
    return key
