"""The one rule about who may decide on a submission."""

from collections.abc import Iterable

from accounts.models import User
from accounts.services.passwords import confirm_password
from core.errors import Forbidden, Refused


def decide(actor: User, *, authors: Iterable[User | None], password: str = "", reason: str = "") -> bool:
    """Let `actor` decide on what `authors` submitted or changed, and return whether it is single-handed.

    A second active operator decides. Where there is only one, that one decides on the own submission after the
    password and a reason. `authors` are all who submitted it, also on a vendor's behalf, or changed it since.
    Raises Forbidden, Refused("own-submission"), Refused("reason-needed") or PasswordNeeded.
    """
    operators = {operator.pk: operator for operator in User.objects.active_operators()}
    if actor.pk not in operators:
        raise Forbidden("not-for-your-role", "Only an active operator can decide on this.")
    hands = {author.pk for author in authors if author is not None}
    if actor.pk not in hands:
        return False
    if len(operators) > 1:
        raise Refused("own-submission", _who_else(operator for pk, operator in operators.items() if pk not in hands))
    if not reason.strip():
        message = "You are the only operator, and this is your own submission: say why you decide on it alone."
        raise Refused("reason-needed", message, field="reason")
    confirm_password(operators[actor.pk], password)
    return True


def _who_else(others: Iterable[User]) -> str:
    names = [other.name for other in others]
    if not names:
        return "Every operator had a hand in this. Let the vendor hand it in again, or invite another operator."
    return f"You had a hand in this yourself, so another operator decides: ask {' or '.join(names)}."
