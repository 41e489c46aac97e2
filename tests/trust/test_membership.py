"""The part of an authority's page that says whether it is trusted, and the two acts."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from cas.models import Authority
from trust.models import Group, Membership
from trust.services.groups import remove_from_group
from trust.services.releases import publish_release

ClientOf = Callable[[User], Client]


def fragment(client: Client, authority: Authority) -> str:
    return client.get(f"/trust/authorities/{authority.pk}/membership/").content.decode()


def test_an_approved_authority_is_not_yet_trusted(operator: User, authority: Authority, client_of: ClientOf) -> None:
    text = fragment(client_of(operator), authority)
    assert "Not trusted" in text
    assert "Put into common" in text


def test_one_in_the_group_waits_for_a_release(operator: User, trusted: Authority, client_of: ClientOf) -> None:
    assert "Waits for a release" in fragment(client_of(operator), trusted)


def test_one_in_a_release_is_trusted(operator: User, trusted: Authority, group: Group, client_of: ClientOf) -> None:
    publish_release(operator, group)
    assert "In release 1" in fragment(client_of(operator), trusted)


def test_one_taken_out_is_still_published(
    operator: User, trusted: Authority, group: Group, client_of: ClientOf
) -> None:
    publish_release(operator, group)
    remove_from_group(operator, group, trusted)
    assert "Still in release 1" in fragment(client_of(operator), trusted)


def test_a_vendor_sees_how_its_own_stands_and_cannot_change_it(
    vendor_user: User, authority: Authority, client_of: ClientOf
) -> None:
    text = fragment(client_of(vendor_user), authority)
    assert "Not trusted" in text
    assert "<form" not in text


def test_another_vendors_authority_is_404(
    other_vendor_user: User, operator: User, authority: Authority, client_of: ClientOf
) -> None:
    """G11. Falls with: `visible_to` in trust.views.membership."""
    client = client_of(other_vendor_user)
    assert client.get(f"/trust/authorities/{authority.pk}/membership/").status_code == 404
    assert client.get("/trust/authorities/99999/membership/").status_code == 404


def test_an_operator_puts_it_in_and_takes_it_out(operator: User, authority: Authority, client_of: ClientOf) -> None:
    client = client_of(operator)
    assert client.post(f"/trust/authorities/{authority.pk}/add/")["Location"] == f"/authorities/{authority.pk}/"
    assert Membership.objects.filter(authority=authority).exists()
    assert "No gateway that we know" in client.get(f"/trust/authorities/{authority.pk}/remove/").content.decode()
    client.post(f"/trust/authorities/{authority.pk}/remove/", {"typed": ""})
    assert not Membership.objects.present().exists()
    assert Membership.objects.get().removed_by == operator


@pytest.mark.parametrize("act", ["add", "remove"])
def test_others_cannot(auditor: User, vendor_user: User, authority: Authority, client_of: ClientOf, act: str) -> None:
    for person in (auditor, vendor_user):
        assert client_of(person).post(f"/trust/authorities/{authority.pk}/{act}/").status_code == 403


@pytest.mark.parametrize("part", ["membership", "add", "remove"])
def test_nobody_without_signing_in(client: Client, authority: Authority, part: str) -> None:
    method = client.post if part == "add" else client.get
    answer = method(f"/trust/authorities/{authority.pk}/{part}/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


def test_a_name_with_a_nul_is_no_error(operator: User, authority: Authority, client_of: ClientOf) -> None:
    """PostgreSQL takes none."""
    client = client_of(operator)
    assert client.post(f"/trust/authorities/{authority.pk}/add/", {"group": "a\0b"}).status_code == 404
    assert client.get("/trust/releases/", {"group": "a\0b"}).status_code == 404


def test_putting_in_is_a_post(operator: User, authority: Authority, client_of: ClientOf) -> None:
    assert client_of(operator).get(f"/trust/authorities/{authority.pk}/add/").status_code == 405
