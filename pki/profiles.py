"""What a certificate looks like. A profile never changes: a change is a new version, and old rows keep
theirs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pki.errors import PkiError

DAYS_90 = timedelta(days=90)
ONE_YEAR = timedelta(days=365)
TWO_YEARS = timedelta(days=730)
LIFETIMES = (DAYS_90, ONE_YEAR, TWO_YEARS)
RENEW_AT = 67  # per cent of a life: two thirds
LONGEST_LEAF = timedelta(days=3650)
LONGEST_AUTHORITY = 40 * ONE_YEAR

KEY_TYPES = ("P-256", "P-384", "RSA 2048", "RSA 3072", "RSA 4096")
LEAF_KEY_USAGES = ("digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement")
CA_KEY_USAGES = ("keyCertSign", "cRLSign", "digitalSignature")
LEAF_USAGES = ("clientAuth", "serverAuth")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
NAME_LENGTH = 40


class Naming(StrEnum):
    """Who is certified, and by what name."""

    EUI = "eui"  # a gateway: its EUI is the common name, and there is no other name
    HOSTS = "hosts"  # a server: DNS names and IP addresses, as subject alternative names
    TITLE = "title"  # an authority, or one who signs for it


@dataclass(frozen=True, slots=True)
class Profile:
    """The shape of a certificate: everything but its subject, key, serial, validity and issuer.

    `key_usage` and `extended_key_usage` use RFC 5280 names; an empty `extended_key_usage` leaves the
    extension out, which restricts nothing. `path_length` is what a CA gets unless its template says
    otherwise. `lifetimes` are those offered, shortest first; nothing lives longer than the last. `renew_at` is
    the share of a life, in per cent, after which a successor is due. `wildcards` and `local_names` (without a
    dot, as localhost) are allowed or not where hosts are named. A profile that is not `offered` makes nothing new.
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
    naming: Naming = Naming.TITLE
    renew_at: int = RENEW_AT
    wildcards: bool = False
    local_names: bool = False
    is_offered: bool = True

    @property
    def days(self) -> tuple[int, ...]:
        """The lifetimes that are offered."""
        return tuple(lifetime.days for lifetime in self.lifetimes)

    @property
    def signs_ocsp(self) -> bool:
        """For its issuer, and nothing else."""
        return "OCSPSigning" in self.extended_key_usage


_KEY_TYPES = frozenset(KEY_TYPES)

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
    naming=Naming.EUI,
)

# For the fleet's own servers: The Things Stack, CUPS, Mender, a proxy. keyEncipherment is left out as above: nothing
# since TLS 1.3 exchanges keys by RSA, and nobody asks for the bit with an ECDSA key.
TLS_SERVER = Profile(
    name="tls-server",
    version=1,
    is_ca=False,
    is_self_signed=False,
    path_length=None,
    key_usage=frozenset({"digitalSignature"}),
    extended_key_usage=frozenset({"serverAuth"}),
    key_types=_KEY_TYPES,
    lifetimes=(DAYS_90, timedelta(days=200), ONE_YEAR),
    naming=Naming.HOSTS,
    wildcards=True,
)

