"""Asking for a certificate, and deciding on it."""

import hashlib
from datetime import timedelta

import pytest
from django.db import IntegrityError
from pytest_django import Settings

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority
from certificates.models import Request
from certificates.services import (
    approve_request,
    issue,
    refuse_request,
    request_certificate,
    retry_request,
    set_policy,
)
from certificates.services.requests import CsrRefused
from core import clock
from core.errors import Forbidden, Refused, TooMany
from gateways.models import Gateway
from gateways.services import register
from keys.models import Key
from outbox.models import Message
from tests.gateways.claims import claim
from tests.pki import makers

EUI = "58A0CBFFFE8011D4"


def ask(actor: User, gateway: Gateway, **changes: object) -> Request:
    wish = {"lifetime_days": 365, "idempotency_key": "k", "key_type": "P-256"} | changes
    return request_certificate(actor, gateway, **wish)  # type: ignore[arg-type]  # each change is a parameter


def code_of(refused: "pytest.ExceptionInfo[Refused]") -> str:
    return refused.value.code


# asking


def test_a_vendors_request_waits(wish: Request) -> None:
    assert wish.state == "requested"
    assert (wish.key_type, wish.csr, wish.vendor) == ("P-256", None, wish.gateway.vendor)


def test_an_operators_request_waits_too(policy: None, operator: User, gateway: Gateway) -> None:
    assert ask(operator, gateway).state == "requested"


def test_a_vendor_that_was_made_automatic_does_not_wait(
    issuing: Authority, operator: User, vendor: Vendor, vendor_user: User, gateway: Gateway
) -> None:
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    wish = ask(vendor_user, gateway)
    assert (wish.state, wish.decided_by) == ("approved", None)
    assert Record.objects.get(action="request.approved").actor_kind == "system"


def test_the_same_request_twice_is_one(wish: Request, vendor_user: User) -> None:
    """G3: fails when `_asked_before` in `certificates.services.requests` finds nothing."""
    assert ask(vendor_user, wish.gateway, idempotency_key="w") == wish
    assert Request.objects.count() == 1
    assert Key.objects.filter(purpose="gateway").count() == 1


def test_the_database_itself_keeps_a_second_row_out(wish: Request) -> None:
    """G3: fails without `unique=True` on `certificates.models.Request.idempotency_key`, and in its migration."""
    wish.pk = None
    with pytest.raises(IntegrityError, match="idempotency_key"):
        wish.save(force_insert=True)


def test_another_vendor_with_the_same_key_gets_its_own_request(
    wish: Request, issuing: Authority, operator: User, other_vendor: Vendor, other_vendor_user: User
) -> None:
    set_policy(other_vendor, actor=operator, authority=issuing, automatic=False)
    theirs = register(operator, other_vendor, "AC1F09FFFE000001")
    assert ask(other_vendor_user, theirs, idempotency_key="w") != wish


def test_nobody_asks_for_anothers_gateway(policy: None, gateway: Gateway, other_vendor_user: User) -> None:
    with pytest.raises(Forbidden):
        ask(other_vendor_user, gateway)


def test_an_auditor_asks_for_nothing(policy: None, gateway: Gateway, auditor: User) -> None:
    with pytest.raises(Forbidden):
        ask(auditor, gateway)


def test_without_an_issuing_authority_nothing_is_asked_for(vendor_user: User, gateway: Gateway) -> None:
    with pytest.raises(Refused) as refused:
        ask(vendor_user, gateway)
    assert code_of(refused) == "no-issuing-authority"


def test_an_authority_that_has_expired_issues_nothing(policy: None, vendor_user: User, gateway: Gateway) -> None:
    with clock.at(clock.now() + timedelta(days=365 * 11)), pytest.raises(Refused) as refused:
        ask(vendor_user, gateway)
    assert code_of(refused) == "authority-unusable"


def test_a_certificate_that_would_outlive_its_authority_is_refused(
    policy: None, issuing: Authority, vendor_user: User, gateway: Gateway
) -> None:
    with clock.at(issuing.not_after - timedelta(days=100)):
        with pytest.raises(Refused) as refused:
            ask(vendor_user, gateway)
        assert (code_of(refused), refused.value.field) == ("outlives-issuer", "lifetime_days")
        assert ask(vendor_user, gateway, lifetime_days=90).pk


