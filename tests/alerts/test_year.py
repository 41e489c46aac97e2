"""A simulated year of daily runs against an oracle that knows nothing of the code."""

import random
from datetime import datetime, timedelta

import pytest

from accounts.models import User, Vendor
from alerts.models import Delivery
from alerts.services.notices import send_due
from core import clock
from outbox.models import Message
from tests.alerts.rows import DAY, NOW, authority, certificate, gateway

AUTHORITY = [180, 90, 60, 30, 14, 7, 3, 1, 0]
LONG = [90, 60, 30, 14, 7, 3, 1, 0]
SHORT = [14, 7, 3, 1, 0]
DAYS = 365


def expected(kind: str, start: datetime, end: datetime, looks: list[datetime]) -> list[int | str]:
    """What a person with a calendar would write down: at each look, the newest line passed and not yet noted."""
    life = end - start
    if kind == "authority" or life > timedelta(days=180):
        days = AUTHORITY if kind == "authority" else LONG
        lines: list[tuple[datetime, int | str]] = [(end - timedelta(days=each), each) for each in days]
    else:
        third = end - life / 3
        later = [(end - timedelta(days=each), each) for each in SHORT]
        lines = [(third, "third"), *[line for line in later if line[0] > third]]
    lines = [line for line in lines if line[0] > start]
    noted: list[int | str] = []
    passed_before = 0
    for look in looks:
        passed = sum(1 for at, _ in lines if at <= look)
        if passed > passed_before:
            noted.append(lines[passed - 1][1])
            passed_before = passed
    return noted


def name_of(line: int | str) -> str:
    return "third" if line == "third" else "expired" if line == 0 else f"{line}d"


@pytest.mark.django_db
def test_a_year_of_runs_tells_what_a_calendar_would(operator: User, vendor: Vendor, vendor_user: User) -> None:
    dice = random.Random(9)
    lives: dict[str, tuple[str, datetime, datetime]] = {}
    for _ in range(15):
        left, life = dice.uniform(-3, 500) * DAY, dice.choice([20, 150, 400, 3650]) * DAY
        life = max(life, left + dice.uniform(1, 30) * DAY)
        made = authority(vendor, left=left, life=life)
        lives[made.name] = ("authority", made.not_before, made.not_after)
    by = authority(vendor, left=9000 * DAY, life=9001 * DAY)
    for _ in range(40):
        of, left = gateway(vendor), dice.uniform(-3, 400) * DAY
        life = max(dice.choice([2, 30, 90, 179, 181, 365, 730]) * DAY, left + dice.uniform(0.1, 30) * DAY)
        leaf = certificate(of, by, left=left, life=life)
        lives[of.eui] = ("certificate", leaf.not_before, leaf.not_after)
    looks = [NOW + day * DAY + timedelta(hours=dice.uniform(0, 6)) for day in range(DAYS) if dice.random() > 0.05]
    for look in looks:
        with clock.at(look):
            send_due()
    wanted = {
        (recipient, name, name_of(line))
        for name, (kind, start, end) in lives.items()
        for line in expected(kind, start, end, looks)
        for recipient in (operator.email, vendor_user.email)
    }
    told = list(Delivery.objects.told().values_list("recipient", "notice__subject_name", "notice__threshold"))
    assert set(told) == wanted
    assert len(told) == len(wanted)
    assert len(wanted) > 300
    keys = set(Delivery.objects.values_list("message_key", flat=True))
    assert keys == set(Message.objects.values_list("key", flat=True))
