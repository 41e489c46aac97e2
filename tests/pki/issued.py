"""A root, an issuing CA and a gateway's certificate, made by the product's own code, for tests."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from pki import private_keys
from pki.issuing import Template, complete, prepare, validity
from pki.profiles import GATEWAY_CLIENT, ISSUING, ONE_YEAR, ROOT, Profile
from tests.pki.makers import EUI, NOW

SERIAL = 0x5EED << 120


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key in PKCS#8 DER."""

    der: bytes
    private_der: bytes

    @property
    def not_after(self) -> datetime:
        return x509.load_der_x509_certificate(self.der).not_valid_after_utc


@dataclass(frozen=True)
class World:
    root: Issued
    issuing: Issued
    leaf: Issued


def make_world(key_type: str = "P-256", *, leaf_key_type: str = "P-256", now: datetime = NOW) -> World:
    root = issue(ROOT, "Test Root", private_keys.generate(key_type), lifetime=20 * ONE_YEAR, now=now)
    issuing = issue(
        ISSUING, "Test Issuing", private_keys.generate(key_type), issuer=root, lifetime=5 * ONE_YEAR, now=now
    )
    leaf = issue(GATEWAY_CLIENT, EUI, private_keys.generate(leaf_key_type), issuer=issuing, now=now)
    return World(root, issuing, leaf)


def issue(
    profile: Profile,
    name: str,
    private_der: bytes,
    *,
    issuer: Issued | None = None,
    lifetime: timedelta = ONE_YEAR,
    now: datetime = NOW,
) -> Issued:
    template = make_template(profile, name, private_der, issuer=issuer, lifetime=lifetime, now=now)
    twin = prepare(template)
    signing_key = issuer.private_der if issuer else private_der
    der = complete(
        twin.tbs,
        algorithm=twin.signature_algorithm,
        signature=private_keys.sign(signing_key, twin.tbs),
        issuer_public_key_der=private_keys.public_key_der(signing_key),
    )
    return Issued(der, private_der)


def make_template(
    profile: Profile,
    name: str,
    private_der: bytes,
    *,
    issuer: Issued | None = None,
    lifetime: timedelta = ONE_YEAR,
    now: datetime = NOW,
) -> Template:
    not_before, not_after = validity(now, lifetime, issuer.not_after if issuer else None)
    return Template(
        profile=profile,
        common_name=name,
        public_key_der=private_keys.public_key_der(private_der),
        serial=SERIAL,
        not_before=not_before,
        not_after=not_after,
        issuer_der=issuer.der if issuer else None,
    )
