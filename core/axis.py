"""One time axis for many validities: where a span begins and ends, in percent of the width of a drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

DAY = timedelta(days=1)
HORIZON = timedelta(days=30 * 365)  # beyond it, bars run off the edge: a root until 9999 would flatten all others
MARGIN = 0.03
MOST_TICKS = 10
STEPS = (1, 3, 6, 12, 24, 60, 120)  # months between ticks
CLOSE_TO_TODAY = 7.5  # percent; a label nearer than that would touch "today"
PHONE_SPACING = 17.0  # percent between labels that still fit at 390 px
MOST_DEPTH = 3
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """A validity to draw. `depth` says how far below the root it stands, `style` which bar of the stylesheet it
    gets: root, good, warn, bad, past, or empty. What lies after `void_from` is drawn as worthless."""

    name: str
    note: str
    start: datetime
    end: datetime
    depth: int = 0
    style: str = ""
    label: str = ""
    url: str = ""
    is_eui: bool = False
    void_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    x: str
    width: str
    style: str


@dataclass(frozen=True, slots=True)
class Label:
    """Words beside a bar: behind its end, or above it where the edge is near."""

    x: str
    words: str
    is_above: bool


@dataclass(frozen=True, slots=True)
class Row:
    span: Span
    depth: int
    bars: tuple[Bar, ...]
    label: Label | None


@dataclass(frozen=True, slots=True)
class Tick:
    x: str
    words: str  # empty where "today" stands
    is_wide: bool  # without words on a phone


@dataclass(frozen=True, slots=True)
class TimeAxis:
    today: str
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]


def draw(spans: Sequence[Span], *, now: datetime, around: Sequence[Span] = ()) -> TimeAxis:
    """Lay `spans` on one axis that reaches from the earliest to the latest instant of interest.

    With `around`, these are the ones of interest, and longer ones run off the edge.
    """
    scale = _Scale.over(around or spans, now)
    return TimeAxis(scale.percent(now), _ticks(scale, now), tuple(_row(span, scale) for span in spans))


@dataclass(frozen=True, slots=True)
class _Scale:
    start: datetime
    end: datetime

    @classmethod
    def over(cls, spans: Sequence[Span], now: datetime) -> "_Scale":
        earliest, latest = _shifted(now, -HORIZON), _shifted(now, HORIZON)
        start = max(min([now, *(span.start for span in spans)]), earliest)
        end = min(max([now + DAY, *(span.end for span in spans)]), latest)
        margin = (end - start) * MARGIN
        return cls(_shifted(start, -margin), _shifted(end, margin))

    def at(self, instant: datetime) -> float:
        share = (instant - self.start) / (self.end - self.start)
        return min(max(share, 0.0), 1.0) * 100

    def percent(self, instant: datetime) -> str:
        return f"{self.at(instant):.2f}%"


def _row(span: Span, scale: _Scale) -> Row:
    alive_until = min(span.end, span.void_from or span.end)
    bars = [_bar(span.start, alive_until, style=_style(span.style), scale=scale)] if alive_until > span.start else []
    if span.end > alive_until:
        bars.insert(0, _bar(max(alive_until, span.start), span.end, style="bar-void", scale=scale))
    return Row(span, min(span.depth, MOST_DEPTH), tuple(bars), _label(span, scale))


def _style(style: str) -> str:
    return f"bar-{style}" if style else "bar"


def _bar(start: datetime, end: datetime, *, style: str, scale: _Scale) -> Bar:
    left, right = scale.at(start), scale.at(end)
    width = max(right - left, 0.8)  # a day among decades is still seen
    return Bar(f"{min(left, 100 - width):.2f}%", f"{width:.2f}%", style)


def _label(span: Span, scale: _Scale) -> Label | None:
    if not span.label:
        return None
    end = scale.at(span.end)
    return Label(f"{end:.2f}%", span.label, is_above=end > 74)


def _ticks(scale: _Scale, now: datetime) -> tuple[Tick, ...]:
    instants, months = _instants(scale)
    places = [scale.at(instant) for instant in instants]
    spacing = min((after - before for before, after in pairwise(places)), default=100.0)
    every = max(1, round(PHONE_SPACING / spacing + 0.49))
    today = scale.at(now)
    return tuple(
        Tick(
            f"{place:.2f}%",
            _words(instant, months) if abs(place - today) > CLOSE_TO_TODAY else "",
            is_wide=index % every != 0 or abs(place - today) < PHONE_SPACING * 0.7,
        )
        for index, (instant, place) in enumerate(zip(instants, places, strict=True))
    )


def _instants(scale: _Scale) -> tuple[list[datetime], int]:
    """The first instants of months or years inside the scale, as many as can be read, and their distance."""
    for months in STEPS:
        found = _every(months, scale)
        if len(found) <= MOST_TICKS:
            break
    return found, months


def _every(months: int, scale: _Scale) -> list[datetime]:
    first = scale.start.year * 12 // months * months
    last = scale.end.year * 12 + scale.end.month
    candidates = (_month(number) for number in range(first, last, months))
    return [instant for instant in candidates if instant and scale.start < instant < scale.end]


def _month(number: int) -> datetime | None:
    year, month = divmod(number, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC) if 1 <= year <= 9999 else None


def _words(instant: datetime, months: int) -> str:
    if months >= 12 or instant.month == 1:
        return f"{instant.year}"
    return f"{instant:%b}"


def _shifted(instant: datetime, by: timedelta) -> datetime:
    try:
        return instant + by
    except OverflowError:  # the calendar ends in the years 1 and 9999, and so do certificates
        return LAST if by > timedelta(0) else FIRST
