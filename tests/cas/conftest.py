"""The people of these tests."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User, Vendor

PASSWORD = "correct horse battery"


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_user("ines@fjordnet.example", PASSWORD, name="Ines Maurer", role="operator")


@pytest.fixture
def second_operator(db: None) -> User:
    return User.objects.create_user("tomas@fjordnet.example", PASSWORD, name="Tomas Lind", role="operator")


@pytest.fixture
def auditor(db: None) -> User:
    return User.objects.create_user("ada@audit.example", PASSWORD, name="Ada Audit", role="auditor")


@pytest.fixture
def vendor(db: None) -> Vendor:
    return Vendor.objects.create(name="Kestrel Radio")


@pytest.fixture
def other_vendor(db: None) -> Vendor:
    return Vendor.objects.create(name="Nordlink Gateways")


@pytest.fixture
def vendor_user(vendor: Vendor) -> User:
    return User.objects.create_user("kim@kestrel.example", PASSWORD, name="Kim Kestrel", role="vendor", vendor=vendor)


@pytest.fixture
def other_vendor_user(other_vendor: Vendor) -> User:
    return User.objects.create_user("nils@nordlink.example", PASSWORD, name="Nils", role="vendor", vendor=other_vendor)


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in
