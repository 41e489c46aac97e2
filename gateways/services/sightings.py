"""Where gateways were seen checking in: told by whoever reads a proxy's or a network server's log."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import User
from audit.services import record
from core import clock
from core.errors import Forbidden, Unprocessable
from core.patience import untangled
from gateways.models import Gateway
from gateways.sighting_bulk import Seen, write_seen
from pki.eui import InvalidEui, read_eui

SKEW = timedelta(minutes=5)  # that clocks may differ by
OLDEST = datetime(2015, 1, 1, tzinfo=UTC)  # there was no LoRaWAN to speak of
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Told:
    """One sighting as it was sent: an EUI in any notation, an aware instant, and the SHA-256 of the leaf, or empty."""

    eui: str
    at: datetime
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many were later than what was known, how many were not, and how many were of no gateway or no EUI."""

    taken: int
    older: int
    unknown: int
    unreadable: int


def record_sightings(actor: User, rows: Sequence[Told]) -> Counts:
    """Write down the sightings that are later than what is known of their gateway; the latest counts.

    Gateways that nobody registered are counted, never made.
    """
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator's token says where gateways were seen.")
    seen = [each for each in (_read(place, row) for place, row in enumerate(rows)) if each]
    return untangled(lambda: _written(actor, seen, of=len(rows)))


def _written(actor: User, seen: Sequence[Seen], *, of: int) -> Counts:
    with transaction.atomic():
        euis = {each.eui for each in seen}
        known = set(Gateway.objects.filter(eui__any_of=sorted(euis)).values_list("eui", flat=True))
        mine = [each for each in seen if each.eui in known]
        taken = write_seen(mine)
        counts = Counts(taken, len(mine) - taken, len(seen) - len(mine), of - len(seen))
        digest = hashlib.sha256(repr([(each.eui, each.at, each.sha256) for each in seen]).encode()).hexdigest()
        about: dict[str, Any] = {
            "taken": counts.taken,
            "older": counts.older,
            "unknown": counts.unknown,
            "sha256": digest,
        }
        record(actor, "sightings.told", subject=actor, **about)
    return counts


def _read(place: int, row: Told) -> Seen | None:
    """None for what is no EUI; raises Unprocessable for an instant that cannot be."""
    if not OLDEST <= row.at <= clock.now() + SKEW:
        message = (
            f"Sighting {place + 1} is of {row.at:%Y-%m-%d %H:%M}, which is not yet or long before. Look at the clock."
        )
        raise Unprocessable("sighting-impossible", message, field=f"sightings.{place}.at")
    try:
        return Seen(read_eui(row.eui).eui, row.at.astimezone(UTC), row.sha256.lower())
    except InvalidEui:
        return None
