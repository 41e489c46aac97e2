"""Tokens of the API: their pages, and what they open."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from accounts.calls import Calls
from accounts.models import ApiToken, User, Vendor
from accounts.services.api_tokens import acting_as, find_token, make_token, revoke_token, take_calls
from accounts.services.people import deactivate
from audit.models import Record
from core import clock
from core.errors import Forbidden, PasswordNeeded, Refused
from tests.conftest import PASSWORD

ClientOf = Callable[[User], Client]


def made(person: User, **more: object) -> tuple[ApiToken, str]:
    chosen: dict[str, object] = {"name": "nightly job", "scopes": ["read"], "days": 90, "password": PASSWORD}
    return make_token(person, **{**chosen, **more})  # type: ignore[arg-type]  # of the same names


def test_the_secret_is_shown_once_and_kept_as_a_hash(vendor_user: User, client_of: ClientOf) -> None:
    client = client_of(vendor_user)
    form = {"name": "ERP", "scopes": ["read", "gateways"], "days": 30, "password": PASSWORD}
    page = client.post("/account/tokens/", form).content.decode()
    secret = page.split('id="secret">')[1].split()[0]
    token = ApiToken.objects.get()
    assert secret.startswith("cad_")
    assert find_token(secret) == token
    assert secret not in client.get("/account/tokens/").content.decode()
    assert secret not in str(list(ApiToken.objects.values()))
    assert Record.objects.get(action="token.made").details["scopes"] == ["gateways", "read"]


def test_it_needs_the_password(vendor_user: User) -> None:
    with pytest.raises(PasswordNeeded):
        made(vendor_user, password="wrong-password-1")
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("days", [0, 367, -1])
def test_every_token_ends_within_a_year(days: int, vendor_user: User) -> None:
    with pytest.raises(Refused, match="1 to 366"):
        made(vendor_user, days=days)


@pytest.mark.parametrize(
    ("who", "scope"), [("vendor_user", "sightings"), ("vendor_user", "audit"), ("auditor", "gateways")]
)
def test_nobody_gets_a_scope_beyond_the_role(who: str, scope: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(Refused, match=scope):
        made(request.getfixturevalue(who), scopes=["read", scope])


def test_an_ended_a_revoked_and_an_unknown_token_open_nothing(vendor_user: User) -> None:
    token, secret = made(vendor_user)
    _, other = made(vendor_user)
    with clock.at(clock.now() + timedelta(days=91)):
        assert find_token(secret) is None
    revoke_token(token, actor=vendor_user)
    assert find_token(secret) is None
    assert find_token(other) is not None
    assert find_token("cad_nothing") is None


def test_a_deactivated_persons_token_opens_nothing(operator: User, vendor_user: User) -> None:
    _, secret = made(vendor_user)
    deactivate(operator, vendor_user)
    assert find_token(secret) is None


def test_an_operators_token_for_one_vendor_does_what_its_people_do(operator: User, vendor: Vendor) -> None:
    token, _ = made(operator, vendor=vendor)
    acting = acting_as(token)
    assert (acting.is_operator, acting.is_vendor, acting.vendor_id) == (False, True, vendor.pk)
    assert operator.is_operator
    with pytest.raises(Refused):
        made(operator, vendor=vendor, scopes=["sightings"])


def test_a_remembered_token_is_believed_for_a_second_and_no_longer(
    vendor_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process revoked is known here a second later: fails when the memory does not fade."""
    token, secret = made(vendor_user)
    now = 1000.0
    monkeypatch.setattr("accounts.token_memory.time.monotonic", lambda: now)
    assert find_token(secret)
    ApiToken.objects.filter(pk=token.pk).update(revoked_at=clock.now())  # as another process would
    assert find_token(secret)
    now += 1.1
    assert find_token(secret) is None


def test_others_tokens_are_not_there(vendor_user: User, other_vendor_user: User, client_of: ClientOf) -> None:
    token, _ = made(vendor_user)
    assert client_of(other_vendor_user).post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert "nightly job" not in client_of(other_vendor_user).get("/account/tokens/").content.decode()
    with pytest.raises(Forbidden):
        revoke_token(token, actor=other_vendor_user)
    assert ApiToken.objects.get().is_usable


def test_an_operator_revokes_everybodys(operator: User, vendor_user: User, client_of: ClientOf) -> None:
    token, secret = made(vendor_user)
    client = client_of(operator)
    assert "nightly job" in client.get("/settings/tokens/").content.decode()
    client.post(f"/account/tokens/{token.pk}/revoke/")
    assert find_token(secret) is None
    assert Record.objects.get(action="token.revoked").details["owner"] == vendor_user.name


def test_who_is_not_signed_in_and_who_may_not(vendor_user: User, client_of: ClientOf) -> None:
    assert Client().get("/account/tokens/").status_code == 302
    assert client_of(vendor_user).get("/settings/tokens/").status_code == 403
    assert client_of(vendor_user).get("/account/tokens/1/revoke/").status_code == 405


def test_processes_together_give_out_the_limit_and_no_more(vendor_user: User, settings: object) -> None:
    """Fails when each process counts for itself, or when two take the same calls."""
    settings.API_CALLS_PER_MINUTE = 100  # type: ignore[attr-defined]  # pytest-django's
    token, _ = made(vendor_user)
    one, other = Calls(), Calls()
    with clock.at(clock.now().replace(second=0)):
        allowed = [process.take(token).allowed for _ in range(80) for process in (one, other)]
    assert sum(allowed) == 100
    with clock.at(clock.now() + timedelta(minutes=1)):
        assert one.take(token).allowed


def test_what_is_left_of_a_minute_is_given_to_the_last(vendor_user: User) -> None:
    token, _ = made(vendor_user)
    assert take_calls(token, 5, wanted=7, most=10) == (7, 3)
    assert take_calls(token, 5, wanted=7, most=10) == (3, 0)
    assert take_calls(token, 5, wanted=7, most=10) == (0, 0)
    assert take_calls(token, 6, wanted=7, most=10) == (7, 3)
