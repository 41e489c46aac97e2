"""Where the key of an authority lives: chosen on the form where a token is offered, and said on its page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from audit.models import Record
from cas.models import Authority, Signing
from cas.services.operate import Plan, create_issuing, create_root
from core.errors import Refused
from keys.errors import TokenAway
from keys.models import Key
from tests.servers import SoftToken

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[[User], Client]
OPERATE = "/authorities/operate/"
ROOT = {"kind": "root", "name": "Fjordnet Root", "organisation": "", "key_type": "P-256", "years": 20, "path_length": 1}
ROOT_PLAN = Plan("Fjordnet Root", "Fjordnet", "P-256", 20, 1, provider="pkcs11")
ISSUING_PLAN = Plan("Fjordnet Gateways", "Fjordnet", "P-256", 10, 0)


def test_without_a_token_nobody_is_asked(operator: User, client_of: SignIn) -> None:
    client = client_of(operator)
    assert "Where the key lives" not in client.get(OPERATE).content.decode()
    assert client.post(OPERATE, ROOT).status_code == 302
    assert Key.objects.get().provider == "sealed"


def test_with_a_token_one_chooses_and_the_token_comes_first(
    operator: User, client_of: SignIn, token: SoftToken
) -> None:
    page = client_of(operator).get(OPERATE).content.decode()
    assert page.index("In the token fjordnet") < page.index("Sealed in the database")
    assert page.index("checked") < page.index("In the token fjordnet")
    assert token.pin not in page


@pytest.mark.parametrize("provider", ["sealed", "pkcs11"])
def test_the_key_lives_where_it_was_chosen(provider: str, operator: User, client_of: SignIn, token: SoftToken) -> None:
    assert client_of(operator).post(OPERATE, ROOT | {"provider": provider}).status_code == 302
    root = Authority.objects.select_related("key").get()
    assert root.key is not None
    assert root.key.provider == provider
    assert Record.objects.get(action="authority.created").details["key"] == provider


@pytest.mark.parametrize("provider", ["", "elsewhere"])
def test_who_chooses_nothing_is_asked_again(provider: str, operator: User, client_of: SignIn, token: SoftToken) -> None:
    assert client_of(operator).post(OPERATE, ROOT | {"provider": provider}).status_code == 200
    assert not Key.objects.exists()


def test_who_chose_a_token_that_is_offered_no_more_gets_no_sealed_key(operator: User, client_of: SignIn) -> None:
    page = client_of(operator).post(OPERATE, ROOT | {"provider": "pkcs11"}).content.decode()
    assert "No token is offered here any more" in page
    assert not Key.objects.exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PKCS11_MODULE", "/nowhere/library.so", "CERTADMIN_PKCS11_MODULE"),
        ("PKCS11_PIN", "wrong-314159", "CERTADMIN_PKCS11_PIN"),
    ],
)
def test_a_token_that_is_away_is_told_on_the_form(
    name: str, value: str, words: str, operator: User, client_of: SignIn, token: SoftToken, settings: Settings
) -> None:
    setattr(settings, name, value)
    page = client_of(operator).post(OPERATE, ROOT | {"provider": "pkcs11"}).content.decode()
    assert words in page
    assert value not in page
    assert (Key.objects.count(), Signing.objects.count()) == (0, 0)


def test_an_issuing_authority_may_have_a_sealed_key_below_a_root_in_the_token(operator: User, token: SoftToken) -> None:
    issuing = create_issuing(operator, create_root(operator, ROOT_PLAN), ISSUING_PLAN)
    assert [_provider(each) for each in issuing.chain()] == ["sealed", "pkcs11"]


def _provider(authority: Authority) -> Any:
    return Key.objects.get(spki_sha256=authority.spki_sha256).provider


def test_with_the_roots_token_away_nothing_is_begun(operator: User, token: SoftToken, settings: Settings) -> None:
    """Fails without `check_key` in `cas.services.operate._create`: the name would be reserved, and perhaps signed."""
    root = create_root(operator, ROOT_PLAN)
    settings.PKCS11_MODULE = "/nowhere/library.so"
    with pytest.raises(TokenAway):
        create_issuing(operator, root, ISSUING_PLAN)
    assert (Signing.objects.count(), Key.objects.count()) == (1, 1)
    settings.PKCS11_MODULE = token.module
    assert create_issuing(operator, root, ISSUING_PLAN).parent == root


def test_a_refused_root_leaves_no_key_in_the_token(operator: User, token: SoftToken) -> None:
    with pytest.raises(Refused):
        create_root(operator, Plan("x\n", "", "P-256", 20, 1, provider="pkcs11"))
    assert not Key.objects.alive().exists()


@pytest.mark.parametrize(("who", "shown"), [("operator", True), ("auditor", True), ("vendor_user", False)])
def test_the_page_says_where_the_key_lives(
    who: str, shown: bool, operator: User, token: SoftToken, client_of: SignIn, request: pytest.FixtureRequest
) -> None:
    """The token's name is no vendor's business."""
    root = create_root(operator, ROOT_PLAN)
    page = client_of(request.getfixturevalue(who)).get(f"/authorities/{root.pk}/").content.decode()
    assert "in a token" in page
    assert ('<span class="c-mono">fjordnet</span>' in page) is shown


def test_the_page_of_a_sealed_one_says_so(operator: User, client_of: SignIn) -> None:
    root = create_root(operator, Plan("Fjordnet Root", "", "P-256", 20, 1))
    assert "sealed in the vault" in client_of(operator).get(f"/authorities/{root.pk}/").content.decode()
