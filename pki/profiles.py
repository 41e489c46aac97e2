"""What a certificate looks like. A profile never changes: a change is a new version, and old rows keep
theirs."""

from dataclasses import dataclass
from datetime import timedelta

from pki.errors import PkiError

DAYS_90 = timedelta(days=90)
ONE_YEAR = timedelta(days=365)
TWO_YEARS = timedelta(days=730)
LIFETIMES = (DAYS_90, ONE_YEAR, TWO_YEARS)


@dataclass(frozen=True, slots=True)
class Profile:
    """The shape of a certificate: everything but its subject, key, serial, validity and issuer.

    `key_usage` and `extended_key_usage` use RFC 5280 names; an empty `extended_key_usage` leaves the
    extension out, which restricts nothing. `path_length` is what a CA gets unless its template says
    otherwise. `lifetimes` are those offered, shortest first; nothing lives longer than the last.
    """

    name: str
    version: int
    is_ca: bool
    is_self_signed: bool
    path_length: int | None
    key_usage: frozenset[str]
    extended_key_usage: frozenset[str]
    key_types: frozenset[str]
    lifetimes: tuple[timedelta, ...]

    @property
    def signs_ocsp(self) -> bool:
        """For its issuer, and nothing else."""
        return "OCSPSigning" in self.extended_key_usage


_KEY_TYPES = frozenset({"P-256", "P-384", "RSA 2048", "RSA 3072", "RSA 4096"})

# digitalSignature alone, for RSA too: a TLS client signs its CertificateVerify (RFC 5246 section 7.4.8, RFC
# 8446 section 4.4.3) and that is the only bit that mbedTLS, OpenSSL and Go ask of a client. keyEncipherment
# serves only servers with RSA key exchange.
GATEWAY_CLIENT = Profile(
    name="gateway-client",
    version=1,
    is_ca=False,
    is_self_signed=False,
    path_length=None,
    key_usage=frozenset({"digitalSignature"}),
    extended_key_usage=frozenset({"clientAuth"}),
    key_types=_KEY_TYPES,
    lifetimes=LIFETIMES,
)

# A root restricts nothing by extended key usage: what it must allow is said by the authorities below it.
ROOT = Profile(
    name="root",
    version=1,
    is_ca=True,
    is_self_signed=True,
    path_length=1,
    key_usage=frozenset({"keyCertSign", "cRLSign"}),
    extended_key_usage=frozenset(),
    key_types=_KEY_TYPES,
    lifetimes=(10 * ONE_YEAR, 20 * ONE_YEAR, 30 * ONE_YEAR),
)

# clientAuth, and nothing else: The Things Stack asks for it along the whole path, the CA included, and with
# it a stolen issuing key cannot make a server that gateways would believe.
ISSUING = Profile(
    name="issuing",
    version=1,
    is_ca=True,
    is_self_signed=False,
    path_length=0,
    key_usage=frozenset({"keyCertSign", "cRLSign"}),
    extended_key_usage=frozenset({"clientAuth"}),
    key_types=_KEY_TYPES,
    lifetimes=(5 * ONE_YEAR, 10 * ONE_YEAR, 15 * ONE_YEAR),
)

# Signs OCSP responses for the authority that issued it (RFC 6960 section 4.2.2.2). It carries id-pkix-ocsp-nocheck
# (section 4.2.2.2.1): nobody asks whether it is revoked itself, so it lives for two weeks only.
OCSP_SIGNER = Profile(
    name="ocsp-signer",
    version=1,
    is_ca=False,
    is_self_signed=False,
    path_length=None,
    key_usage=frozenset({"digitalSignature"}),
    extended_key_usage=frozenset({"OCSPSigning"}),
    key_types=frozenset({"P-256"}),
    lifetimes=(timedelta(days=14),),
)

_ALL = (GATEWAY_CLIENT, ROOT, ISSUING, OCSP_SIGNER)
_PROFILES = {(profile.name, profile.version): profile for profile in _ALL}


def get_profile(name: str, version: int) -> Profile:
    """Find a profile by what a row recorded; raise PkiError for one that this version of the product
    lacks."""
    try:
        return _PROFILES[name, version]
    except KeyError:
        raise PkiError("profile-unknown", f"There is no profile {name!r} in version {version}.") from None
