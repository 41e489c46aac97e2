"""The ladder of announcements, as pure arithmetic."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.kinds import Kind
from alerts.ladder import Crossing, newest_crossed, next_after, thresholds

END = datetime(2027, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
lives = st.timedeltas(min_value=timedelta(minutes=1), max_value=9000 * DAY)
kinds = st.sampled_from(Kind)


def names(kind: Kind, life: timedelta) -> list[str]:
    return [step.name for step in thresholds(kind, life)]


def newest(kind: Kind, life: timedelta, left: timedelta) -> str | None:
    crossing = newest_crossed(kind, not_before=END - life, not_after=END, now=END - left)
    return crossing.threshold if crossing else None


@pytest.mark.parametrize(
    ("kind", "days", "expected"),
    [
        (Kind.AUTHORITY, 3650, "180d 90d 60d 30d 14d 7d 3d 1d expired"),
        (Kind.AUTHORITY, 180, "90d 60d 30d 14d 7d 3d 1d expired"),
        (Kind.AUTHORITY, 20, "14d 7d 3d 1d expired"),
        (Kind.CERTIFICATE, 730, "90d 60d 30d 14d 7d 3d 1d expired"),
        (Kind.CERTIFICATE, 181, "90d 60d 30d 14d 7d 3d 1d expired"),
        (Kind.CERTIFICATE, 180, "third 14d 7d 3d 1d expired"),
        (Kind.CERTIFICATE, 90, "third 14d 7d 3d 1d expired"),
        (Kind.CERTIFICATE, 42, "third 7d 3d 1d expired"),
        (Kind.CERTIFICATE, 6, "third 1d expired"),
        (Kind.CERTIFICATE, 1, "third expired"),
    ],
)
def test_each_life_has_its_thresholds(kind: Kind, days: int, expected: str) -> None:
    assert names(kind, days * DAY) == expected.split()


def test_a_threshold_that_is_reached_to_the_second_is_crossed() -> None:
    assert newest(Kind.AUTHORITY, 3650 * DAY, 30 * DAY) == "30d"
    assert newest(Kind.AUTHORITY, 3650 * DAY, 30 * DAY + timedelta(seconds=1)) == "60d"
    assert newest(Kind.CERTIFICATE, 365 * DAY, timedelta(0)) == "expired"


def test_a_threshold_that_no_run_ever_met_is_still_crossed_days_later() -> None:
    assert newest(Kind.CERTIFICATE, 365 * DAY, 27 * DAY) == "30d"


def test_nothing_is_crossed_early_in_a_long_life() -> None:
    assert newest(Kind.CERTIFICATE, 365 * DAY, 91 * DAY) is None
    assert newest(Kind.CERTIFICATE, 90 * DAY, 31 * DAY) is None


def test_a_crossing_names_its_instant() -> None:
    crossing = newest_crossed(Kind.CERTIFICATE, not_before=END - 90 * DAY, not_after=END, now=END - 20 * DAY)
    assert crossing == Crossing("third", END - 30 * DAY)


def test_the_next_threshold_is_named() -> None:
    coming = next_after(Kind.AUTHORITY, not_before=END - 3650 * DAY, not_after=END, now=END - 14 * DAY)
    assert coming == Crossing("7d", END - 7 * DAY)
    assert next_after(Kind.AUTHORITY, not_before=END - DAY, not_after=END, now=END) is None


@given(kinds, lives)
def test_thresholds_come_nearer_to_the_end_and_lie_within_the_life(kind: Kind, life: timedelta) -> None:
    steps = [step.before_end for step in thresholds(kind, life)]
    assert steps == sorted(set(steps), reverse=True)
    assert steps[-1] == timedelta(0)
    assert all(step < life for step in steps)


@given(kinds, lives, st.timedeltas(min_value=-400 * DAY, max_value=9000 * DAY), st.timedeltas(min_value=timedelta(0)))
def test_what_was_crossed_stays_crossed(kind: Kind, life: timedelta, left: timedelta, later: timedelta) -> None:
    now = END - left
    later = min(later, datetime.max.replace(tzinfo=UTC) - now)
    before = newest_crossed(kind, not_before=END - life, not_after=END, now=now)
    after = newest_crossed(kind, not_before=END - life, not_after=END, now=now + later)
    assert before is None or (after is not None and after.at >= before.at)
    assert before is None or before.at <= now


@given(kinds, lives, st.timedeltas(min_value=-400 * DAY, max_value=9000 * DAY))
def test_nothing_lies_between_the_newest_and_the_next(kind: Kind, life: timedelta, left: timedelta) -> None:
    now = END - left
    start = END - life
    behind = newest_crossed(kind, not_before=start, not_after=END, now=now)
    ahead = next_after(kind, not_before=start, not_after=END, now=now)
    known = names(kind, life)
    first = known.index(behind.threshold) if behind else -1
    second = known.index(ahead.threshold) if ahead else len(known)
    assert second == first + 1