def test_a_disputed_gateway_gets_no_request(
    policy: None, gateway: Gateway, vendor_user: User, other_vendor_user: User
) -> None:
    """G12: fails without `refuse_unfit` in `certificates.services.requests._ask`."""
    claim(other_vendor_user, gateway.eui)
    with pytest.raises(Refused) as refused:
        ask(vendor_user, gateway)
    assert code_of(refused) == "gateway-disputed"
    assert not Request.objects.exists()


def test_a_vendor_has_so_many_open_requests_and_no_more(
    wish: Request, operator: User, vendor: Vendor, vendor_user: User, gateway: Gateway, settings: Settings
) -> None:
    """Fails without `_refuse_too_many` in `certificates.services.requests._ask`; no key is made in vain."""
    settings.MAX_OPEN_REQUESTS = 1
    second = register(operator, vendor, "58A0CBFFFE8011D5")
    with pytest.raises(TooMany, match="ask an operator"):
        ask(vendor_user, second)
    assert Key.objects.filter(purpose="gateway").count() == 1
    assert ask(vendor_user, gateway, idempotency_key="w") == wish  # the same form sent twice is no more than once
    refuse_request(wish, actor=operator, reason="No")
    assert ask(vendor_user, second).pk


def test_the_quota_is_each_vendors_own_and_none_for_operators(
    wish: Request, issuing: Authority, operator: User, other_vendor_user: User, settings: Settings
) -> None:
    settings.MAX_OPEN_REQUESTS = 1
    assert other_vendor_user.vendor is not None
    set_policy(other_vendor_user.vendor, actor=operator, authority=issuing, automatic=False)
    theirs = register(operator, other_vendor_user.vendor, "AC1F09FFFE000001")
    assert ask(other_vendor_user, theirs).pk
    assert ask(operator, wish.gateway).pk


@pytest.mark.parametrize("days", [0, 1, 91, 3650])
def test_only_the_lifetimes_of_the_profile_are_offered(
    days: int, policy: None, vendor_user: User, gateway: Gateway
) -> None:
    with pytest.raises(Refused) as refused:
        ask(vendor_user, gateway, lifetime_days=days)
    assert code_of(refused) == "lifetime-refused"


def test_only_keys_that_a_station_reads_are_made_here(policy: None, vendor_user: User, gateway: Gateway) -> None:
    assert ask(vendor_user, gateway, key_type="RSA 2048").key_type == "RSA 2048"
    with pytest.raises(Refused) as refused:
        ask(vendor_user, gateway, key_type="P-384", idempotency_key="other")
    assert code_of(refused) == "key-type-refused"


# from a CSR


def test_a_csr_brings_its_own_key(policy: None, vendor_user: User, gateway: Gateway) -> None:
    csr = makers.make_csr(EUI, key=makers.p256_key("gw"))
    wish = ask(vendor_user, gateway, csr=makers.to_pem(csr, "CERTIFICATE REQUEST"), key_type="")
    assert (wish.key, bytes(wish.csr or b"")) == (None, csr)
    assert bytes(wish.public_key) == makers.public_der(makers.p256_key("gw"))


@pytest.mark.parametrize("name", [EUI.lower(), "58A0CBFFFE8011D5", "mast"])
def test_a_csr_with_another_name_is_refused_with_every_finding(
    name: str, policy: None, vendor_user: User, gateway: Gateway
) -> None:
    with pytest.raises(CsrRefused) as refused:
        ask(vendor_user, gateway, csr=makers.make_csr(name), key_type="")
    assert refused.value.field == "csr"
    assert refused.value.findings
    assert not Request.objects.exists()


def test_a_private_key_instead_of_a_csr_is_refused(policy: None, vendor_user: User, gateway: Gateway) -> None:
    with pytest.raises(CsrRefused) as refused:
        ask(vendor_user, gateway, csr=makers.private_pem(makers.p256_key("gw")), key_type="")
    assert code_of(refused) == "private-key"


def test_a_key_of_another_gateway_is_refused(
    policy: None, operator: User, vendor: Vendor, vendor_user: User, gateway: Gateway, issued_from_csr: bytes
) -> None:
    second = register(operator, vendor, "58A0CBFFFE8011D5")
    csr = makers.make_csr(second.eui, key=makers.p256_key("cloned"))
    with pytest.raises(Refused) as refused:
        ask(vendor_user, second, csr=csr, key_type="", idempotency_key="second")
    assert code_of(refused) == "key-in-use"


# deciding


