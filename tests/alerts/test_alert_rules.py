"""Which ladder holds for what: the most specific rule, and the usual one for the rest; in the database as on paper."""

from datetime import timedelta
from fractions import Fraction

import pytest

from accounts.models import Vendor
from alerts.kinds import Kind
from alerts.ladder import USUAL, Ladder
from alerts.models import Alert, Rule
from gateways.models import Gateway, Tag
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, crossed, gateway

pytestmark = pytest.mark.django_db
MOMENT = timedelta(milliseconds=1)


def rule(days: int, *, vendor: Vendor | None = None, tag: str = "", kind: str = "certificate") -> None:
    Rule.objects.create(kind=kind, vendor=vendor, tag=tag, days=[days])


def tagged(of: Gateway, *names: str) -> Gateway:
    for name in names:
        of.tags.add(Tag.objects.get_or_create(vendor=of.vendor, name=name)[0])
    return of


def test_the_most_specific_rule_wins(vendor: Vendor, other_vendor: Vendor) -> None:
    by = authority(None, left=20 * YEAR)
    plain, sites = gateway(vendor), tagged(gateway(vendor), "alpine")
    theirs, their_sites = gateway(other_vendor), tagged(gateway(other_vendor), "alpine")
    for of in (plain, sites, theirs, their_sites):
        certificate(of, by, left=10 * DAY, life=2 * YEAR)
    rule(11)
    rule(12, vendor=vendor)
    rule(13, tag="alpine")
    rule(14, vendor=vendor, tag="alpine")
    assert sorted(crossed()) == sorted(
        [(plain.eui, "12d"), (sites.eui, "14d"), (theirs.eui, "11d"), (their_sites.eui, "13d")]
    )


def test_a_rule_about_something_else_changes_nothing(vendor: Vendor, other_vendor: Vendor) -> None:
    of = gateway(vendor)
    certificate(of, authority(vendor, left=20 * YEAR), left=10 * DAY, life=2 * YEAR)
    rule(11, vendor=other_vendor)
    rule(12, tag="alpine")
    rule(13, kind="server")
    assert crossed() == [(of.eui, "14d")]


def test_a_rule_of_a_vendor_is_about_its_authorities_too(vendor: Vendor, other_vendor: Vendor) -> None:
    mine, theirs = authority(vendor, left=200 * DAY), authority(other_vendor, left=200 * DAY)
    rule(365, vendor=vendor, kind="authority")
    assert crossed() == [(mine.name, "365d")]
    assert theirs.name not in Alert.objects.values_list("name", flat=True)


def test_shares_are_of_the_life(vendor: Vendor) -> None:
    by, quarter, not_yet = authority(vendor, left=20 * YEAR), gateway(vendor), gateway(vendor)
    certificate(quarter, by, left=25 * DAY, life=100 * DAY)
    certificate(not_yet, by, left=26 * DAY, life=100 * DAY)
    Rule.objects.create(kind="certificate", days=[7], shares=[25])
    assert crossed() == [(quarter.eui, "25%")]


def test_a_new_rule_tells_of_no_earlier_threshold(vendor: Vendor) -> None:
    certificate(gateway(vendor), authority(vendor, left=20 * YEAR), left=10 * DAY, life=2 * YEAR)
    crossed()
    rule(60)
    assert crossed() == []


@pytest.mark.parametrize("life", [2, 20, 42, 90, 179, 180, 181, 400, 3650])
def test_the_database_and_the_paper_agree(vendor: Vendor, life: int) -> None:
    """A moment before and after each threshold of each ladder."""
    by = authority(vendor, left=60 * YEAR, life=90 * YEAR)
    of = gateway(vendor)
    own = Ladder((30, 5), (Fraction(1, 2), Fraction(1, 5)))
    for rules, ladders in (((), USUAL[Kind.CERTIFICATE]), ((own,), (own,))):
        for each in rules:
            Rule.objects.create(kind="certificate", days=list(each.days), shares=[int(s * 100) for s in each.shares])
        ladder = next(each for each in ladders if each.fits(life * DAY))
        made = certificate(of, by, left=5000 * DAY, life=life * DAY)
        steps = ladder.thresholds(life * DAY)
        for number, step in enumerate(steps):
            at = made.not_after - step.before_end
            assert crossed(at - MOMENT) == []
            assert crossed(at + MOMENT) == [(of.eui, step.name)]
            alert = Alert.objects.get()
            assert abs(alert.crossed_at - at) <= MOMENT
            coming = [made.not_after - later.before_end for later in steps[number + 1 :]]
            assert bool(alert.next_at) == bool(coming)
            assert alert.next_at is None or abs(alert.next_at - coming[0]) <= MOMENT
        made.delete()
        Alert.objects.all().delete()


def test_renew_by_is_a_date_of_its_own(vendor: Vendor) -> None:
    by = authority(vendor, left=20 * YEAR)
    long, short = gateway(vendor), gateway(vendor)
    certificate(long, by, left=10 * DAY, life=2 * YEAR)
    certificate(short, by, left=10 * DAY, life=90 * DAY)
    crossed()
    dates = dict(Alert.objects.values_list("name", "renew_by"))
    assert dates == {long.eui: NOW - 80 * DAY, short.eui: NOW - 20 * DAY}
