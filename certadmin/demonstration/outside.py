"""What happens at the vendors, outside of the product: their own CAs, and the keys on their gateways.

These keys are made for the demonstration, live in memory, and are gone when it is loaded.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ssl import DER_cert_to_PEM_cert

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pki import private_keys
from pki.issuing import BACKDATING, Template, complete, new_serial, prepare
from pki.profiles import GATEWAY_CLIENT, ISSUING, ROOT, Profile

KEY_TYPE = "P-256"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OutsideAuthority:
    """A CA that a vendor runs."""

    name: str
    organisation: str
    der: bytes
    private_key: bytes
    not_after: datetime

    @property
    def pem(self) -> bytes:
        return DER_cert_to_PEM_cert(self.der).encode()


def make_root(name: str, organisation: str, *, since: datetime, until: datetime) -> OutsideAuthority:
    return _authority(ROOT, name, organisation=organisation, validity=(since, until), issuer=None)


def make_issuing(root: OutsideAuthority, name: str, *, since: datetime, until: datetime) -> OutsideAuthority:
    return _authority(ISSUING, name, organisation=root.organisation, validity=(since, until), issuer=root)


def make_leaf(issuer: OutsideAuthority, eui: str, *, now: datetime, lifetime: timedelta) -> bytes:
    """A gateway's certificate as PEM, from `now` on, for a key that stays on the gateway."""
    end = min(now + lifetime, issuer.not_after)
    public_key = private_keys.public_key_der(private_keys.generate(KEY_TYPE))
    template = _template(GATEWAY_CLIENT, eui, public_key=public_key, validity=(now - BACKDATING, end), issuer=issuer)
    return DER_cert_to_PEM_cert(_signed(template, issuer.private_key)).encode()


def sign_code(issuer: OutsideAuthority, code: str, *, now: datetime) -> bytes:
    """The proof that the authority's key is at hand: a plain certificate with the code as its name, PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, code)])
    builder = (
        x509.CertificateBuilder(issuer_name=x509.load_der_x509_certificate(issuer.der).subject, subject_name=name)
        .public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATING)
        .not_valid_after(now + 7 * DAY)
    )
    key = serialization.load_der_private_key(issuer.private_key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authorities of the demonstration have P-256 keys")
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def make_csr(eui: str) -> bytes:
    """A request as a gateway makes it, PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, eui)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(
        serialization.Encoding.PEM
    )


def _authority(
    profile: Profile,
    name: str,
    *,
    organisation: str,
    validity: tuple[datetime, datetime],
    issuer: OutsideAuthority | None,
) -> OutsideAuthority:
    key = private_keys.generate(KEY_TYPE)
    public_key = private_keys.public_key_der(key)
    template = _template(
        profile, name, public_key=public_key, validity=validity, issuer=issuer, organisation=organisation
    )
    der = _signed(template, issuer.private_key if issuer else key)
    return OutsideAuthority(name, organisation, der, key, template.not_after)


def _template(
    profile: Profile,
    name: str,
    *,
    public_key: bytes,
    validity: tuple[datetime, datetime],
    issuer: OutsideAuthority | None,
    organisation: str = "",
) -> Template:
    return Template(
        profile=profile,
        common_name=name,
        public_key_der=public_key,
        serial=new_serial(),
        not_before=validity[0].replace(microsecond=0),
        not_after=validity[1].replace(microsecond=0),
        issuer_der=issuer.der if issuer else None,
        names=(("O", organisation),) if organisation else (),
    )


def _signed(template: Template, private_key: bytes) -> bytes:
    twin = prepare(template)
    return complete(
        twin.tbs,
        algorithm=twin.signature_algorithm,
        signature=private_keys.sign(private_key, twin.tbs),
        issuer_public_key_der=private_keys.public_key_der(private_key),
    )
