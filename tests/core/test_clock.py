"""The one clock."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core import clock


def test_it_tells_the_time_in_utc() -> None:
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)
    assert clock.now().tzinfo is UTC


def test_it_stands_still_where_it_is_set_and_goes_on_after() -> None:
    instant = datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=2)))
    with clock.at(instant):
        assert clock.now() == instant
        assert clock.now().utcoffset() == timedelta(0)
    assert clock.now().year > 2024


def test_it_refuses_an_instant_without_a_zone() -> None:
    with pytest.raises(ValueError, match="aware"), clock.at(datetime(2024, 1, 1)):  # noqa: DTZ001  the point
        pass


def test_it_comes_back_after_a_failure() -> None:
    with pytest.raises(RuntimeError), clock.at(datetime(2024, 1, 1, tzinfo=UTC)):
        raise RuntimeError
    assert clock.now().year > 2024
