"""Gateways of two vendors."""

import pytest

from accounts.models import User, Vendor
from gateways.models import Dispute, Gateway
from gateways.services import register
from tests.gateways.claims import claim

EUI = "58A0CBFFFE8011D4"


@pytest.fixture
def gateway(operator: User, vendor: Vendor) -> Gateway:
    return register(operator, vendor, EUI, "Kvitfjell mast")


@pytest.fixture
def dispute(gateway: Gateway, other_vendor_user: User) -> Dispute:
    """The other vendor claims the gateway."""
    return claim(other_vendor_user, gateway.eui)
