"""The ends of servers' certificates: announced to operators, by the thresholds of any certificate."""

import pytest

from accounts.models import User
from alerts.models import Notice
from alerts.services.notices import send_due
from core import clock
from outbox.models import Message
from tests.alerts.rows import DAY, NOW, YEAR, authority, crossed, server

pytestmark = pytest.mark.django_db
HOSTS = ("lns.fjordnet.example", "cups.fjordnet.example")


def found() -> list[tuple[str, str]]:
    return crossed(NOW)


def test_a_long_one_is_announced_by_days_and_a_short_one_by_a_third_of_its_life() -> None:
    by = authority(left=9 * YEAR)
    server(by, *HOSTS, left=20 * DAY)
    server(by, "mender.fjordnet.example", left=29 * DAY, life=90 * DAY)
    server(by, "later.fjordnet.example", left=100 * DAY)
    assert found() == [("lns.fjordnet.example", "30d"), ("mender.fjordnet.example", "third")]


def test_a_renewed_or_revoked_one_is_silent() -> None:
    by = authority(left=9 * YEAR)
    server(by, *HOSTS, left=20 * DAY)
    server(by, *HOSTS, left=300 * DAY)
    server(by, "gone.fjordnet.example", left=20 * DAY, revoked_at=NOW)
    assert found() == []


def test_another_set_of_hosts_is_no_renewal() -> None:
    by = authority(left=9 * YEAR)
    server(by, *HOSTS, left=20 * DAY)
    server(by, HOSTS[0], left=300 * DAY)
    assert found() == [(HOSTS[0], "30d")]


def test_operators_are_told_once_and_vendors_never(operator: User, vendor_user: User) -> None:
    ending = server(authority(left=9 * YEAR), *HOSTS, left=20 * DAY)
    with clock.at(NOW):
        send_due()
        send_due()
        assert [mail.recipient for mail in Message.objects.all()] == [operator.email]
        text = Message.objects.get().text
        assert "The certificate of lns.fjordnet.example ends in 20 days" in text
        assert f"/servers/{ending.pk}/" in text
        assert not Notice.objects.visible_to(vendor_user).exists()


def test_its_notice_closes_with_a_successor(operator: User) -> None:
    by = authority(left=9 * YEAR)
    server(by, *HOSTS, left=5 * DAY)
    with clock.at(NOW):
        send_due()
        assert Notice.objects.pressing_at(NOW).count() == 1
        server(by, *HOSTS, left=300 * DAY)
        assert Notice.objects.open_at(NOW).count() == 0
