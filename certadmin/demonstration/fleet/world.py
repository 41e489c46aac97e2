"""The values that a fleet is made of: who makes gateways, and who signs for them. No rows, no settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

DAY = timedelta(days=1)
SUFFIX_BITS = 24  # of an EUI, below the prefix of its maker
MOST = 1 << SUFFIX_BITS
_MASK = MOST - 1


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority that signs for gateways from `since` on. Either its key is in the vault (`key_id`), or it is a
    vendor's own, and `private_key` is PKCS#8 DER that lives in memory only."""

    authority_id: int
    sha256: str
    der: bytes
    since: datetime
    until: datetime
    key_id: UUID | None = None
    private_key: bytes = b""


@dataclass(frozen=True, slots=True)
class Maker:
    """A vendor: `prefix` (ten hex digits) begins its EUIs, `person` speaks for it, `weight` is its part of the fleet,
    `issued` the part of its gateways that get their certificates here, and `tags` has the ids of its tags."""

    vendor_id: int
    person_id: int
    person: str
    prefix: str
    weight: float
    issued: float
    own: tuple[Signer, ...]
    tags: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class World:
    """Everything that decides a fleet; the same seed gives the same gateways, names and dates, counted from `now`."""

    seed: int
    now: datetime
    makers: tuple[Maker, ...]
    operated: tuple[Signer, ...]


def eui(prefix: str, number: int) -> str:
    """The EUI of the gateway with this number: scattered over the prefix, and never the same for two numbers."""
    suffix = number & _MASK
    for factor, shift in ((0x9E3779, 13), (0x85EBCB, 11)):  # odd factors and shifts can be undone, so none collide
        suffix = suffix * factor & _MASK
        suffix ^= suffix >> shift
    return f"{prefix}{suffix:06X}"
