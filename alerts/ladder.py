"""When an end is announced: the thresholds of a life, and which of them were crossed. No rows, no clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

DAY = timedelta(days=1)
LONG_LIFE = 180 * DAY  # a certificate that lives longer has fixed thresholds only
AUTHORITY_DAYS = (180, 90, 60, 30, 14, 7, 3, 1)
LONG_CERTIFICATE_DAYS = (90, 60, 30, 14, 7, 3, 1)
SHORT_CERTIFICATE_DAYS = (14, 7, 3, 1)


class Kind(StrEnum):
    """What ends."""

    AUTHORITY = "authority"
    CERTIFICATE = "certificate"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A point of a life, counted back from its end."""

    name: str  # "90d", "third", "expired"
    before_end: timedelta


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold and the instant at which this life crosses it."""

    threshold: str
    at: datetime


EXPIRED = Threshold("expired", timedelta(0))


def thresholds(kind: Kind, life: timedelta) -> tuple[Threshold, ...]:
    """Return the thresholds of a life, first to last; those that are not shorter than the life are left out."""
    steps = (*_steps(kind, life), EXPIRED)
    return tuple(step for step in steps if step.before_end < life or step is EXPIRED)


def newest_crossed(kind: Kind, *, not_before: datetime, not_after: datetime, now: datetime) -> Crossing | None:
    """Return the last threshold crossed at `now` (reached counts as crossed), or None where none is."""
    crossed = [step for step in thresholds(kind, not_after - not_before) if not_after - step.before_end <= now]
    return Crossing(crossed[-1].name, not_after - crossed[-1].before_end) if crossed else None


def next_after(kind: Kind, *, not_before: datetime, not_after: datetime, now: datetime) -> Crossing | None:
    """Return the next threshold that will be crossed after `now`, or None once all are."""
    coming = [step for step in thresholds(kind, not_after - not_before) if not_after - step.before_end > now]
    return Crossing(coming[0].name, not_after - coming[0].before_end) if coming else None


def longest(kind: Kind) -> timedelta:
    """Return how long before its end a subject of this kind can cross its first threshold."""
    return max(AUTHORITY_DAYS if kind is Kind.AUTHORITY else LONG_CERTIFICATE_DAYS) * DAY


def _steps(kind: Kind, life: timedelta) -> tuple[Threshold, ...]:
    if kind is Kind.AUTHORITY:
        return _days(AUTHORITY_DAYS)
    return _days(LONG_CERTIFICATE_DAYS) if life > LONG_LIFE else _short(life)


def _short(life: timedelta) -> tuple[Threshold, ...]:
    """A third of the life comes first: an announcement before renewal is due would be noise."""
    third = Threshold("third", life / 3)
    return (third, *(step for step in _days(SHORT_CERTIFICATE_DAYS) if step.before_end < third.before_end))


def _days(days: tuple[int, ...]) -> tuple[Threshold, ...]:
    return tuple(Threshold(f"{count}d", count * DAY) for count in days)
