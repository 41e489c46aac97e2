"""The one field over everything."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User, Vendor
from gateways.services import register

pytestmark = pytest.mark.django_db


def test_a_nul_in_the_words_is_no_error(operator: User, vendor: Vendor, client_of: Callable[[User], Client]) -> None:
    """PostgreSQL takes none."""
    register(operator, vendor, "58A0CBFFFE8011D4", "Kvitfjell mast")
    assert "58A0CBFFFE8011D4" in client_of(operator).get("/search/", {"q": "kvit\0fjell"}).content.decode()
