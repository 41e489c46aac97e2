"""Deciding on an authority: who may, on what exactly, and who hears of it."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority
from cas.services import review
from core import clock
from core.errors import Forbidden, PasswordNeeded, Refused
from outbox.models import Message
from tests.cas.authorities import waiting_authority, waived
from tests.pki.makers import NOW, make_root

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _at_a_fixed_instant() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def authority(vendor_user: User, vendor: Vendor) -> Authority:
    return waived(waiting_authority(vendor_user, vendor))


def test_an_operator_approves_and_the_vendor_hears_of_it(
    operator: User, authority: Authority, vendor_user: User, client_of: SignIn
) -> None:
    answer = client_of(operator).post(_url(authority), _form(authority), follow=True)
    authority.refresh_from_db()
    assert (authority.state, authority.decided_by) == (Authority.State.APPROVED, operator)
    assert not authority.single_handed
    assert "It is not trusted yet" in answer.content.decode()
    mail = Message.objects.get(recipient=vendor_user.email)
    assert mail.subject == f"Approved: {authority.name}"
    assert f"/authorities/{authority.pk}/" in mail.text


def test_a_refusal_needs_a_reason_and_mails_it(
    operator: User, authority: Authority, vendor_user: User, client_of: SignIn
) -> None:
    client = client_of(operator)
    page = client.post(_url(authority), _form(authority, decision="refuse")).content.decode()
    assert "Say why" in page
    client.post(_url(authority), _form(authority, decision="refuse", reason="It names\nthe wrong company."))
    authority.refresh_from_db()
    assert authority.state == Authority.State.REFUSED
    assert "wrong company" in Message.objects.get(recipient=vendor_user.email).text


@pytest.mark.parametrize("who", ["vendor_user", "auditor"])
def test_only_operators_decide(
    who: str, authority: Authority, client_of: SignIn, request: pytest.FixtureRequest
) -> None:
    assert client_of(request.getfixturevalue(who)).post(_url(authority), _form(authority)).status_code == 403
    authority.refresh_from_db()
    assert authority.state == Authority.State.SUBMITTED


def test_an_anonymous_person_is_asked_to_sign_in(authority: Authority, client: Client) -> None:
    assert client.post(_url(authority), _form(authority)).status_code == 302


def test_deciding_is_no_get(operator: User, authority: Authority, client_of: SignIn) -> None:
    assert client_of(operator).get(_url(authority)).status_code == 405


def test_a_service_asks_for_the_role_again(vendor_user: User, authority: Authority) -> None:
    with pytest.raises(Forbidden):
        review.approve(authority, actor=vendor_user, expected_sha256=authority.sha256)
    with pytest.raises(Forbidden):
        review.refuse(authority, actor=vendor_user, expected_sha256=authority.sha256, reason="no")


def test_with_a_second_operator_nobody_approves_the_own_submission(
    operator: User, second_operator: User, vendor: Vendor, client_of: SignIn
) -> None:
    """Row 16: fails without `authors=[authority.submitted_by]` in `cas.services.review.approve`."""
    own = waived(waiting_authority(operator, vendor))
    page = client_of(operator).get(f"/authorities/{own.pk}/").content.decode()
    assert "ask Tomas Lind" in page
    assert 'value="approve"' not in page
    with pytest.raises(Refused) as refusal:
        review.approve(own, actor=operator, expected_sha256=own.sha256)
    assert refusal.value.code == "own-submission"
    review.approve(own, actor=second_operator, expected_sha256=own.sha256)
    assert own.state == Authority.State.APPROVED


def test_the_only_operator_gives_password_and_reason(
    operator: User, vendor: Vendor, client_of: SignIn, password: str
) -> None:
    own = waived(waiting_authority(operator, vendor))
    client = client_of(operator)
    assert "Your password" in client.get(f"/authorities/{own.pk}/").content.decode()
    assert "Enter your password" in client.post(_url(own), _form(own, reason="Urgent.")).content.decode()
    client.post(_url(own), _form(own, reason="Urgent.", password=password))
    own.refresh_from_db()
    assert (own.state, own.single_handed) == (Authority.State.APPROVED, True)
    assert Record.objects.get(action="authority.approved").details["single_handed"] is True


def test_a_wrong_password_approves_nothing(operator: User, vendor: Vendor) -> None:
    own = waived(waiting_authority(operator, vendor))
    with pytest.raises(PasswordNeeded):
        review.approve(own, actor=operator, expected_sha256=own.sha256, password="guess", reason="Urgent.")
    own.refresh_from_db()
    assert own.state == Authority.State.SUBMITTED


def test_the_password_is_not_asked_for_others_submissions(
    operator: User, authority: Authority, client_of: SignIn
) -> None:
    assert "Your password" not in client_of(operator).get(f"/authorities/{authority.pk}/").content.decode()


def test_an_approval_is_bound_to_what_was_looked_at(operator: User, authority: Authority) -> None:
    """Row 16: fails without `sha256=expected_sha256` in `cas.services.review._decide`."""
    with pytest.raises(Refused) as refusal:
        review.approve(authority, actor=operator, expected_sha256="0" * 64)
    assert refusal.value.code == "stale-decision"
    authority.refresh_from_db()
    assert authority.state == Authority.State.SUBMITTED


def test_a_certificate_swapped_in_the_database_is_not_approved(operator: User, authority: Authority) -> None:
    """Row 16: fails without the comparison of `sha256(authority.der)` in `cas.services.review._decide`."""
    Authority.objects.filter(pk=authority.pk).update(der=make_root("Mallory").der)
    with pytest.raises(Refused) as refusal:
        review.approve(authority, actor=operator, expected_sha256=authority.sha256)
    assert refusal.value.code == "content-changed"
    authority.refresh_from_db()
    assert authority.state == Authority.State.SUBMITTED


def test_a_replayed_decision_does_nothing(operator: User, authority: Authority) -> None:
    review.approve(authority, actor=operator, expected_sha256=authority.sha256)
    for again in (review.approve, review.refuse):
        with pytest.raises(Refused) as refusal:
            again(authority, actor=operator, expected_sha256=authority.sha256, reason="again")
        assert refusal.value.code == "stale-decision"
    assert Record.objects.filter(action__in=["authority.approved", "authority.refused"]).count() == 1


def test_a_refused_authority_can_be_approved_after_all(operator: User, authority: Authority, client_of: SignIn) -> None:
    review.refuse(authority, actor=operator, expected_sha256=authority.sha256, reason="Too early.")
    assert "Approve after all" in client_of(operator).get(f"/authorities/{authority.pk}/").content.decode()
    review.approve(authority, actor=operator, expected_sha256=authority.sha256)
    assert authority.state == Authority.State.APPROVED


def test_another_vendors_authority_is_not_found_for_a_vendor(
    other_vendor_user: User, authority: Authority, client_of: SignIn
) -> None:
    assert client_of(other_vendor_user).get(f"/authorities/{authority.pk}/").status_code == 404


def _url(authority: Authority) -> str:
    return f"/authorities/{authority.pk}/review/"


def _form(authority: Authority, **changes: str) -> dict[str, str]:
    return {"sha256": authority.sha256, "decision": "approve"} | changes
