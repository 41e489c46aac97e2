"""Where everything in the forecast's chart stands: x in percent of the width, y in pixels."""

from dataclasses import dataclass
from datetime import datetime

from certadmin.overview.forecast import WEEK, End, Forecast, Week

HEIGHT = 228
BASE, TOP = 206.0, 58.0  # the lines of nothing and of the highest tick
TICKS = 3
STEPS = (1, 2, 5)
LAST_LABEL = 50  # a later month would stand over the edge


@dataclass(frozen=True, slots=True)
class Bar:
    """One week: its hit area, and the two parts of its stack."""

    week: Week
    x: float
    width: float
    bar_x: float
    bar_width: float
    issued_y: float
    issued_height: float
    recorded_y: float
    recorded_height: float


@dataclass(frozen=True, slots=True)
class Tick:
    value: int
    y: float
    label_y: float


@dataclass(frozen=True, slots=True)
class Month:
    label: str
    x: float
    classes: str


@dataclass(frozen=True, slots=True)
class Mark:
    """An authority's diamond; only the first urgent one carries its name."""

    end: End
    x: float
    is_named: bool
    is_right: bool  # its name stands to the left of it


@dataclass(frozen=True, slots=True)
class Chart:
    height: int
    base: float
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    months: tuple[Month, ...]
    marks: tuple[Mark, ...]


def draw(forecast: Forecast) -> Chart:
    """Lay out a forecast."""
    step = tick_step(forecast.largest.total)
    return Chart(
        height=HEIGHT,
        base=BASE,
        bars=tuple(_bar(number, week, forecast, step * TICKS) for number, week in enumerate(forecast.weeks)),
        ticks=tuple(_tick(number, step) for number in range(TICKS + 1)),
        months=_months(forecast),
        marks=_marks(forecast),
    )


def tick_step(largest: int) -> int:
    """Return the distance of the ticks: 1, 2 or 5 times a power of ten, so that the third reaches `largest`."""
    power = 1
    while True:
        for factor in STEPS:
            if factor * power * TICKS >= largest:
                return factor * power
        power *= 10


def _tick(number: int, step: int) -> Tick:
    y = BASE - number * (BASE - TOP) / TICKS
    return Tick(number * step, round(y, 1), round(y + 4, 1))


def _bar(number: int, week: Week, forecast: Forecast, most: int) -> Bar:
    width = 100 / len(forecast.weeks)
    issued, recorded = ((BASE - TOP) * count / most for count in (week.issued, week.recorded))
    gap = 1 if week.issued and week.recorded else 0
    return Bar(
        week=week,
        x=round(number * width, 2),
        width=round(width, 2),
        bar_x=round(number * width + width * 0.14, 2),
        bar_width=round(width * 0.72, 2),
        issued_y=round(BASE - issued, 1),
        issued_height=round(issued, 1),
        recorded_y=round(BASE - issued - recorded - gap, 1),
        recorded_height=round(recorded, 1),
    )


def _months(forecast: Forecast) -> tuple[Month, ...]:
    width = 100 / len(forecast.weeks)
    labels = []
    for number, week in enumerate(forecast.weeks[:LAST_LABEL]):
        first = _first_of_month_in(week.start)
        if first is not None and number:
            label = f"{first:%Y}" if first.month == 1 else f"{first:%b}"
            classes = ("strong" if first.month == 1 else "") + (" c-wide" if first.month % 2 == 0 else "")
            labels.append(Month(label, round(number * width, 2), classes.strip()))
    return tuple(labels)


def _first_of_month_in(start: datetime) -> datetime | None:
    last = start + WEEK * 6 / 7
    if start.day == 1:
        return start
    return last if last.month != start.month else None


def _marks(forecast: Forecast) -> tuple[Mark, ...]:
    span = forecast.end - forecast.start
    urgent = next((end.pk for end in forecast.authorities if end.is_urgent), None)
    return tuple(
        Mark(end, x := round(100 * ((end.at - forecast.start) / span), 2), end.pk == urgent, x > 60)
        for end in forecast.authorities
    )
