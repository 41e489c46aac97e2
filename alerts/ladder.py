"""When an end is announced: the thresholds of a life, and which of them were crossed. No rows, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from alerts.kinds import Kind

DAY = timedelta(days=1)
LONG_LIFE = 180 * DAY  # a certificate that lives longer has fixed thresholds only
RENEW_LONG_BEFORE = 90 * DAY
THIRD = Fraction(1, 3)
AUTHORITY_DAYS = (180, 90, 60, 30, 14, 7, 3, 1)
LONG_CERTIFICATE_DAYS = (90, 60, 30, 14, 7, 3, 1)
SHORT_CERTIFICATE_DAYS = (14, 7, 3, 1)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A point of a life, counted back from its end."""

    name: str  # "90d", "third", "25%", "expired"
    before_end: timedelta


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold and the instant at which this life crosses it."""

    threshold: str
    at: datetime


EXPIRED = Threshold("expired", timedelta(0))


@dataclass(frozen=True, slots=True)
class Ladder:
    """Thresholds in days before the end and in shares of the life, both falling, for lives of some length.

    Shares come before days: an announcement in days that would come before the last share is left out, as is every
    threshold that is not shorter than the life. The end itself is a threshold of every ladder.
    """

    days: tuple[int, ...] = ()
    shares: tuple[Fraction, ...] = ()
    lives_over: timedelta = timedelta(0)
    lives_up_to: timedelta | None = None

    def fits(self, life: timedelta) -> bool:
        return life > self.lives_over and (self.lives_up_to is None or life <= self.lives_up_to)

    def shortest_life(self, days: int) -> timedelta:
        """Return the life that must be exceeded for the threshold of so many days to count."""
        return _times(days * DAY, 1 / min(self.shares, default=Fraction(1)))

    def thresholds(self, life: timedelta) -> tuple[Threshold, ...]:
        """Return the thresholds of a life, first to last."""
        shares = (Threshold(share_name(share), _times(life, share)) for share in self.shares)
        days = (Threshold(f"{each}d", each * DAY) for each in self.days if life > self.shortest_life(each))
        return (*shares, *days, EXPIRED)

    def longest(self) -> timedelta | None:
        """Return how long before its end a subject can cross its first threshold, or None where nothing limits it."""
        if self.shares and self.lives_up_to is None:
            return None
        days = max(self.days, default=0) * DAY
        return max(days, _times(self.lives_up_to or timedelta(0), max(self.shares, default=Fraction(0))))


LONG = Ladder(LONG_CERTIFICATE_DAYS, lives_over=LONG_LIFE)
# a third of the life comes first: an announcement before renewal is due would be noise
SHORT = Ladder(SHORT_CERTIFICATE_DAYS, (THIRD,), lives_up_to=LONG_LIFE)
UNRENEWED = Ladder(shares=(Fraction(1, 4),))  # made anew at half of its life, unless something fails
USUAL: Mapping[Kind, tuple[Ladder, ...]] = {
    Kind.AUTHORITY: (Ladder(AUTHORITY_DAYS),),
    Kind.CERTIFICATE: (LONG, SHORT),
    Kind.SERVER: (LONG, SHORT),
    Kind.PROBE: (LONG, SHORT),
    Kind.TOKEN: (LONG, SHORT),
    Kind.LIST: (UNRENEWED,),
    Kind.SIGNER: (UNRENEWED,),
    Kind.JOB: (Ladder(),),
}


def thresholds(kind: Kind, life: timedelta) -> tuple[Threshold, ...]:
    """Return the usual thresholds of a life, first to last."""
    return next(ladder for ladder in USUAL[kind] if ladder.fits(life) or ladder is USUAL[kind][-1]).thresholds(life)


def newest_crossed(kind: Kind, *, not_before: datetime, not_after: datetime, now: datetime) -> Crossing | None:
    """Return the last threshold crossed at `now` (reached counts as crossed), or None where none is."""
    crossed = [step for step in thresholds(kind, not_after - not_before) if not_after - step.before_end <= now]
    return Crossing(crossed[-1].name, not_after - crossed[-1].before_end) if crossed else None


def next_after(kind: Kind, *, not_before: datetime, not_after: datetime, now: datetime) -> Crossing | None:
    """Return the next threshold that will be crossed after `now`, or None once all are."""
    coming = [step for step in thresholds(kind, not_after - not_before) if not_after - step.before_end > now]
    return Crossing(coming[0].name, not_after - coming[0].before_end) if coming else None


def share_name(share: Fraction) -> str:
    """`third`, `25%`."""
    return "third" if share == THIRD else f"{round(share * 100)}%"


def _times(span: timedelta, share: Fraction) -> timedelta:
    return span * share.numerator / share.denominator
