"""Programs with tokens of the people of the tests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.calls import CALLS
from accounts.models import ApiToken, User, Vendor
from accounts.services.api_tokens import make_token, scopes_of
from gateways.models import Claim, Gateway
from gateways.services import register
from tests.conftest import PASSWORD
from tests.pki import makers
from tests.world import World, make_world

EUI = "58A0CBFFFE8011D4"


class Program:
    """Calls the API with one token."""

    def __init__(self, secret: str, token: ApiToken | None = None) -> None:
        self.secret, self.token = secret, token
        self._client = Client(headers={"Authorization": f"Bearer {secret}"} if secret else {})

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(f"/api/v1{path}", query)

    def post(self, path: str, body: Any, *, key: str | None = None, kind: str = "application/json") -> Any:
        return self.send("POST", path, body, key=key, kind=kind)

    def patch(self, path: str, body: Any) -> Any:
        return self.send("PATCH", path, body)

    def send(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, kind: str = "application/json"
    ) -> Any:
        content = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
        headers = {"Idempotency-Key": key} if key else {}
        return self._client.generic(method, f"/api/v1{path}", content, content_type=kind, headers=headers)


ProgramOf = Callable[..., Program]


@pytest.fixture(autouse=True)
def _no_calls_yet() -> Iterator[None]:
    CALLS.forget()
    yield
    CALLS.forget()


@pytest.fixture
def program_of() -> ProgramOf:
    def make(user: User, *scopes: str, vendor: Vendor | None = None, days: int = 90) -> Program:
        chosen = scopes or scopes_of(user, vendor)
        token, secret = make_token(user, name="nightly job", scopes=chosen, days=days, password=PASSWORD, vendor=vendor)
        return Program(secret, token)

    return make


@pytest.fixture
def gateway(operator: User, vendor: Vendor) -> Gateway:
    return register(operator, vendor, EUI, "Kvitfjell mast")


@pytest.fixture
def world(
    transactional_db: None,
    operator: User,
    vendor: Vendor,
    vendor_user: User,
    other_vendor_user: User,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setattr(settings, "STORE_ROOTS", [tmp_path])
    der = makers.make_issuing(makers.make_root()).der
    made = make_world(operator, vendor, vendor_user, other_vendor_user, folder=tmp_path / "store", authority_der=der)
    Claim.objects.create(vendor=vendor, eui="0016C001F0123456", claimed_by=vendor_user)
    return made
