"""What happens when: acts are noted in any order and done in the order of their instants, the clock set to each."""

from collections.abc import Callable
from datetime import datetime, timedelta

from core import clock

Act = Callable[[], object]


class Timetable:
    """Acts by the instant at which they happen, counted in days from the end."""

    def __init__(self, end: datetime) -> None:
        self.end = end
        self._acts: list[tuple[datetime, int, Act]] = []

    def at(self, days: float, act: Act) -> None:
        """Note an act for `days` from the end; the past is negative. Of the same instant, the first noted is first."""
        if days > 0:
            raise ValueError("the demonstration ends now")
        self._acts.append((self.instant(days), len(self._acts), act))

    def instant(self, days: float) -> datetime:
        """Return the instant that lies `days` from the end, in whole seconds."""
        return (self.end + timedelta(days=days)).replace(microsecond=0)

    def run(self) -> None:
        """Do everything, each act at its own instant."""
        for instant, _, act in sorted(self._acts, key=lambda entry: entry[:2]):
            with clock.at(instant):
                act()
