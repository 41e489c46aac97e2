"""Which gateways a draft gains or loses, now and later, counted against what is known of each gateway."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User, Vendor
from cas.models import Authority, TestLeaf
from core import clock
from gateways.models import Gateway
from tests.pki.makers import Made, make_issuing
from trust.models import Group
from trust.services.drafts import draft
from trust.services.groups import add_to_group, remove_from_group, set_end
from trust.services.impact import by_vendor, gateways_of, gateways_unknown
from trust.services.releases import publish_release

YEAR = timedelta(days=365)


def fleet(vendor: Vendor, authority: Authority | None, number: int, *, ends: timedelta = YEAR) -> None:
    """Gateways of `vendor` that work by `authority` until `ends` from now."""
    begin = Gateway.objects.count()
    Gateway.objects.bulk_create(
        Gateway(
            eui=f"58A0CB{begin + each:010X}",
            vendor=vendor,
            current_authority=authority,
            current_not_after=clock.now() + ends if authority else None,
        )
        for each in range(number)
    )


def test_what_is_added_gains_and_what_is_removed_loses(
    operator: User, group: Group, trusted: Authority, other_authority: Authority, vendor: Vendor, other_vendor: Vendor
) -> None:
    publish_release(operator, group)
    fleet(vendor, trusted, 3)
    fleet(other_vendor, other_authority, 2)
    remove_from_group(operator, group, trusted)
    add_to_group(operator, group, other_authority)
    impact = draft(group).impact
    assert (impact.accepted, impact.lost.gateways, impact.gained.gateways) == (3, 3, 2)
    assert impact.share_lost == 1.0
    assert [(row.vendor, row.gained, row.lost) for row in by_vendor(impact)] == [
        ("Kestrel Radio", 0, 3),
        ("Ampere IoT", 2, 0),
    ]
    assert set(gateways_of(impact.lost)) == set(Gateway.objects.filter(vendor=vendor))


def test_a_gateway_whose_certificate_has_ended_neither_gains_nor_loses(
    operator: User, group: Group, trusted: Authority, vendor: Vendor
) -> None:
    """Falls with: `current_not_after__gt` in trust.services.impact._count."""
    publish_release(operator, group)
    fleet(vendor, trusted, 2, ends=timedelta(days=-1))
    remove_from_group(operator, group, trusted)
    impact = draft(group).impact
    assert (impact.accepted, impact.lost.gateways) == (0, 0)


def test_a_renewal_under_the_same_key_and_name_keeps_its_gateways(
    operator: User, group: Group, trusted: Authority, issuing: Made, root: Made, vendor: Vendor,
    authority_of: Callable[..., Authority],
) -> None:  # fmt: skip
    """Falls with: comparing authorities by name and key in trust.services.impact."""
    publish_release(operator, group)
    fleet(vendor, trusted, 4)
    renewed = authority_of(
        make_issuing(root, "Kestrel Issuing CA", key=issuing.key, not_after=clock.now() + 10 * YEAR), vendor
    )
    assert renewed.subject == trusted.subject
    add_to_group(operator, group, renewed)
    remove_from_group(operator, group, trusted)
    impact = draft(group).impact
    assert (impact.lost.gateways, impact.gained.gateways) == (0, 0)


def test_gateways_without_a_known_certificate_are_unknown_and_never_safe(
    operator: User, group: Group, trusted: Authority, vendor: Vendor
) -> None:
    fleet(vendor, None, 5)
    impact = draft(group).impact
    assert impact.unknown_gateways == 5
    assert impact.gained.gateways == 0
    assert gateways_unknown(impact).count() == 5


def test_what_is_out_of_use_is_nothing_unknown(
    operator: User, group: Group, trusted: Authority, vendor: Vendor
) -> None:
    """Falls with: `in_use` in trust.services.impact._uncertified."""
    publish_release(operator, group)
    fleet(vendor, None, 5)
    Gateway.objects.update(retired_at=clock.now())
    impact = draft(group).impact
    assert impact.unknown_gateways == 0
    assert gateways_unknown(impact).count() == 0


def test_a_test_leaf_tells_how_a_vendors_other_gateways_are_signed(
    operator: User, group: Group, trusted: Authority, vendor: Vendor
) -> None:
    fleet(vendor, None, 5)
    now = clock.now()
    TestLeaf.objects.create(
        authority=trusted, sha256="ab" * 32, der=b"-", name="58A0CB0000000001", not_before=now, not_after=now + YEAR
    )
    impact = draft(group).impact
    assert (impact.unknown_gateways, impact.gained.assumed_gateways, impact.gained.gateways) == (0, 5, 0)
    assert gateways_of(impact.gained).count() == 5


def test_a_test_leaf_that_another_authority_signed_tells_nothing(
    operator: User, group: Group, trusted: Authority, vendor: Vendor
) -> None:
    """Fails without `is_signed_by_it` in trust.services.impact._test_leaves."""
    fleet(vendor, None, 5)
    now = clock.now()
    TestLeaf.objects.create(
        authority=trusted, sha256="ab" * 32, der=b"-", name="58A0CB0000000001", not_before=now, not_after=now + YEAR,
        is_signed_by_it=False,
    )  # fmt: skip
    impact = draft(group).impact
    assert (impact.unknown_gateways, impact.gained.assumed_gateways) == (5, 0)


def test_ends_to_come_are_told_with_the_gateways_that_would_still_have_a_certificate(
    operator: User, group: Group, trusted: Authority, vendor: Vendor
) -> None:
    fleet(vendor, trusted, 2, ends=timedelta(days=20))
    fleet(vendor, trusted, 3, ends=timedelta(days=200))
    end = clock.now() + timedelta(days=60)
    set_end(operator, group, trusted, end)
    (later,) = draft(group).impact.later
    assert (later.at, later.is_gain, later.is_own_end, later.change.gateways) == (end, False, False, 3)


def test_an_authority_that_ends_takes_its_gateways_with_it(
    operator: User, group: Group, root: Made, vendor: Vendor, authority_of: Callable[..., Authority]
) -> None:
    ending = authority_of(make_issuing(root, "Ending CA", not_after=clock.now() + timedelta(days=30)), vendor)
    add_to_group(operator, group, ending)
    Gateway.objects.create(
        eui="58A0CBFFFFFFFFFF", vendor=vendor, current_authority=ending, current_not_after=ending.not_after
    )
    fleet(vendor, ending, 2, ends=timedelta(days=5))
    (later,) = draft(group).impact.later
    assert (later.at, later.is_own_end, later.change.gateways) == (ending.not_after, True, 1)


def test_an_authority_that_begins_later_gains_later(
    operator: User, group: Group, root: Made, vendor: Vendor, authority_of: Callable[..., Authority]
) -> None:
    begins = clock.now() + timedelta(days=10)
    new = authority_of(make_issuing(root, "New CA", not_before=begins, not_after=begins + 3 * YEAR), vendor)
    add_to_group(operator, group, new)
    fleet(vendor, new, 2)
    impact = draft(group).impact
    assert impact.gained.gateways == 0
    (later,) = impact.later
    assert (later.is_gain, later.change.gateways) == (True, 2)


@pytest.mark.parametrize("more", [0, 40])
def test_a_draft_asks_the_database_the_same_number_of_times(
    operator: User, group: Group, trusted: Authority, vendor: Vendor, root: Made,
    authority_of: Callable[..., Authority], more: int, settings: Settings,
) -> None:  # fmt: skip
    publish_release(operator, group)
    for number in range(more):
        each = authority_of(make_issuing(root, f"CA {number}"), vendor)
        add_to_group(operator, group, each)
        fleet(vendor, each, 2)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        draft(group)
    assert len(queries) <= 14
