"""One figure of the bench: what was measured here, what beside it in the same run, and the goal."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`beside` is measured in the same run; `goal` is an upper bound where `is_most`, else a lower one."""

    name: str
    ours: float
    beside: float
    goal: float
    unit: str
    is_most: bool = True

    @property
    def met(self) -> bool:
        return self.ours <= self.goal if self.is_most else self.ours >= self.goal

    @property
    def ratio(self) -> float:
        return round(self.ours / self.beside, 3) if self.beside else 0.0


def median_ms(act: Callable[[], object], *, times: int) -> float:
    """The median of `times` runs, in milliseconds, after one that does not count."""
    act()
    return statistics.median(_ms(act) for _ in range(times))


def _ms(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1000
