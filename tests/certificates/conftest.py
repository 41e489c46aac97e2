"""A vendor with a gateway, and an authority of ours that issues for it."""

import pytest

from accounts.models import Deployment, User, Vendor
from cas.models import Authority
from cas.services.operate import Plan, create_issuing, create_root
from certificates.models import Certificate, Request
from certificates.services import approve_request, issue, request_certificate, set_policy
from core import clock
from gateways.models import Gateway
from gateways.services import register
from tests.pki.makers import make_root

EUI = "58A0CBFFFE8011D4"
CUPS_URI = "https://cups.fjordnet.example:8987"


@pytest.fixture
def issuing(operator: User) -> Authority:
    root = create_root(operator, Plan("Fjordnet Root", "Fjordnet", "P-256", 20, 1))
    return create_issuing(operator, root, Plan("Fjordnet Gateways", "Fjordnet", "P-256", 10, 0))


@pytest.fixture
def gateway(operator: User, vendor: Vendor) -> Gateway:
    return register(operator, vendor, EUI, "Kvitfjell mast")


@pytest.fixture
def policy(operator: User, vendor: Vendor, issuing: Authority) -> None:
    """Our authority issues for the vendor; requests wait."""
    set_policy(vendor, actor=operator, authority=issuing, automatic=False)


@pytest.fixture
def wish(policy: None, vendor_user: User, gateway: Gateway) -> Request:
    """The vendor asked, and nobody has decided."""
    return request_certificate(vendor_user, gateway, lifetime_days=365, idempotency_key="w", key_type="P-256")


@pytest.fixture
def approved(wish: Request, operator: User) -> Request:
    return approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)


@pytest.fixture
def certificate(approved: Request) -> Certificate:
    made = issue(approved.pk)
    assert made is not None
    return Certificate.objects.with_successor(clock.now()).select_related("gateway", "vendor", "key").get(pk=made.pk)


@pytest.fixture
def kits(deployment: Deployment) -> Deployment:
    """What station kits need is there."""
    deployment.cups_uri = CUPS_URI
    deployment.cups_trust = make_root("Server Root").pem.decode()
    deployment.save()
    return deployment
