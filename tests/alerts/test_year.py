"""A simulated year against an oracle that knows nothing of the code."""

import pytest

from tests.alerts.simulation import Year


@pytest.mark.django_db
def test_a_year_of_outages_tells_what_a_calendar_would() -> None:
    """G9. Each crossing while watched is told to each reader once, the newest only after an outage; nothing else is."""
    year = Year(500)
    year.run()
    year.check()
    print({name: year.counts[name] for name in sorted(year.counts)})  # noqa: T201  what `make test -s` shows
    assert year.counts["told"] > 3000
