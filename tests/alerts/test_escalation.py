"""What nobody answers goes to the vendor's second contacts, and from there to operators."""

import pytest

from accounts.models import Contact, User, Vendor
from alerts.models import Alert, Delivery, Rule
from alerts.services.answers import acknowledge
from alerts.services.notices import send_due
from core import clock
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, gateway

pytestmark = pytest.mark.django_db
SECOND = "boss@kestrel.example"


@pytest.fixture
def ending(operator: User, vendor: Vendor, vendor_user: User) -> Alert:
    """A certificate that ends in 28 days, told for the first time."""
    certificate(gateway(vendor), authority(vendor, left=9 * YEAR), left=28 * DAY)
    run(0)
    return Alert.objects.get()


@pytest.fixture
def second(vendor: Vendor) -> Contact:
    return Contact.objects.create(vendor=vendor, name="Boss", email=SECOND, rank=Contact.Rank.SECOND)


def run(days: float) -> None:
    with clock.at(NOW + days * DAY):
        send_due()


def escalated() -> list[str]:
    return sorted(Delivery.objects.told().filter(why="escalation").values_list("recipient", flat=True))


def test_second_contacts_come_after_a_week_and_operators_after_another(
    ending: Alert, second: Contact, operator: User
) -> None:
    run(6.5)
    assert escalated() == []
    run(7.1)
    assert escalated() == [SECOND]
    run(13.9)  # the next threshold is crossed on day 14
    assert escalated() == [SECOND]
    ending.refresh_from_db()
    assert ending.escalation_level == 1


def test_operators_come_last(ending: Alert, second: Contact, operator: User) -> None:
    Alert.objects.update(escalates_at=NOW + 2 * DAY, escalation_days=3)
    for day in (2.1, 4.9, 5.2, 6.2):
        run(day)
    assert escalated() == [SECOND, operator.email]


def test_without_a_second_contact_operators_come_at_once(ending: Alert, operator: User) -> None:
    run(7.1)
    run(8.1)
    assert escalated() == [operator.email]


def test_an_answer_stops_it(ending: Alert, vendor_user: User, second: Contact) -> None:
    with clock.at(NOW + DAY):
        acknowledge(vendor_user, Alert.objects.all())
    run(8)
    assert escalated() == []


def test_a_second_contact_is_not_told_of_crossings(ending: Alert, second: Contact) -> None:
    run(14.1)
    assert not Delivery.objects.filter(recipient=SECOND, why="crossing").exists()


def test_a_rule_can_leave_it_out(operator: User, vendor: Vendor) -> None:
    Rule.objects.create(kind="certificate", days=[30], shares=[], escalation_days=None)
    certificate(gateway(vendor), authority(vendor, left=9 * YEAR), left=28 * DAY)
    run(0)
    run(20)
    assert escalated() == []


def test_nobody_is_disturbed_long_before_the_end(operator: User, vendor: Vendor) -> None:
    """Fails without ESCALATED_WITHIN in alerts/services/looking.py."""
    certificate(gateway(vendor), authority(vendor, left=9 * YEAR), left=88 * DAY, life=2 * YEAR)
    run(0)
    run(20)
    assert escalated() == []
