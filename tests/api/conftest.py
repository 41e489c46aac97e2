"""Programs with tokens of the people of the tests."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.calls import CALLS
from accounts.models import ApiToken, User, Vendor
from accounts.services.api_tokens import make_token, scopes_of
from gateways.models import Gateway
from gateways.services import register
from tests.conftest import PASSWORD

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
