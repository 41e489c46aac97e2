"""The world of the tests: two operators, an auditor, and two vendors with a person each."""

import os
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings

from accounts.models import Deployment, Role, User, Vendor
from accounts.token_memory import MEMORY
from gateways.models import EuiBlock
from keys import cryptoki
from pki.eui_blocks import read_block
from tests import append_only, servers

PASSWORD = "lantern-harbour-42"
append_only.let_flush_empty_them()


@pytest.fixture(autouse=True)
def _forgotten_counts() -> Iterator[None]:
    """Rate limits start at nought in every test."""
    caches["process"].clear()
    MEMORY.forget()
    yield
    caches["process"].clear()


@pytest.fixture
def deployment(db: None) -> Deployment:
    return Deployment.objects.create(name="Fjordnet LoRaWAN")


@pytest.fixture
def operator(deployment: Deployment) -> User:
    return User.objects.create_user("ines@fjordnet.example", PASSWORD, name="Ines Maurer", role=Role.OPERATOR)


@pytest.fixture
def second_operator(deployment: Deployment) -> User:
    return User.objects.create_user("tomas@fjordnet.example", PASSWORD, name="Tomas Lind", role=Role.OPERATOR)


@pytest.fixture
def auditor(deployment: Deployment) -> User:
    return User.objects.create_user("sigrid@audit.example", PASSWORD, name="Sigrid Haug", role=Role.AUDITOR)


@pytest.fixture
def vendor(deployment: Deployment) -> Vendor:
    return _with_block("Kestrel Radio", "58A0CB")


@pytest.fixture
def vendor_user(vendor: Vendor) -> User:
    return User.objects.create_user(
        "jonas@kestrel.example", PASSWORD, name="Jonas Dahl", role=Role.VENDOR, vendor=vendor
    )


@pytest.fixture
def other_vendor(deployment: Deployment) -> Vendor:
    return _with_block("Ampere IoT", "AC1F09")


def _with_block(name: str, prefix: str) -> Vendor:
    """A vendor that registers freely what begins with these digits."""
    vendor = Vendor.objects.create(name=name)
    block = read_block(prefix)
    EuiBlock.objects.create(vendor=vendor, first=block.first, last=block.last, bits=block.bits)
    return vendor


@pytest.fixture
def other_vendor_user(other_vendor: Vendor) -> User:
    return User.objects.create_user(
        "mara@ampere.example", PASSWORD, name="Mara Weiss", role=Role.VENDOR, vendor=other_vendor
    )


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """Return a browser in which the person is signed in."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in


@pytest.fixture
def password() -> str:
    """What everybody's password is."""
    return PASSWORD


@pytest.fixture(scope="session")
def soft_token() -> Iterator[servers.SoftToken]:
    """A token that nobody is told of yet."""
    with servers.soft_token() as made, pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setitem(os.environ, name, value)
        yield made


@pytest.fixture
def token(soft_token: servers.SoftToken, settings: Settings) -> Iterator[servers.SoftToken]:
    """The product knows of the token. What a test did to the session is over with it."""
    settings.PKCS11_MODULE, settings.PKCS11_TOKEN = soft_token.module, soft_token.label
    settings.PKCS11_PIN = soft_token.pin
    yield soft_token
    cryptoki.hang_up()
