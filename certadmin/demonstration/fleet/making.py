"""Makes what a planned certificate consists of: the gateway's key, what is to be signed, and the signature where the
authority is a vendor's own. The gateway's private key is dropped, as if it had never left the gateway."""

import hashlib
from functools import cache
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certadmin.demonstration.fleet.plan import PlannedGateway, PlannedLeaf
from certadmin.demonstration.fleet.template import ALGORITHM, LeafTemplate, csr_template, leaf_template
from pki.issuing import join, new_serial
from pki.private_keys import read_private_key

SHA256 = ec.ECDSA(hashes.SHA256())
P256 = ec.SECP256R1()


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
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    template, is_ours = _template(planned.signer.der), planned.signer.key_id is not None
    tbs = template.fill(
        eui=gateway.eui,
        serial=serial,
        not_before=planned.not_before,
        not_after=planned.not_after,
        point=point,
    )
    csr = _csr(gateway.eui, point, key) if is_ours else b""
    der = b"" if is_ours else _signed(tbs, _vendors_key(planned.signer.private_key))
    return Leaf(place, gateway, planned, f"{serial:x}", template.spki_head + point, tbs, csr, der)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _csr(eui: str, point: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    head, middle, tail = csr_template()
    return _signed(b"".join((head, eui.encode(), middle, point, tail)), key)


def _signed(content: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    return join(content, algorithm=ALGORITHM, signature=key.sign(content, SHA256))


@cache
def _template(issuer_der: bytes) -> LeafTemplate:
    return leaf_template(issuer_der)


@cache
def _vendors_key(private_key: bytes) -> ec.EllipticCurvePrivateKey:
    key = read_private_key(private_key)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authorities of a fleet have P-256 keys")
    return key
