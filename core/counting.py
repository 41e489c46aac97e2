"""How many rows there are: exactly as far as that is quick, else as the database's planner guesses."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from core import patience

EXACT = 100_000  # rows that are counted one by one
SOME = 1_000  # that are counted where counting more takes long
CHEAP = 5_000  # what counting may cost in the planner's own unit: 10 to 20 ms, the page waits for it
BUDGET = 0.025  # seconds after which it is stopped, where the planner was wrong


@dataclass(frozen=True, slots=True)
class Counted:
    """`number` is exact, a guess, or what was counted before it was too many."""

    number: int
    is_estimate: bool = False
    is_capped: bool = False  # there are more


def count(queryset: "QuerySet[Any, Any]") -> Counted:
    """Count the rows, in a moment, whatever is asked for."""
    rows = queryset.order_by().values("pk")
    return _on_postgresql(rows) if connection.vendor == "postgresql" else _elsewhere(rows)


def _on_postgresql(rows: "QuerySet[Any, Any]") -> Counted:
    guess, cost = _guess(rows)
    if cost > CHEAP:
        return Counted(rounded(guess), is_estimate=True)
    try:
        with patience.at_most(BUDGET):
            number = rows[: EXACT + 1].count()
    except patience.TooSlow:
        return Counted(rounded(guess), is_estimate=True)
    if number <= EXACT:
        return Counted(number)
    return Counted(rounded(max(guess, number)), is_estimate=True)


def _elsewhere(rows: "QuerySet[Any, Any]") -> Counted:
    """SQLite guesses nothing: it counts up to a limit, and up to a lower one where that takes long."""
    try:
        with patience.at_most(BUDGET):
            return _up_to(EXACT, rows)
    except patience.TooSlow:
        return _up_to(SOME, rows)


def _up_to(most: int, rows: "QuerySet[Any, Any]") -> Counted:
    number = rows[: most + 1].count()
    return Counted(min(number, most), is_capped=number > most)


def _guess(rows: "QuerySet[Any, Any]") -> tuple[int, float]:
    """How many rows the planner believes in, out of its statistics, and what it would cost to look at them."""
    plan = rows.explain(format="json")
    if not plan:  # nothing is asked for
        return 0, 0.0
    [found] = json.loads(plan)
    return int(found["Plan"]["Plan Rows"]), found["Plan"]["Total Cost"]


def rounded(number: int) -> int:
    """To three digits: a guess has no more."""
    step = int(10 ** max(0, len(str(number)) - 3))
    return (number + step // 2) // step * step
