"""The year of alerts at its full count: ten thousand subjects, day by day."""

import time

import pytest

from tests.alerts.simulation import Year
from tests.soak.conftest import ROWS

pytestmark = pytest.mark.soak
SUBJECTS = 10_000


@pytest.mark.django_db
def test_a_year_of_outages_over_ten_thousand_subjects() -> None:
    started = time.monotonic()
    year = Year(SUBJECTS)
    year.run()
    year.check()
    print({name: year.counts[name] for name in sorted(year.counts)})  # noqa: T201  `make soak` shows it
    ROWS.append(("a year of alerts", SUBJECTS, "whole", time.monotonic() - started))
