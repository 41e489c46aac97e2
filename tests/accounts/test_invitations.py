"""Invitations: a link that works once."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Invitation, Role, User, Vendor
from accounts.services import invitations
from audit.models import Record
from core import clock
from core.errors import Refused
from outbox.models import Message
from tests.accounts.mails import link_to, mails_to

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
ACCOUNT = {"name": "Jonas Dahl", "password": "windmill-orchard-7", "again": "windmill-orchard-7"}


def invite(operator: User, vendor: Vendor, email: str = "jonas@kestrel.example") -> str:
    """The path of the link."""
    invitations.invite(operator, email=email, role=Role.VENDOR, vendor=vendor)
    return link_to(email)


def test_an_operator_invites_a_vendors_person_who_joins(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    client_of(operator).post(f"/vendors/{vendor.pk}/invite/", {"email": "Jonas@Kestrel.example"})
    client, path = Client(), link_to("jonas@kestrel.example")
    assert "jonas@kestrel.example" in client.get(path).content.decode()
    assert client.post(path, ACCOUNT).status_code == 302
    person = User.objects.get(email="jonas@kestrel.example")
    assert (person.role, person.vendor, person.name) == (Role.VENDOR, vendor, "Jonas Dahl")
    assert client.get("/account/").status_code == 200
    assert set(Record.objects.of_vendor(vendor.pk).values_list("action", flat=True)) == {
        "invitation.sent",
        "person.joined",
    }


def test_nothing_in_the_form_changes_role_vendor_or_address(
    operator: User, vendor: Vendor, other_vendor: Vendor
) -> None:
    forged = {**ACCOUNT, "role": "operator", "vendor": str(other_vendor.pk), "email": "evil@x.example"}
    Client().post(invite(operator, vendor), forged)
    person = User.objects.exclude(pk=operator.pk).get()
    assert (person.role, person.vendor, person.email) == (Role.VENDOR, vendor, "jonas@kestrel.example")


def test_a_used_link_is_gone(operator: User, vendor: Vendor) -> None:
    path = invite(operator, vendor)
    Client().post(path, ACCOUNT)
    answer = Client().get(path)
    assert answer.status_code == 410
    assert "Ask for a new invitation" in answer.content.decode()
    assert Client().post(path, ACCOUNT).status_code == 410


def test_a_link_lives_for_seven_days(operator: User, vendor: Vendor) -> None:
    with clock.at(datetime(2026, 5, 14, 12, tzinfo=UTC)):
        path = invite(operator, vendor)
    with clock.at(datetime(2026, 5, 21, 11, 59, tzinfo=UTC)):
        assert Client().get(path).status_code == 200
    with clock.at(datetime(2026, 5, 21, 12, 0, tzinfo=UTC)):
        assert Client().get(path).status_code == 410
        assert Client().post(path, ACCOUNT).status_code == 410


def test_a_revoked_link_is_gone(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    path = invite(operator, vendor)
    client_of(operator).post(f"/settings/invitations/{Invitation.objects.get().pk}/revoke/")
    assert Client().get(path).status_code == 410
    assert Record.objects.filter(action="invitation.revoked").count() == 1


def test_a_link_sent_again_replaces_the_earlier_one(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    earlier = invite(operator, vendor)
    client_of(operator).post(f"/settings/invitations/{Invitation.objects.get().pk}/again/")
    later = link_to("jonas@kestrel.example")
    assert Client().get(earlier).status_code == 410
    assert Client().get(later).status_code == 200


def test_a_used_invitation_is_not_sent_again(operator: User, vendor: Vendor) -> None:
    Client().post(invite(operator, vendor), ACCOUNT)
    with pytest.raises(Refused, match="used or revoked"):
        invitations.invite_again(operator, Invitation.objects.get())


def test_a_guessed_link_is_gone(deployment: object) -> None:
    assert Client().get("/invitations/guess/").status_code == 410


def test_the_database_holds_no_link(operator: User, vendor: Vendor) -> None:
    token = invite(operator, vendor).split("/")[2]
    kept = str(Invitation.objects.values().get())
    assert token not in kept


def test_looking_at_the_link_does_not_use_it_up(operator: User, vendor: Vendor) -> None:
    path = invite(operator, vendor)
    for _ in range(3):
        assert Client().get(path).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"again": "something-else-42"}, "again"),
        ({"password": "short", "again": "short"}, "password"),
        ({"name": ""}, "name"),
    ],
)
def test_a_mistake_leaves_the_link_working(change: dict[str, str], field: str, operator: User, vendor: Vendor) -> None:
    path = invite(operator, vendor)
    assert field in Client().post(path, {**ACCOUNT, **change}).context["form"].errors
    assert Client().get(path).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_account(operator: User, vendor: Vendor) -> None:
    token = invite(operator, vendor).split("/")[2]
    start, outcomes = threading.Barrier(2), []

    def join() -> None:
        start.wait()
        try:
            invitations.accept(token, name="Jonas Dahl", password="windmill-orchard-7")
            outcomes.append("made")
        except Refused as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    racers = [threading.Thread(target=join) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(outcomes) == ["link-dead", "made"]
    assert User.objects.filter(role=Role.VENDOR).count() == 1


def test_a_new_operator_is_told_to_every_operator(operator: User, second_operator: User, client_of: SignIn) -> None:
    """Row 16. Fails without the loop at the end of `_mail` in accounts/services/invitations.py."""
    client_of(operator).post("/settings/invite/", {"email": "new@fjordnet.example", "role": "operator"})
    for address in (operator.email, second_operator.email):
        assert mails_to(address) == ["Ines Maurer invited new@fjordnet.example as an operator"]


def test_an_auditor_is_told_to_nobody_else(operator: User, client_of: SignIn) -> None:
    client_of(operator).post("/settings/invite/", {"email": "new@fjordnet.example", "role": "auditor"})
    assert list(Message.objects.values_list("recipient", flat=True)) == ["new@fjordnet.example"]


def test_settings_invite_no_vendors_person(operator: User, client_of: SignIn) -> None:
    answer = client_of(operator).post("/settings/invite/", {"email": "new@x.example", "role": "vendor"})
    assert "role" in answer.context["invitation_form"].errors
    assert not Invitation.objects.exists()


def test_an_address_with_an_account_is_not_invited(operator: User, vendor_user: User, client_of: SignIn) -> None:
    answer = client_of(operator).post(f"/vendors/{vendor_user.vendor_id}/invite/", {"email": vendor_user.email})
    assert "has an account already" in answer.content.decode()


def test_who_loses_access_takes_their_open_invitations_along(
    operator: User, second_operator: User, vendor: Vendor, client_of: SignIn
) -> None:
    path = invite(second_operator, vendor, "back-door@x.example")
    client_of(operator).post(f"/settings/people/{second_operator.pk}/deactivate/")
    assert Client().get(path).status_code == 410


ACTS = [
    "/vendors/{vendor}/invite/",
    "/settings/invite/",
    "/settings/invitations/{invitation}/revoke/",
    "/settings/invitations/{invitation}/again/",
]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", ["vendor_user", "auditor", "nobody"])
def test_only_operators_invite(
    act: str, who: str, request: pytest.FixtureRequest, operator: User, vendor: Vendor, client_of: SignIn
) -> None:
    invite(operator, vendor, "open@kestrel.example")
    client = Client() if who == "nobody" else client_of(request.getfixturevalue(who))
    address = act.format(vendor=vendor.pk, invitation=Invitation.objects.get().pk)
    answer = client.post(address, {"email": "x@y.example", "role": "operator"})
    assert answer.status_code == (302 if who == "nobody" else 403)
    assert Invitation.objects.open_at(clock.now()).count() == 1


@pytest.mark.parametrize("act", ACTS)
def test_looking_invites_nobody(act: str, operator: User, vendor: Vendor, client_of: SignIn) -> None:
    assert client_of(operator).get(act.format(vendor=vendor.pk, invitation=1)).status_code == 405


def test_unknown_ones_are_404(operator: User, client_of: SignIn) -> None:
    for address in ("/vendors/4711/invite/", "/settings/invitations/4711/revoke/", "/settings/invitations/4711/again/"):
        assert client_of(operator).post(address, {"email": "x@y.example"}).status_code == 404


def test_an_invitation_that_is_over_is_listed_no_more(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    with clock.at(clock.now() - timedelta(days=8)):
        invite(operator, vendor, "late@kestrel.example")
    assert not client_of(operator).get(f"/vendors/{vendor.pk}/").context["invitations"]
