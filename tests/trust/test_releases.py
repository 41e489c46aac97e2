"""Releases: exactly what operators put into the group, numbered, and never changed."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User, Vendor
from audit.models import Record
from audit.services import Machine, head, seal_pending
from cas.models import Authority
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Gateway
from pki.bundle import read_strictly
from tests.pki.makers import Made, make_issuing
from trust.models import Group, Release, Store
from trust.services import releases
from trust.services.drafts import difference_of, draft
from trust.services.groups import add_to_group, remove_from_group
from trust.services.impact import affected_by
from trust.services.releases import publish_release
from trust.tasks import publish


def gateways_of(authority: Authority, vendor: Vendor, number: int) -> None:
    ends = clock.now() + timedelta(days=90)
    Gateway.objects.bulk_create(
        Gateway(eui=f"58A0CB{authority.pk:04X}{each:06X}", vendor=vendor, current_authority=authority,
                current_not_after=ends)
        for each in range(number)
    )  # fmt: skip


def test_a_release_has_exactly_the_unexpired_authorities_of_the_group(
    operator: User, group: Group, trusted: Authority, other_authority: Authority,
    authority_of: Callable[..., Authority], root: Made, issuing: Made,
) -> None:  # fmt: skip
    ending = authority_of(make_issuing(root, "Ending CA", not_after=clock.now() + timedelta(days=3)))
    add_to_group(operator, group, ending)
    with clock.at(clock.now() + timedelta(days=4)):
        release = publish_release(operator, group)
    assert list(release.authorities.all()) == [trusted]
    assert read_strictly(bytes(release.bundle)) == (issuing.der,)


def test_the_same_set_is_the_same_bytes(
    operator: User, group: Group, trusted: Authority, other_authority: Authority
) -> None:
    add_to_group(operator, group, other_authority)
    first = publish_release(operator, group)
    remove_from_group(operator, group, trusted)
    publish_release(operator, group)
    add_to_group(operator, group, trusted)
    assert publish_release(operator, group).bundle_sha256 == first.bundle_sha256


def test_numbers_only_grow(operator: User, group: Group, trusted: Authority) -> None:
    """G7. Falls with: the constraint `release_number_once_per_group`."""
    assert [publish_release(operator, group).number for _ in range(3)] == [1, 2, 3]
    with pytest.raises(IntegrityError), transaction.atomic():
        Release.objects.create(group=group, number=2, bundle=b"", bundle_sha256="0" * 64)


def test_a_second_click_makes_no_second_release(operator: User, group: Group, trusted: Authority) -> None:
    """Row 23. Falls with: comparing `seen` in trust.services.releases.publish_release."""
    seen = draft(group).seal
    publish_release(operator, group, seen=seen)
    with pytest.raises(Refused, match="has changed since you looked"):
        publish_release(operator, group, seen=seen)
    assert Release.objects.count() == 1


def test_what_joined_the_group_after_one_looked_is_not_published_unseen(
    operator: User, group: Group, trusted: Authority, other_authority: Authority
) -> None:
    seen = draft(group).seal
    add_to_group(operator, group, other_authority)
    with pytest.raises(Refused, match="has changed since you looked"):
        publish_release(operator, group, seen=seen)


def test_a_release_carries_the_audit_head(operator: User, group: Group, trusted: Authority) -> None:
    seal_pending()
    release = publish_release(operator, group)
    assert release.audit_head == head()
    assert Record.objects.get(action="release.published").details["sha256"] == release.bundle_sha256


def test_a_sole_operator_publishes_single_handed(operator: User, group: Group, trusted: Authority) -> None:
    assert publish_release(operator, group).single_handed


def test_one_of_two_operators_does_not(operator: User, second_operator: User, group: Group, trusted: Authority) -> None:
    assert not publish_release(operator, group).single_handed


def test_it_is_queued_for_every_store(store: Store, operator: User, group: Group, trusted: Authority) -> None:
    assert publish_release(operator, group).publications.get().store == store


def test_only_operators_publish(auditor: User, vendor_user: User, group: Group) -> None:
    for person in (auditor, vendor_user):
        with pytest.raises(Forbidden):
            publish_release(person, group)


def test_a_command_may_publish(group: Group, trusted: Authority) -> None:
    release = publish_release(Machine("command", "manage.py publish"), group)
    assert (release.released_by, release.single_handed) == (None, False)


def test_published_is_what_a_store_holds(store: Store, operator: User, group: Group, trusted: Authority) -> None:
    release = publish_release(operator, group)
    assert releases.published_bundle(group) == b""
    publish(release.publications.get().pk)
    assert releases.published_bundle(group) == release.bundle


def test_without_any_store_published_is_the_newest_release(operator: User, group: Group, trusted: Authority) -> None:
    release = publish_release(operator, group)
    assert releases.published_bundle(group) == release.bundle


def test_the_difference_names_what_came_and_went(
    operator: User, group: Group, trusted: Authority, other_authority: Authority
) -> None:
    publish_release(operator, group)
    remove_from_group(operator, group, trusted)
    add_to_group(operator, group, other_authority)
    difference = draft(group).difference
    assert [each.authority for each in difference.added] == [other_authority]
    assert (difference.removed, difference.kept) == ((trusted,), ())
    assert difference_of(publish_release(operator, group)) == difference


def test_above_a_hundred_gateways_the_name_is_typed(
    operator: User, second_operator: User, group: Group, trusted: Authority, vendor: Vendor
) -> None:
    publish_release(operator, group)
    gateways_of(trusted, vendor, 101)
    with pytest.raises(Refused, match=r"Type .Kestrel Issuing CA. to take 101"):
        remove_from_group(operator, group, trusted)
    remove_from_group(operator, group, trusted, typed=trusted.name)
    with pytest.raises(Refused, match="101 gateways lose access"):
        publish_release(second_operator, group)
    assert publish_release(second_operator, group, typed="common").authorities.count() == 0


def test_the_impact_is_counted_by_vendor_and_only_where_a_certificate_still_works(
    trusted: Authority, vendor: Vendor, other_vendor: Vendor
) -> None:
    gateways_of(trusted, vendor, 3)
    Gateway.objects.create(
        eui="58A0CBFFFE000001", vendor=other_vendor, current_authority=trusted,
        current_not_after=clock.now() - timedelta(days=1),
    )  # fmt: skip
    assert [(each.vendor, each.gateways) for each in affected_by(trusted).vendors] == [(vendor.name, 3)]


@pytest.mark.parametrize("state", ["submitted", "refused"])
def test_only_an_approved_authority_can_be_trusted(
    operator: User, group: Group, authority_of: Callable[..., Authority], issuing: Made, state: str
) -> None:
    with pytest.raises(Refused, match="Only an approved authority"):
        add_to_group(operator, group, authority_of(issuing, None, state))


def test_an_expired_authority_cannot_be_trusted(operator: User, group: Group, authority: Authority) -> None:
    with clock.at(authority.not_after), pytest.raises(Refused, match="has ended"):
        add_to_group(operator, group, authority)


def test_trusting_twice_is_trusting_once(operator: User, group: Group, trusted: Authority) -> None:
    add_to_group(operator, group, trusted)
    assert Record.objects.filter(action="authority.trusted").count() == 1


def test_only_operators_decide_on_trust(auditor: User, vendor_user: User, group: Group, authority: Authority) -> None:
    for person in (auditor, vendor_user):
        with pytest.raises(Forbidden):
            add_to_group(person, group, authority)
        with pytest.raises(Forbidden):
            remove_from_group(person, group, authority)
