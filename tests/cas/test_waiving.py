"""Doing without a piece of evidence, and approval, which wants both."""

from collections.abc import Callable, Iterator

import pytest
from django.db import IntegrityError

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority, Waiver
from cas.services import proving, review, trying, waiving
from cas.services.evidence import State, What, evidence_of, evidence_of_each
from core import clock
from core.errors import Forbidden, PasswordNeeded, Refused
from tests.cas.authorities import hand_in, waiting_authority, waived
from tests.pki.makers import NOW, Made, make_issuing, make_leaf, make_root

pytestmark = pytest.mark.django_db
WHY = "The key is in an HSM on a ship until March."


@pytest.fixture(autouse=True)
def _at_a_fixed_instant() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def ca() -> Made:
    return make_root("Kestrel Gateway CA")


@pytest.fixture
def authority(vendor_user: User, vendor: Vendor, ca: Made) -> Authority:
    return hand_in(vendor_user, vendor, ca)[0]


def approve(authority: Authority, actor: User) -> Authority:
    return review.approve(authority, actor=actor, expected_sha256=authority.sha256)


@pytest.mark.parametrize(
    ("what", "action"), [(What.PROOF, "authority.proof-waived"), (What.TEST_LEAF, "authority.test-leaf-waived")]
)
def test_an_operator_waives_either_with_a_reason(operator: User, authority: Authority, what: What, action: str) -> None:
    waiving.waive(operator, authority, what, reason=WHY)
    evidence = evidence_of(authority)
    piece = evidence.proof if what == What.PROOF else evidence.test_leaf
    assert (piece.state, piece.reason, piece.by, piece.at) == (State.WAIVED, WHY, operator.name, NOW)
    assert not evidence.is_complete
    record = Record.objects.get(action=action)
    assert (record.details["reason"], record.details["single_handed"]) == (WHY, False)
    assert WHY in record.sentence


def test_a_waiver_needs_a_reason(operator: User, authority: Authority) -> None:
    with pytest.raises(Refused) as refused:
        waiving.waive(operator, authority, What.PROOF, reason=" ")
    assert (refused.value.code, refused.value.field) == ("reason-needed", "reason")


@pytest.mark.parametrize("who", ["vendor_user", "auditor", "other_vendor_user"])
def test_only_operators_waive(who: str, authority: Authority, request: pytest.FixtureRequest) -> None:
    with pytest.raises(Forbidden):
        waiving.waive(request.getfixturevalue(who), authority, What.PROOF, reason=WHY)


def test_with_a_second_operator_nobody_waives_for_the_own_submission(
    operator: User, second_operator: User, vendor: Vendor
) -> None:
    """Row 16: fails without `authors=[authority.submitted_by]` in `cas.services.waiving.waive`."""
    own = waiting_authority(operator, vendor)
    with pytest.raises(Refused) as refused:
        waiving.waive(operator, own, What.PROOF, reason=WHY)
    assert refused.value.code == "own-submission"
    waiving.waive(second_operator, own, What.PROOF, reason=WHY)


def test_the_only_operator_gives_the_password(operator: User, vendor: Vendor, password: str) -> None:
    own = waiting_authority(operator, vendor)
    with pytest.raises(PasswordNeeded):
        waiving.waive(operator, own, What.PROOF, reason=WHY)
    assert waiving.waive(operator, own, What.PROOF, reason=WHY, password=password).single_handed
    assert Record.objects.get(action="authority.proof-waived").details["single_handed"] is True


def test_nothing_is_waived_twice_or_when_it_is_there(
    operator: User, vendor_user: User, authority: Authority, ca: Made
) -> None:
    waiving.waive(operator, authority, What.PROOF, reason=WHY)
    trying.try_leaf(vendor_user, authority, make_leaf(ca).pem)
    for what in What:
        with pytest.raises(Refused) as refused:
            waiving.waive(operator, authority, what, reason=WHY)
        assert refused.value.code == "nothing-to-waive"
    with pytest.raises(IntegrityError):
        Waiver.objects.create(authority=authority, what=What.PROOF, reason=WHY)


def test_a_refused_leaf_may_be_waived(operator: User, vendor_user: User, authority: Authority, ca: Made) -> None:
    trying.try_leaf(vendor_user, authority, make_leaf(make_issuing(ca)).pem)
    waiving.waive(operator, authority, What.TEST_LEAF, reason=WHY)
    assert evidence_of(authority).test_leaf.state == State.WAIVED


def test_what_is_shown_later_counts_more_than_the_waiver(
    operator: User, vendor_user: User, authority: Authority, ca: Made
) -> None:
    for what in What:
        waiving.waive(operator, authority, what, reason=WHY)
    proving.prove(vendor_user, authority, make_leaf(ca, proving.make_code(vendor_user, authority).code).pem)
    trying.try_leaf(vendor_user, authority, make_leaf(ca).pem)
    evidence = evidence_of(authority)
    assert (evidence.proof.state, evidence.test_leaf.state) == (State.PROVEN, State.ACCEPTED)


def test_nothing_is_waived_for_what_is_ours(operator: User, authority: Authority) -> None:
    authority.origin = Authority.Origin.OPERATED
    with pytest.raises(Refused) as refused:
        waiving.waive(operator, authority, What.PROOF, reason=WHY)
    assert refused.value.code == "no-evidence-needed"


# Approval


def test_approval_names_what_is_missing(operator: User, vendor_user: User, authority: Authority, ca: Made) -> None:
    """Fails without `require_evidence` in `cas.services.review.approve`."""
    with pytest.raises(Refused, match=r"holds its key and a test leaf, .* are missing") as refused:
        approve(authority, operator)
    assert refused.value.code == "evidence-missing"
    proving.prove(vendor_user, authority, make_leaf(ca, proving.make_code(vendor_user, authority).code).pem)
    with pytest.raises(Refused, match="Not yet: a test leaf, the certificate of one gateway is missing"):
        approve(authority, operator)
    trying.try_leaf(vendor_user, authority, make_leaf(ca, "58a0cbfffe123456").pem)
    with pytest.raises(Refused, match="58a0cbfffe123456 was refused"):
        approve(authority, operator)
    authority.refresh_from_db()
    assert authority.state == Authority.State.SUBMITTED
    trying.try_leaf(vendor_user, authority, make_leaf(ca).pem)
    assert approve(authority, operator).state == Authority.State.APPROVED


def test_approval_takes_waivers(operator: User, authority: Authority) -> None:
    for what in What:
        waiving.waive(operator, authority, what, reason=WHY)
    assert approve(authority, operator).state == Authority.State.APPROVED


def test_a_refusal_needs_no_evidence(operator: User, authority: Authority) -> None:
    review.refuse(authority, actor=operator, expected_sha256=authority.sha256, reason="Not this one.")


def test_the_evidence_of_many_costs_three_queries(
    operator: User, vendor: Vendor, django_assert_num_queries: Callable[..., object]
) -> None:
    many = hand_in(operator, vendor, *(make_root(f"Root {number}") for number in range(12)))
    for each in many[::2]:
        waived(each)
    with django_assert_num_queries(3):  # type: ignore[attr-defined]  # pytest-django's context manager
        found = evidence_of_each(many)
    assert [found[each.pk].is_complete for each in many] == [True, False] * 6
