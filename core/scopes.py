"""What a token of the API may be used for."""

from enum import StrEnum


class Scope(StrEnum):
    READ = "read"
    GATEWAYS = "gateways"
    CERTIFICATES = "certificates"
    KEYS = "keys"
    AUTHORITIES = "authorities"
    SIGHTINGS = "sightings"
    AUDIT = "audit"


WORDS = {
    Scope.READ: "Read what you see on the pages",
    Scope.GATEWAYS: "Register, describe, import and retire gateways",
    Scope.CERTIFICATES: "Ask for certificates, record and revoke them",
    Scope.KEYS: "Take private keys that were made here",
    Scope.AUTHORITIES: "Hand in CA certificates",
    Scope.SIGHTINGS: "Say where gateways were seen",
    Scope.AUDIT: "Read the audit record",
}
