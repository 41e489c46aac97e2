"""Who may decide on a submission (one rule, in one function)."""

import pytest

from accounts.models import User
from accounts.services import four_eyes
from core.errors import Forbidden, PasswordNeeded, Refused, TooMany

pytestmark = pytest.mark.django_db


def test_a_second_operator_decides(operator: User, second_operator: User) -> None:
    assert four_eyes.decide(second_operator, authors=[operator]) is False


def test_what_a_vendor_submitted_any_operator_decides_alone(operator: User, vendor_user: User) -> None:
    assert four_eyes.decide(operator, authors=[vendor_user, None]) is False


def test_nobody_decides_on_their_own_submission_while_another_could(operator: User, second_operator: User) -> None:
    with pytest.raises(Refused, match="ask Tomas Lind") as refused:
        four_eyes.decide(operator, authors=[operator], password="x", reason="because")
    assert refused.value.code == "own-submission"


def test_submitting_on_a_vendors_behalf_counts_as_submitting(
    operator: User, second_operator: User, vendor_user: User
) -> None:
    with pytest.raises(Refused) as refused:
        four_eyes.decide(operator, authors=[vendor_user, operator])
    assert refused.value.code == "own-submission"


def test_two_operators_who_both_had_a_hand_in_it_cannot_decide(operator: User, second_operator: User) -> None:
    with pytest.raises(Refused, match="Every operator had a hand") as refused:
        four_eyes.decide(operator, authors=[operator, second_operator])
    assert refused.value.code == "own-submission"


def test_the_only_operator_decides_single_handed_with_password_and_reason(operator: User, password: str) -> None:
    assert four_eyes.decide(operator, authors=[operator], password=password, reason="Nobody else yet") is True


def test_a_deactivated_second_operator_does_not_count(operator: User, second_operator: User, password: str) -> None:
    second_operator.is_active = False
    second_operator.save()
    assert four_eyes.decide(operator, authors=[operator], password=password, reason="Nobody else yet") is True


def test_single_handed_wants_a_reason(operator: User, password: str) -> None:
    with pytest.raises(Refused) as refused:
        four_eyes.decide(operator, authors=[operator], password=password, reason="  ")
    assert (refused.value.code, refused.value.field) == ("reason-needed", "reason")


@pytest.mark.parametrize("typed", ["", "not the password"])
def test_single_handed_wants_the_password(operator: User, typed: str) -> None:
    with pytest.raises(PasswordNeeded):
        four_eyes.decide(operator, authors=[operator], password=typed, reason="Nobody else yet")


def test_a_password_is_not_guessed_here(operator: User, password: str) -> None:
    for _ in range(5):
        with pytest.raises(PasswordNeeded):
            four_eyes.decide(operator, authors=[operator], password="wrong", reason="Nobody else yet")
    with pytest.raises(TooMany):
        four_eyes.decide(operator, authors=[operator], password=password, reason="Nobody else yet")


@pytest.mark.parametrize("who", ["vendor_user", "auditor"])
def test_others_never_decide(who: str, request: pytest.FixtureRequest, operator: User) -> None:
    with pytest.raises(Forbidden):
        four_eyes.decide(request.getfixturevalue(who), authors=[operator])


def test_an_operator_who_was_deactivated_meanwhile_does_not_decide(operator: User, vendor_user: User) -> None:
    User.objects.filter(pk=operator.pk).update(is_active=False)
    with pytest.raises(Forbidden):
        four_eyes.decide(operator, authors=[vendor_user])
