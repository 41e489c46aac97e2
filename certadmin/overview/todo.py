"""What needs the person, the most pressing first, each with the one page where it is done."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from accounts.models import User

URGENCY = {"bad": 0, "warn": 1, "idle": 2}


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to do: `tone` is bad (breaks), warn (will), or idle (waits)."""

    tone: str
    icon: str
    title: str
    text: str
    action: str
    url: str


Finder = Callable[[User, datetime], list[Todo]]


def collect(user: User, now: datetime, finders: tuple[Finder, ...]) -> list[Todo]:
    """Ask every finder, and put first what breaks. Each finder costs the same number of queries at any size."""
    found = chain.from_iterable(finder(user, now) for finder in finders)
    return sorted(found, key=lambda todo: URGENCY[todo.tone])


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return `1 gateway`, `41 gateways`."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def listed(names: list[str], *, most: int = 2) -> str:
    """Return `Solveig and Brightwater`, or `Solveig, Brightwater and 3 others`."""
    if len(names) <= most:
        return " and ".join(names)
    return f"{', '.join(names[:most])} and {plural(len(names) - most, 'other')}"