# What mkcert makes on a developer's machine: localhost and names without a dot, two years and three months.
DEVELOPMENT = replace(
    TLS_SERVER, name="development", lifetimes=(DAYS_90, ONE_YEAR, timedelta(days=820)), local_names=True
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

# The same for servers, and with nothing but serverAuth: it can make no gateway that a network would believe.
SERVER_ISSUING = replace(ISSUING, name="server-issuing", extended_key_usage=frozenset({"serverAuth"}))

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

SHIPPED = (GATEWAY_CLIENT, TLS_SERVER, DEVELOPMENT, ROOT, ISSUING, SERVER_ISSUING, OCSP_SIGNER)
AUTHORITIES = (ROOT.name, ISSUING.name, SERVER_ISSUING.name)
FIXED = frozenset({OCSP_SIGNER.name})  # RFC 6960 leaves nothing to choose


def to_content(profile: Profile) -> dict[str, Any]:
    """Everything of a profile but its name and version, as plain JSON; lifetimes in days."""
    return {
        "naming": profile.naming.value,
        "is_ca": profile.is_ca,
        "is_self_signed": profile.is_self_signed,
        "path_length": profile.path_length,
        "key_usage": sorted(profile.key_usage),
        "extended_key_usage": sorted(profile.extended_key_usage),
        "key_types": sorted(profile.key_types),
        "lifetime_days": list(profile.days),
        "renew_at": profile.renew_at,
        "wildcards": profile.wildcards,
        "local_names": profile.local_names,
        "is_offered": profile.is_offered,
    }


def from_content(name: str, version: int, content: Mapping[str, Any]) -> Profile:
    """The profile that `to_content` wrote down."""
    return Profile(
        name=name,
        version=version,
        is_ca=content["is_ca"],
        is_self_signed=content["is_self_signed"],
        path_length=content["path_length"],
        key_usage=frozenset(content["key_usage"]),
        extended_key_usage=frozenset(content["extended_key_usage"]),
        key_types=frozenset(content["key_types"]),
        lifetimes=tuple(timedelta(days=days) for days in content["lifetime_days"]),
        naming=Naming(content["naming"]),
        renew_at=content["renew_at"],
        wildcards=content["wildcards"],
        local_names=content["local_names"],
        is_offered=content["is_offered"],
    )


def refuse_profile(profile: Profile) -> None:
    """Raise PkiError where no certificate should be made like this: codes `profile-name-refused`, `key-type-refused`,
    `lifetime-refused`, `renewal-refused`, `key-usage-refused`, `usage-refused`, `path-length-refused`."""
    if not _NAME.fullmatch(profile.name) or len(profile.name) > NAME_LENGTH:
        raise PkiError("profile-name-refused", "A profile is named in small letters and digits, with - between words.")
    if not profile.key_types or not profile.key_types <= set(KEY_TYPES):
        raise PkiError("key-type-refused", f"Choose at least one of {', '.join(KEY_TYPES)}.")
    _refuse_lifetimes(profile)
    if not 10 <= profile.renew_at <= 95:
        raise PkiError("renewal-refused", "Renewal is due after 10 to 95 per cent of a life.")
    if profile.is_ca:
        _refuse_authority(profile)
    else:
        _refuse_leaf(profile)


def _refuse_lifetimes(profile: Profile) -> None:
    longest = LONGEST_AUTHORITY if profile.is_ca else LONGEST_LEAF
    if not profile.lifetimes or profile.lifetimes[0] < timedelta(days=1) or profile.lifetimes[-1] > longest:
        raise PkiError("lifetime-refused", f"Lifetimes are from 1 to {longest.days:,} days here.")
    if list(profile.lifetimes) != sorted(set(profile.lifetimes)):
        raise PkiError("lifetime-refused", "Give each lifetime once, the shortest first.")


def _refuse_authority(profile: Profile) -> None:
    if profile.name not in AUTHORITIES:
        raise PkiError("profile-name-refused", f"A profile of authorities is one of {', '.join(AUTHORITIES)}.")
    if not {"keyCertSign", "cRLSign"} <= profile.key_usage <= set(CA_KEY_USAGES):
        raise PkiError("key-usage-refused", "An authority signs certificates and lists: keyCertSign and cRLSign.")
    if not profile.extended_key_usage <= set(LEAF_USAGES):
        raise PkiError("usage-refused", "An authority issues for clientAuth, serverAuth or both.")
    if profile.path_length is not None and not 0 <= profile.path_length <= 3:
        raise PkiError("path-length-refused", "A path length is from 0 to 3.")


def _refuse_leaf(profile: Profile) -> None:
    if "digitalSignature" not in profile.key_usage or not profile.key_usage <= set(LEAF_KEY_USAGES):
        raise PkiError("key-usage-refused", "Whoever speaks TLS signs: key usage needs digitalSignature.")
    enciphers = profile.key_usage & {"keyEncipherment", "dataEncipherment"}  # RFC 8813 section 3
    if enciphers and any(kind.startswith("P-") for kind in profile.key_types):
        words = f"{' and '.join(sorted(enciphers))} are for RSA keys alone: leave them out, or the curves."
        raise PkiError("key-usage-refused", words)
    if "keyAgreement" in profile.key_usage and any(kind.startswith("RSA") for kind in profile.key_types):
        words = "keyAgreement is for the curves alone (RFC 3279): leave it out, or RSA keys."
        raise PkiError("key-usage-refused", words)
    needed = {Naming.EUI: "clientAuth", Naming.HOSTS: "serverAuth"}.get(profile.naming)
    if needed not in profile.extended_key_usage or not profile.extended_key_usage <= set(LEAF_USAGES):
        raise PkiError("usage-refused", f"This kind of certificate needs {needed}, and has no usage but for TLS.")
