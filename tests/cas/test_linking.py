"""Who signed whom: proved, and inside one vendor only."""

from collections.abc import Iterator

import pytest

from accounts.models import User, Vendor
from core import clock
from tests.cas.authorities import hand_in
from tests.pki.makers import NOW, Made, make_issuing, make_root, p256_key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_a_fixed_instant() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def root() -> Made:
    return make_root()


def test_a_root_that_comes_later_is_put_above(operator: User, vendor: Vendor, root: Made) -> None:
    [issuing] = hand_in(operator, vendor, make_issuing(root))
    assert issuing.parent is None
    [above] = hand_in(operator, vendor, root)
    issuing.refresh_from_db()
    assert issuing.parent == above


def test_a_root_of_the_same_name_with_another_key_is_not_above(operator: User, vendor: Vendor, root: Made) -> None:
    hand_in(operator, vendor, make_root(key=p256_key("another")))
    [issuing] = hand_in(operator, vendor, make_issuing(root))
    assert issuing.parent is None


def test_a_chain_never_leads_to_another_vendor(
    operator: User, vendor: Vendor, other_vendor: Vendor, root: Made
) -> None:
    """G11: fails without `beside(authority.vendor)` in `cas.services.linking._signer`."""
    hand_in(operator, other_vendor, root)
    [issuing] = hand_in(operator, vendor, make_issuing(root))
    assert issuing.chain() == [issuing]


def test_of_two_that_signed_it_the_one_that_lasts_longest_is_above(operator: User, vendor: Vendor, root: Made) -> None:
    longer = make_root(serial=9, not_after=NOW.replace(year=2060))
    hand_in(operator, vendor, root, longer)
    [issuing] = hand_in(operator, vendor, make_issuing(root))
    assert issuing.parent is not None
    assert issuing.parent.sha256 == longer.sha256


def test_two_that_signed_each_other_end(operator: User, vendor: Vendor) -> None:
    one, two = make_root("One"), make_root("Two")
    one_by_two = make_issuing(two, "One", key=one.key)
    two_by_one = make_issuing(one, "Two", key=two.key)
    for authority in hand_in(operator, vendor, one_by_two, two_by_one):
        authority.refresh_from_db()
        assert len(authority.chain()) == 2
