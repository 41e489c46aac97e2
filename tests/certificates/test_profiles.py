"""Requests for profiles that operators made: who may ask, who decides, and what they pin."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import User, Vendor
from cas.models import Authority
from cas.services.profiles import save_profile
from certificates.models import Approval, Batch, Line, Request
from certificates.services import approve_request, issue, request_certificate, set_policy
from certificates.services.batch_checking import check_chunk
from certificates.services.batches import Entry, Wish, create_batch
from certificates.services.ledger import check_ledger
from certificates.services.renewal import due_certificates
from core import clock
from core.errors import Refused
from gateways.models import Gateway
from pki.facts import read_certificate
from pki.profiles import GATEWAY_CLIENT, Profile
from tests.pki.makers import make_csr, rsa_key

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
SHORT = replace(
    GATEWAY_CLIENT,
    name="gateway-short",
    lifetimes=(timedelta(days=7), timedelta(days=30)),
    key_types=frozenset({"P-256"}),
    renew_at=50,
)


@pytest.fixture
def short(operator: User) -> Profile:
    return save_profile(operator, SHORT)


@pytest.fixture
def offered(policy: None, operator: User, vendor: Vendor, issuing: Authority, short: Profile) -> Profile:
    """The vendor may ask for both: the usual one waits, the short one is approved as it comes."""
    approvals = {GATEWAY_CLIENT.name: Approval.OPERATOR, short.name: Approval.AUTOMATIC}
    set_policy(vendor, actor=operator, authority=issuing, approvals=approvals)
    return short


def ask(actor: User, gateway: Gateway, profile: str, *, days: int, key: str = "k", key_type: str = "P-256") -> Request:
    return request_certificate(
        actor, gateway, lifetime_days=days, idempotency_key=key, key_type=key_type, profile=profile
    )


def test_a_profile_is_for_vendors_to_whom_it_is_offered(
    policy: None, short: Profile, vendor_user: User, gateway: Gateway
) -> None:
    with pytest.raises(Refused) as refusal:
        ask(vendor_user, gateway, short.name, days=7)
    assert refusal.value.code == "profile-not-offered"


@pytest.mark.parametrize("name", ["tls-server", "root", "ocsp-signer", "nothing"])
def test_no_rule_lets_a_gateway_have_a_profile_of_another_kind(
    policy: None, operator: User, vendor: Vendor, issuing: Authority, vendor_user: User, gateway: Gateway, name: str
) -> None:
    set_policy(vendor, actor=operator, authority=issuing, approvals={name: Approval.AUTOMATIC})
    with pytest.raises(Refused) as refusal:
        ask(vendor_user, gateway, name, days=90)
    assert refusal.value.code == "profile-not-offered"


def test_each_profile_has_a_rule_of_its_own(offered: Profile, vendor_user: User, gateway: Gateway) -> None:
    assert ask(vendor_user, gateway, offered.name, days=7, key="a").state == Request.State.APPROVED
    assert ask(vendor_user, gateway, GATEWAY_CLIENT.name, days=365, key="b").state == Request.State.REQUESTED


def test_the_usual_profile_can_be_withheld(
    offered: Profile, operator: User, vendor: Vendor, issuing: Authority, vendor_user: User, gateway: Gateway
) -> None:
    withheld = {GATEWAY_CLIENT.name: Approval.NONE}
    set_policy(vendor, actor=operator, authority=issuing, approvals=withheld)
    with pytest.raises(Refused):
        ask(vendor_user, gateway, GATEWAY_CLIENT.name, days=365)


@pytest.mark.parametrize(
    ("days", "key_type", "code"), [(365, "P-256", "lifetime-refused"), (7, "RSA 2048", "key-type-refused")]
)
def test_a_request_keeps_to_its_profile(
    offered: Profile, vendor_user: User, gateway: Gateway, days: int, key_type: str, code: str
) -> None:
    with pytest.raises(Refused) as refusal:
        ask(vendor_user, gateway, offered.name, days=days, key_type=key_type)
    assert refusal.value.code == code


def test_a_request_pins_the_version_that_it_was_made_with(
    policy: None, operator: User, vendor_user: User, gateway: Gateway
) -> None:
    wish = ask(vendor_user, gateway, GATEWAY_CLIENT.name, days=365)
    both = frozenset({"clientAuth", "serverAuth"})
    changed = save_profile(operator, replace(GATEWAY_CLIENT, lifetimes=(timedelta(days=90),), extended_key_usage=both))
    approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    made = issue(wish.pk)
    assert made is not None
    assert (wish.profile_version, changed.version) == (1, 2)
    assert read_certificate(bytes(made.der)).extended_key_usage == frozenset({"clientAuth"})
    check_ledger()


def test_what_a_new_version_says_is_what_certificates_are(
    offered: Profile, operator: User, vendor_user: User, gateway: Gateway
) -> None:
    save_profile(operator, replace(offered, key_usage=frozenset({"digitalSignature", "keyAgreement"})))
    made = issue(ask(vendor_user, gateway, offered.name, days=30).pk)
    assert made is not None
    facts = read_certificate(bytes(made.der))
    assert facts.key_usage == frozenset({"digitalSignature", "keyAgreement"})
    assert facts.not_after - facts.not_before == timedelta(days=30, minutes=5)
    assert made.request is not None
    assert made.request.profile_version == 2
    check_ledger()


def test_renewal_is_due_when_the_profile_says_so(
    offered: Profile, vendor: Vendor, vendor_user: User, gateway: Gateway
) -> None:
    made = issue(ask(vendor_user, gateway, offered.name, days=30).pk)
    assert made is not None
    assert list(due_certificates(vendor, clock.now() + timedelta(days=14))) == []
    assert list(due_certificates(vendor, clock.now() + timedelta(days=16))) == [made]


def test_a_batch_is_of_one_profile_and_refuses_other_keys_by_line(
    offered: Profile, operator: User, vendor: Vendor, gateway: Gateway
) -> None:
    csr = make_csr(gateway.eui, key=rsa_key())
    batch = create_batch(
        operator, vendor, [Entry("a.csr", csr)], Wish("a", 7, profile=offered.name), idempotency_key="b"
    )
    check_chunk(batch.chunks.get().pk)
    assert (batch.profile, batch.profile_version) == (offered.name, offered.version)
    line = Line.objects.get(chunk__batch=batch)
    assert (line.code, "RSA 2048" in line.words) == ("key-type-refused", True)
    assert Batch.objects.get(pk=batch.pk).state == Batch.State.DONE


def test_the_form_offers_the_profiles_of_the_vendor(
    offered: Profile, vendor_user: User, gateway: Gateway, client_of: ClientOf
) -> None:
    client = client_of(vendor_user)
    assert "gateway-short: 7, 30 days" in client.get(f"/gateways/{gateway.pk}/request/").content.decode()
    posted = {"source": "made-here", "key_type": "P-256", "profile": "gateway-short", "lifetime_days": "7"}
    client.post(f"/gateways/{gateway.pk}/request/", {**posted, "idempotency_key": "x"})
    assert Request.objects.get().profile == "gateway-short"
