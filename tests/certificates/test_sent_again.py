"""A form that is sent again: the same wish is one request, another wish is refused in words."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from certificates.models import Request
from certificates.services import request_certificate
from core.errors import Refused
from gateways.models import Gateway
from tests.pki import makers

ClientOf = Callable[[User], Client]


@pytest.mark.parametrize("changes", [{"lifetime_days": 90}, {"key_type": "RSA 2048"}, {"csr": b"no CSR"}])
def test_a_form_sent_again_with_other_values_is_refused(
    changes: dict[str, object], wish: Request, vendor_user: User
) -> None:
    """Fails without `_same` in `certificates.services.requests`: who went back in the browser and chose 90 days
    would get the year that was asked for first."""
    asked = {"lifetime_days": 365, "idempotency_key": "w", "key_type": "P-256"} | changes
    with pytest.raises(Refused) as refused:
        request_certificate(vendor_user, wish.gateway, **asked)  # type: ignore[arg-type]  # each is a parameter
    assert refused.value.code == "asked-otherwise"
    assert Request.objects.get().lifetime_days == 365


def test_a_csr_sent_again_is_one_request_in_whatever_form(policy: None, vendor_user: User, gateway: Gateway) -> None:
    csr = makers.make_csr(gateway.eui, key=makers.p256_key("gateway"))
    pem = makers.to_pem(csr, "CERTIFICATE REQUEST")
    made = [
        request_certificate(vendor_user, gateway, lifetime_days=365, idempotency_key="c", csr=each)
        for each in (csr, pem)
    ]
    assert made[0] == made[1]


def test_another_csr_with_the_same_form_is_refused(policy: None, vendor_user: User, gateway: Gateway) -> None:
    first, second = (makers.make_csr(gateway.eui, key=makers.p256_key(name)) for name in ("one", "two"))
    request_certificate(vendor_user, gateway, lifetime_days=365, idempotency_key="c", csr=first)
    with pytest.raises(Refused) as refused:
        request_certificate(vendor_user, gateway, lifetime_days=365, idempotency_key="c", csr=second)
    assert refused.value.code == "asked-otherwise"


def test_the_page_says_that_the_form_was_sent_before(wish: Request, vendor_user: User, client_of: ClientOf) -> None:
    form = {"source": "made-here", "key_type": "P-256", "lifetime_days": "90", "idempotency_key": "w"}
    page = client_of(vendor_user).post(f"/gateways/{wish.gateway_id}/request/", form).content.decode()
    assert "This form was sent before, for 365 days" in page
