"""What people answer: seen to, ask me later, leave this one alone; and what becomes of an answer."""

from datetime import datetime

import pytest

from accounts.models import User, Vendor
from alerts.models import Alert
from alerts.services.answers import acknowledge, mute, reopen, snooze, unmute
from alerts.services.notices import send_due
from audit.models import Record
from core import clock
from core.errors import Forbidden, Refused
from outbox.models import Message
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, gateway

pytestmark = pytest.mark.django_db
EVERYTHING = Alert.objects.all


def run(days: float = 0) -> int:
    """The schedule, so many days later; returns how many mails it queued."""
    with clock.at(NOW + days * DAY):
        return send_due().mails


@pytest.fixture
def alert(operator: User, vendor: Vendor) -> Alert:
    """Of a gateway's certificate that ends in 12 days; told."""
    certificate(gateway(vendor), authority(vendor, left=9 * YEAR), left=12 * DAY)
    assert run() == 1
    return Alert.objects.get()


@pytest.fixture
def at_now() -> object:
    with clock.at(NOW):
        yield


def test_an_acknowledged_alert_keeps_who_and_why(alert: Alert, vendor_user: User, at_now: object) -> None:
    assert acknowledge(vendor_user, EVERYTHING(), note=" Ordered ") == 1
    alert.refresh_from_db()
    assert (alert.state, alert.answered_by, alert.answered_at, alert.note) == (
        "acknowledged",
        vendor_user,
        NOW,
        "Ordered",
    )
    assert Record.objects.get(action="alert.acknowledged").vendor_id == alert.vendor_id


def test_a_nearer_threshold_asks_again(alert: Alert, operator: User) -> None:
    with clock.at(NOW):
        acknowledge(operator, EVERYTHING())
    assert run(6) == 1
    alert.refresh_from_db()
    assert (alert.state, alert.threshold, alert.answered_by) == ("open", "7d", None)


def test_a_snoozed_one_is_silent_until_its_date_and_told_then(alert: Alert, operator: User) -> None:
    with clock.at(NOW):
        snooze(operator, EVERYTHING(), until=NOW + 7 * DAY)
    assert run(6) == 0
    alert.refresh_from_db()
    assert (alert.state, alert.threshold) == ("snoozed", "7d")
    assert run(7.1) == 1
    alert.refresh_from_db()
    assert alert.state == "open"


def test_a_snooze_without_news_says_when_it_is_over(alert: Alert, operator: User) -> None:
    with clock.at(NOW):
        snooze(operator, EVERYTHING(), until=NOW + 2 * DAY)
    assert [run(day) for day in (1, 2.1, 3)] == [0, 1, 0]
    assert Message.objects.count() == 2


def test_a_muted_subject_is_told_when_the_mute_ends(alert: Alert, operator: User) -> None:
    with clock.at(NOW):
        mute(operator, EVERYTHING(), until=NOW + 10 * DAY, reason="Being replaced")
    assert [run(day) for day in (6, 9.2, 10.2, 11.1)] == [0, 0, 1, 1]
    assert "ends in 43 hours" in Message.objects.order_by("pk")[1].subject  # only the newest of 7 and 3 days


def test_an_unmuted_subject_is_told_again(alert: Alert, operator: User) -> None:
    with clock.at(NOW):
        mute(operator, EVERYTHING(), until=NOW + 30 * DAY, reason="Being replaced")
    assert run(6) == 0
    with clock.at(NOW + 6.5 * DAY):
        assert unmute(operator, EVERYTHING()) == 1
    assert run(7) == 1


def test_an_answer_can_be_taken_back(alert: Alert, operator: User, at_now: object) -> None:
    acknowledge(operator, EVERYTHING())
    assert reopen(operator, EVERYTHING()) == 1
    alert.refresh_from_db()
    assert (alert.state, alert.answered_by) == ("open", None)


def test_an_auditor_answers_nothing(alert: Alert, auditor: User, at_now: object) -> None:
    with pytest.raises(Forbidden):
        acknowledge(auditor, EVERYTHING())
    with pytest.raises(Forbidden):
        mute(auditor, EVERYTHING(), until=NOW + DAY, reason="x")


def test_another_vendors_alert_is_not_there(alert: Alert, other_vendor: Vendor, at_now: object) -> None:
    stranger = User.objects.create_user("eve@ampere.example", "x" * 20, name="Eve", role="vendor", vendor=other_vendor)
    with pytest.raises(Refused, match="Nothing of what you chose"):
        acknowledge(stranger, EVERYTHING())


def test_a_vendor_cannot_mute_nor_snooze_past_the_end(alert: Alert, vendor_user: User, at_now: object) -> None:
    with pytest.raises(Forbidden):
        mute(vendor_user, EVERYTHING(), until=NOW + DAY, reason="x")
    with pytest.raises(Refused, match="before the end"):
        snooze(vendor_user, EVERYTHING(), until=NOW + 13 * DAY)
    assert snooze(vendor_user, EVERYTHING(), until=NOW + 11 * DAY) == 1


@pytest.mark.parametrize("until", [NOW, NOW - DAY, NOW + 2 * YEAR])
def test_a_date_lies_ahead_and_not_too_far(alert: Alert, operator: User, until: datetime, at_now: object) -> None:
    with pytest.raises(Refused):
        snooze(operator, EVERYTHING(), until=until)
    with pytest.raises(Refused):
        mute(operator, EVERYTHING(), until=until, reason="x")


def test_a_mute_says_why(alert: Alert, operator: User, at_now: object) -> None:
    with pytest.raises(Refused, match="Say why"):
        mute(operator, EVERYTHING(), until=NOW + DAY, reason=" ")


def test_many_are_answered_at_once_with_one_record_for_each_vendor(
    operator: User, vendor: Vendor, other_vendor: Vendor
) -> None:
    for whose in (vendor, vendor, vendor, other_vendor):
        certificate(gateway(whose), authority(whose, left=9 * YEAR), left=12 * DAY)
    run()
    with clock.at(NOW):
        assert acknowledge(operator, EVERYTHING()) == 4
    records = Record.objects.filter(action="alerts.acknowledged")
    assert {each.vendor_id: each.details["count"] for each in records} == {vendor.pk: 3, other_vendor.pk: 1}


def test_a_closed_alert_takes_no_answer(alert: Alert, operator: User) -> None:
    assert alert.gateway is not None
    certificate(alert.gateway, authority(alert.vendor, left=9 * YEAR), left=300 * DAY)
    run(1)
    with pytest.raises(Refused), clock.at(NOW + DAY):
        acknowledge(operator, EVERYTHING())
    alert.refresh_from_db()
    assert (alert.state, alert.closed_for) == ("closed", "renewed")


def test_an_alert_whose_successor_is_revoked_opens_again(alert: Alert, operator: User) -> None:
    """Fails without the round of an alert: its threshold was told before."""
    assert alert.gateway is not None
    successor = certificate(alert.gateway, authority(alert.vendor, left=9 * YEAR), left=300 * DAY)
    assert run(1) == 1
    successor.revoked_at = NOW + 1.5 * DAY
    successor.save()
    assert run(2) == 1
    alert.refresh_from_db()
    assert (alert.state, alert.round, alert.threshold) == ("open", 1, "14d")
