"""Forms that are sent empty, or with a part missing: what is needed is said beside the field."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from certificates.models import Certificate, Request
from gateways.models import Gateway
from tests.gateways.claims import claim
from tests.pki import makers

ClientOf = Callable[[User], Client]
EUI = "58A0CBFFFE8011D4"
FORM = {"source": "made-here", "key_type": "P-256", "lifetime_days": "365", "idempotency_key": "once"}


def wrong(answer: Any) -> set[str]:
    """The fields beside which an error stands."""
    return set(re.findall(r'class="c-error" id="id_(\w+)_error"', answer.content.decode()))


def test_a_key_that_is_made_here_needs_its_type_and_the_form_does_not_call_it_optional(
    policy: None, gateway: Gateway, vendor_user: User, client_of: ClientOf
) -> None:
    client, path = client_of(vendor_user), f"/gateways/{gateway.pk}/request/"
    assert "(optional)" not in client.get(path).content.decode()
    assert wrong(client.post(path, FORM | {"key_type": ""})) == {"key_type"}
    assert not Request.objects.exists()


def test_a_csr_needs_no_type_of_key(policy: None, gateway: Gateway, vendor_user: User, client_of: ClientOf) -> None:
    """Fails when `key_type` of `RequestForm` is required: its error would stand where nobody sees it."""
    csr = makers.to_pem(makers.make_csr(EUI, key=makers.p256_key("gateway")), "CERTIFICATE REQUEST").decode()
    form = {name: value for name, value in FORM.items() if name != "key_type"} | {"source": "csr", "csr": csr}
    assert client_of(vendor_user).post(f"/gateways/{gateway.pk}/request/", form).status_code == 302
    assert Request.objects.get().csr is not None


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/gateways/register/", {"eui"}),
        ("/gateways/{gateway.pk}/request/", {"source", "lifetime_days"}),
        ("/gateways/{gateway.pk}/record/", {"leaf"}),
    ],
)
def test_an_empty_form_says_what_is_missing(
    path: str, fields: set[str], policy: None, gateway: Gateway, vendor_user: User, client_of: ClientOf
) -> None:
    """Fails with `request.POST or None` in the view: without any field, the form would look as if just opened."""
    assert wrong(client_of(vendor_user).post(path.format(gateway=gateway), {})) == fields


def test_an_empty_decision_says_what_is_missing(
    gateway: Gateway, operator: User, other_vendor_user: User, client_of: ClientOf
) -> None:
    dispute = claim(other_vendor_user, gateway.eui)
    answer = client_of(operator).post(f"/gateways/disputes/{dispute.pk}/", {})
    assert wrong(answer) == {"outcome", "reason"}


def test_an_empty_revocation_says_what_is_missing(
    certificate: Certificate, vendor_user: User, client_of: ClientOf
) -> None:
    assert wrong(client_of(vendor_user).post(f"/certificates/{certificate.pk}/revoke/", {})) == {"reason"}
