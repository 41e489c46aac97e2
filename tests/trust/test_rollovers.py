"""A vendor's change from one authority to the next, step by step."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock
from core.errors import Refused
from gateways.models import Gateway
from tests.pki.makers import Made, make_issuing
from trust.models import Group, Membership, Rollover, Store
from trust.services import rollovers
from trust.services.groups import set_end
from trust.services.releases import publish_release
from trust.services.rollovers import Standing, Step
from trust.tasks import publish

ClientOf = Callable[[User], Client]


@pytest.fixture
def successor(root: Made, vendor: Vendor, authority_of: Callable[..., Authority]) -> Authority:
    ends = clock.now() + timedelta(days=3000)
    return authority_of(make_issuing(root, "Kestrel CA 2", not_after=ends), vendor, "submitted")


def stands() -> Standing:
    return rollovers.standings(list(Rollover.objects.open().listed()))[0]


def release(operator: User, group: Group) -> None:
    publish(publish_release(operator, group).publications.get().pk)


def test_each_step_leads_to_the_next(
    operator: User, group: Group, trusted: Authority, successor: Authority, directory: Store, vendor: Vendor
) -> None:
    release(operator, group)
    Gateway.objects.bulk_create(
        Gateway(
            eui=f"58A0CB000000000{number}", vendor=vendor, current_authority=trusted if number else successor,
            current_not_after=clock.now() + timedelta(days=90),
        )
        for number in range(4)
    )  # fmt: skip
    rollovers.start(operator, group, trusted, successor)
    assert stands().step == Step.APPROVE
    Authority.objects.filter(pk=successor.pk).update(state="approved")
    assert stands().step == Step.TRUST
    successor.refresh_from_db()
    Membership.objects.create(group=group, authority=successor, added_by=operator)
    assert stands().step == Step.PUBLISH
    release(operator, group)
    assert (stands().step, stands().on_old, stands().on_new, stands().share) == (Step.MOVE, 3, 1, 25)
    end = clock.now() + timedelta(days=9)
    set_end(operator, group, trusted, end)
    assert (stands().step, stands().ends_at) == (Step.RETIRE, end)
    Gateway.objects.update(current_authority=successor)
    with clock.at(end + timedelta(minutes=1)):
        assert stands().step == Step.WITHDRAW
        release(operator, group)
        assert stands().step == Step.DONE


def test_an_approved_successor_joins_the_group_at_once(
    operator: User, group: Group, trusted: Authority, successor: Authority
) -> None:
    Authority.objects.filter(pk=successor.pk).update(state="approved")
    successor.refresh_from_db()
    rollovers.start(operator, group, trusted, successor)
    assert Membership.objects.present().get(authority=successor).reason == "Replaces Kestrel Issuing CA"


def test_the_authority_of_another_vendor_is_no_successor(
    operator: User, group: Group, trusted: Authority, other_authority: Authority
) -> None:
    with pytest.raises(Refused, match="same vendor"):
        rollovers.start(operator, group, trusted, other_authority)


def test_one_authority_is_replaced_once_at_a_time(
    operator: User, group: Group, trusted: Authority, successor: Authority
) -> None:
    rollover = rollovers.start(operator, group, trusted, successor)
    with pytest.raises(Refused, match="being replaced already"):
        rollovers.start(operator, group, trusted, successor)
    rollovers.stop(operator, rollover)
    assert rollovers.start(operator, group, trusted, successor)


def test_the_page_begins_and_stops_it(
    operator: User, group: Group, trusted: Authority, successor: Authority, client_of: ClientOf
) -> None:
    client = client_of(operator)
    client.post("/trust/rollovers/start/", {"old": trusted.pk, "new": successor.pk})
    page = client.get("/trust/rollovers/").content.decode()
    assert "Approve the new authority" in page
    client.post(f"/trust/rollovers/{Rollover.objects.get().pk}/stop/")
    assert "No vendor is changing over" in client.get("/trust/rollovers/").content.decode()


def test_it_starts_on_no_authority_and_groups_them_by_vendor(
    operator: User, trusted: Authority, successor: Authority, other_authority: Authority, client_of: ClientOf
) -> None:
    page = client_of(operator).get("/trust/rollovers/").content.decode()
    assert page.count("Choose an authority") == 2
    assert f'<optgroup label="{trusted.vendor}">' in page
    assert f'<optgroup label="{other_authority.vendor}">' in page
    assert " selected" not in page.replace('<option value="" selected', "")


def test_the_chosen_one_narrows_its_successors_to_its_vendor(
    operator: User, trusted: Authority, successor: Authority, other_authority: Authority, client_of: ClientOf
) -> None:
    """Falls with: `offered` in trust.forms.RolloverForm."""
    client = client_of(operator)
    part = client.get(f"/trust/rollovers/?old={trusted.pk}", headers={"HX-Request": "true"}).content.decode()
    assert successor.name in part
    assert other_authority.name not in part
    assert f'value="{trusted.pk}"' not in part
    assert "<html" not in part


def test_a_vendor_without_another_authority_is_told(operator: User, trusted: Authority, client_of: ClientOf) -> None:
    page = client_of(operator).get(f"/trust/rollovers/?old={trusted.pk}").content.decode()
    assert "There is no other of this vendor" in page


@pytest.mark.parametrize("old", ["", "x", "0", "9" * 30])
def test_what_is_no_authority_narrows_nothing(
    operator: User, successor: Authority, client_of: ClientOf, old: str
) -> None:
    assert successor.name in client_of(operator).get(f"/trust/rollovers/?old={old}").content.decode()


def test_the_page_refuses_the_authority_of_another_vendor(
    operator: User, trusted: Authority, other_authority: Authority, client_of: ClientOf
) -> None:
    answer = client_of(operator).post("/trust/rollovers/start/", {"old": trusted.pk, "new": other_authority.pk})
    assert "Choose another authority of the same vendor." in answer.content.decode()
    assert not Rollover.objects.exists()