def test_an_operator_approves(wish: Request, operator: User) -> None:
    done = approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    assert (done.state, done.decided_by, done.single_handed) == ("approved", operator, False)


def test_an_approval_is_for_what_was_seen(wish: Request, operator: User) -> None:
    with pytest.raises(Refused) as refused:
        approve_request(wish, actor=operator, expected_sha256=hashlib.sha256(b"other").hexdigest())
    assert code_of(refused) == "request-changed"


def test_changed_content_voids_an_approval(wish: Request, operator: User) -> None:
    Request.objects.filter(pk=wish.pk).update(lifetime_days=730)
    with pytest.raises(Refused) as refused:
        approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    assert code_of(refused) == "request-changed"


def test_a_request_is_decided_once(approved: Request, operator: User) -> None:
    with pytest.raises(Refused) as again:
        approve_request(approved, actor=operator, expected_sha256=approved.content_sha256)
    with pytest.raises(Refused) as otherwise:
        refuse_request(approved, actor=operator, reason="No")
    assert code_of(again) == code_of(otherwise) == "request-decided"


def test_nobody_approves_the_own_request(policy: None, operator: User, second_operator: User, gateway: Gateway) -> None:
    wish = ask(operator, gateway)
    with pytest.raises(Refused) as refused:
        approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    assert code_of(refused) == "own-submission"
    assert approve_request(wish, actor=second_operator, expected_sha256=wish.content_sha256).state == "approved"


def test_a_single_operator_approves_with_password_and_reason(
    policy: None, operator: User, gateway: Gateway, password: str
) -> None:
    wish = ask(operator, gateway)
    done = approve_request(
        wish, actor=operator, expected_sha256=wish.content_sha256, password=password, reason="Nobody else is here"
    )
    assert done.single_handed
    assert Record.objects.get(action="request.approved").details["single_handed"] is True


def test_vendors_and_auditors_approve_nothing(wish: Request, vendor_user: User, auditor: User) -> None:
    for person in (vendor_user, auditor):
        with pytest.raises(Forbidden):
            approve_request(wish, actor=person, expected_sha256=wish.content_sha256)
        with pytest.raises(Forbidden):
            refuse_request(wish, actor=person, reason="No")


def test_a_refusal_is_mailed_with_its_reason(wish: Request, operator: User, vendor_user: User) -> None:
    refuse_request(wish, actor=operator, reason="The mast is on another network")
    mail = Message.objects.get()
    assert mail.recipient == vendor_user.email
    assert "The mast is on another network" in mail.text
    assert EUI in mail.subject


def test_a_refusal_needs_a_reason(wish: Request, operator: User) -> None:
    with pytest.raises(Refused) as refused:
        refuse_request(wish, actor=operator, reason="  ")
    assert code_of(refused) == "reason-needed"


def test_a_refused_request_leaves_no_key_behind(wish: Request, operator: User) -> None:
    refuse_request(wish, actor=operator, reason="No")
    assert Key.objects.get(purpose="gateway").destroyed_at is not None


def test_a_dispute_that_opened_meanwhile_stops_an_approval(
    wish: Request, operator: User, other_vendor_user: User
) -> None:
    """G12: fails without `refuse_unissuable` in `approve_request`."""
    claim(other_vendor_user, wish.gateway.eui)
    with pytest.raises(Refused) as refused:
        approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    assert code_of(refused) == "gateway-disputed"


def test_only_what_is_stuck_is_tried_again(approved: Request, operator: User) -> None:
    with pytest.raises(Refused) as refused:
        retry_request(approved, actor=operator)
    assert code_of(refused) == "request-not-stuck"


def test_only_operators_try_again(approved: Request, vendor_user: User) -> None:
    Request.objects.update(state="failed")
    with pytest.raises(Forbidden):
        retry_request(approved, actor=vendor_user)


@pytest.fixture
def issued_from_csr(policy: None, operator: User, vendor_user: User, gateway: Gateway) -> bytes:
    """A certificate for a key that somebody copied to another gateway."""
    return certified(vendor_user, operator, gateway, makers.make_csr(gateway.eui, key=makers.p256_key("cloned")))


def certified(asker: User, approver: User, gateway: Gateway, csr: bytes) -> bytes:
    wish = ask(asker, gateway, csr=csr, key_type="")
    approve_request(wish, actor=approver, expected_sha256=wish.content_sha256)
    made = issue(wish.pk)
    assert made is not None
    return bytes(made.der)
