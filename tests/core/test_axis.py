"""The axis that chains are drawn on."""

from datetime import UTC, datetime

import pytest

from core.axis import Span, TimeAxis, draw

NOW = datetime(2026, 6, 15, tzinfo=UTC)


def test_spans_keep_their_order_and_proportions() -> None:
    axis = draw([_span(2024, 2044), _span(2025, 2035)], now=NOW)
    root, issuing = (row.bars[0] for row in axis.rows)
    assert _number(root.x) < _number(issuing.x) < _number(axis.today)
    assert _number(issuing.width) == pytest.approx(_number(root.width) / 2, rel=0.01)


def test_what_lies_after_the_end_of_the_issuer_is_void() -> None:
    span = _span(2025, 2035, void_from=datetime(2030, 1, 1, tzinfo=UTC))
    void, alive = draw([span], now=NOW).rows[0].bars
    assert void.style == "bar-void"
    assert _number(alive.x) + _number(alive.width) == pytest.approx(_number(void.x), abs=0.1)


def test_a_span_whose_issuer_had_ended_before_is_void_as_a_whole() -> None:
    span = _span(2025, 2035, void_from=datetime(2020, 1, 1, tzinfo=UTC))
    assert [bar.style for bar in draw([span], now=NOW).rows[0].bars] == ["bar-void"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(1950, 1, 1, tzinfo=UTC), datetime(1951, 1, 1, tzinfo=UTC)),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (NOW, NOW),
        (datetime(2030, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_odd_validities_stay_inside_the_drawing(start: datetime, end: datetime) -> None:
    axis = draw([Span("odd", "", start, end)], now=NOW)
    for bar in axis.rows[0].bars:
        assert _number(bar.x) >= 0
        assert _number(bar.x) + _number(bar.width) <= 100.01


@pytest.mark.parametrize("end", [2026.2, 2027, 2029, 2036, 2060, 9000])
def test_there_are_some_ticks_and_not_too_many(end: float) -> None:
    axis = draw([Span("x", "", NOW, datetime(int(end), 12, 1, tzinfo=UTC))], now=NOW)
    assert 2 <= len(axis.ticks) <= 10


def test_no_words_stand_under_today() -> None:
    axis = draw([_span(2024, 2030)], now=datetime(2026, 1, 3, tzinfo=UTC))
    assert "2026" not in _words(axis)
    assert "2028" in _words(axis)


def test_months_are_named_when_the_span_is_short() -> None:
    axis = draw([Span("leaf", "", NOW, datetime(2026, 9, 13, tzinfo=UTC))], now=NOW)
    assert "Aug" in _words(axis)


def test_words_near_the_edge_stand_above_their_bar() -> None:
    axis = draw([_span(2024, 2044, label="ends 2044"), _span(2024, 2030, label="ends 2030")], now=NOW)
    assert [row.label.is_above for row in axis.rows if row.label] == [True, False]


def _span(start: int, end: int, *, label: str = "", void_from: datetime | None = None) -> Span:
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in (start, end))
    return Span(f"{start}", "", first, last, label=label, void_from=void_from)


def _number(percent: str) -> float:
    return float(percent.removesuffix("%"))


def _words(axis: TimeAxis) -> list[str]:
    return [tick.words for tick in axis.ticks]
