"""A ladder as expressions of the database: which threshold a subject crossed last, when, and when the next one comes.

`ladder.py` says the same about one life; the tests hold the two against each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.db.models.lookups import GreaterThan, LessThanOrEqual

from alerts.bulk import ShareBefore
from alerts.ladder import DAY, EXPIRED, LONG_LIFE, RENEW_LONG_BEFORE, THIRD, Ladder, share_name
from alerts.watched import Watch

# An end that is further back is history: whoever starts to watch it then learns nothing from a mail.
LOOK_BACK = timedelta(days=400)
__all__ = ["LOOK_BACK", "Steps", "steps"]


@dataclass(frozen=True, slots=True)
class _Step:
    """A threshold: its name, its instant, and for which lives it counts."""

    name: str
    at: Any
    counts: Q
    crossed: Q
    coming: Q


@dataclass(frozen=True, slots=True)
class Steps:
    """A ladder at an instant. `near` is a condition that an index serves, `fits` says which lives it is for."""

    near: Q
    fits: Q
    threshold: Case
    crossed_at: Case
    next_at: Case


def steps(ladder: Ladder, watch: Watch, now: datetime) -> Steps:
    """Return the ladder for the subjects of `watch` at `now`."""
    nearest_first = list(each_step(ladder, watch, now))
    crossed = [(step.counts & step.crossed, step) for step in nearest_first]
    coming = [(step.counts & step.coming, step) for step in reversed(nearest_first)]
    return Steps(
        near=_near(ladder, watch, now),
        fits=fits_life(ladder, watch),
        threshold=Case(*(When(condition, then=Value(step.name)) for condition, step in crossed), default=Value("")),
        crossed_at=Case(*(When(condition, then=step.at) for condition, step in crossed), default=F(watch.ends)),
        next_at=Case(*(When(condition, then=step.at) for condition, step in coming), output_field=DateTimeField()),
    )


def renew_by(watch: Watch) -> Case:
    """90 days before the end of a long life; when a third of a short one remains."""
    is_long = Q(**{f"{watch.starts}__lt": F(watch.ends) - LONG_LIFE})
    third = ShareBefore(F(watch.starts), F(watch.ends), share=THIRD)
    return Case(When(is_long, then=F(watch.ends) - RENEW_LONG_BEFORE), default=third, output_field=DateTimeField())


def each_step(ladder: Ladder, watch: Watch, now: datetime) -> Iterator[_Step]:
    yield _before_end(EXPIRED.name, timedelta(0), watch, now, counts=Q())
    for days in sorted(ladder.days):
        yield _before_end(f"{days}d", days * DAY, watch, now, counts=_longer(ladder.shortest_life(days), ladder, watch))
    for share in sorted(ladder.shares):
        at = ShareBefore(F(watch.starts), F(watch.ends), share=share)
        instant = Value(now, output_field=DateTimeField())
        crossed, coming = Q(LessThanOrEqual(at, instant)), Q(GreaterThan(at, instant))
        yield _Step(share_name(share), at, Q(), crossed, coming)


def _before_end(name: str, span: timedelta, watch: Watch, now: datetime, *, counts: Q) -> _Step:
    at = F(watch.ends) - span if span else F(watch.ends)
    crossed, coming = Q(**{f"{watch.ends}__lte": now + span}), Q(**{f"{watch.ends}__gt": now + span})
    return _Step(name, at, counts, crossed, coming)


def _longer(life: timedelta, ladder: Ladder, watch: Watch) -> Q:
    """Lives longer than `life`; no condition where the ladder is for longer ones only."""
    return Q() if life <= ladder.lives_over else Q(**{f"{watch.starts}__lt": F(watch.ends) - life})


def fits_life(ladder: Ladder, watch: Watch) -> Q:
    over = Q(**{f"{watch.starts}__lt": F(watch.ends) - ladder.lives_over}) if ladder.lives_over else Q()
    if ladder.lives_up_to is None:
        return over
    return over & Q(**{f"{watch.starts}__gte": F(watch.ends) - ladder.lives_up_to})


def _near(ladder: Ladder, watch: Watch, now: datetime) -> Q:
    longest = ladder.longest()
    recent = Q(**{f"{watch.ends}__gt": now - LOOK_BACK})
    return recent if longest is None else recent & Q(**{f"{watch.ends}__lte": now + longest})
