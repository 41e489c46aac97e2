"""The pages of requests: asking, following, deciding."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User, Vendor
from cas.models import Authority
from certificates.models import Approval, Certificate, Request
from certificates.services import issue, request_certificate, set_policy
from certificates.services import policy as policies
from gateways.models import Gateway
from gateways.services import register
from tests.pki import makers

ClientOf = Callable[[User], Client]
EUI = "58A0CBFFFE8011D4"
FORM = {"source": "made-here", "key_type": "P-256", "lifetime_days": "365", "idempotency_key": "once"}


def text_of(client: Client, path: str) -> str:
    return client.get(path).content.decode()


# asking


def test_the_form_asks_for_a_certificate(
    policy: None, gateway: Gateway, vendor_user: User, client_of: ClientOf
) -> None:
    answer = client_of(vendor_user).post(f"/gateways/{gateway.pk}/request/", FORM)
    made = Request.objects.get()
    assert answer["Location"] == f"/requests/{made.pk}/"
    assert (made.key_type, made.lifetime_days, made.requested_by) == ("P-256", 365, vendor_user)


def test_each_showing_of_the_form_is_a_request_of_its_own(
    policy: None, gateway: Gateway, vendor_user: User, client_of: ClientOf
) -> None:
    client, path = client_of(vendor_user), f"/gateways/{gateway.pk}/request/"
    keys = {re.search(r'name="idempotency_key" value="(\w+)"', text_of(client, path)).group(1) for _ in range(3)}  # type: ignore[union-attr]  # it is there
    assert len(keys) == 3


def test_a_csr_comes_pasted_or_as_a_file(
    policy: None, gateway: Gateway, vendor_user: User, client_of: ClientOf
) -> None:
    client, path = client_of(vendor_user), f"/gateways/{gateway.pk}/request/"
    csr = makers.make_csr(EUI, key=makers.p256_key("gateway"))
    pasted = makers.to_pem(csr, "CERTIFICATE REQUEST").decode()
    client.post(path, FORM | {"source": "csr", "csr": pasted})
    client.post(path, FORM | {"source": "csr", "idempotency_key": "2", "csr_file": SimpleUploadedFile("a.csr", csr)})
    assert [bytes(each.csr or b"") for each in Request.objects.all()] == [csr, csr]


def test_everything_that_is_wrong_with_a_csr_is_said(
    policy: None, gateway: Gateway, vendor_user: User, client_of: ClientOf
) -> None:
    csr = makers.to_pem(makers.make_csr(EUI.lower(), key=makers.rsa_key(1024)), "CERTIFICATE REQUEST").decode()
    page = client_of(vendor_user).post(f"/gateways/{gateway.pk}/request/", FORM | {"source": "csr", "csr": csr})
    text = unescape(page.content.decode())
    assert text.count('class="c-error"') == 1  # the first stands beside the field, the others below
    assert text.count("Refused: ") == 1
    assert "1024" in text
    assert not Request.objects.exists()


def test_choosing_ninety_days_says_that_renewal_is_by_hand(
    policy: None, gateway: Gateway, vendor_user: User, client_of: ClientOf
) -> None:
    page = text_of(client_of(vendor_user), f"/gateways/{gateway.pk}/request/")
    assert "renewal is by hand until rotation over the air exists" in page


def test_without_an_issuing_authority_the_page_says_who_mends_it(
    gateway: Gateway, vendor_user: User, operator: User, client_of: ClientOf
) -> None:
    path = f"/gateways/{gateway.pk}/request/"
    assert "An operator chooses one" in text_of(client_of(vendor_user), path)
    assert f"/vendors/{gateway.vendor_id}/issuing/" in text_of(client_of(operator), path)


def test_others_gateways_and_wrong_roles(
    policy: None, gateway: Gateway, other_vendor_user: User, auditor: User, client_of: ClientOf
) -> None:
    path = f"/gateways/{gateway.pk}/request/"
    assert client_of(other_vendor_user).post(path, FORM).status_code == 404
    assert client_of(auditor).post(path, FORM).status_code == 403
    assert Client().post(path, FORM)["Location"].startswith("/login/")
    assert not Request.objects.exists()


# following


def test_the_page_follows_by_itself_ever_more_slowly(approved: Request, vendor_user: User, client_of: ClientOf) -> None:
    client = client_of(vendor_user)
    assert 'hx-trigger="load delay:1s"' in text_of(client, f"/requests/{approved.pk}/")
    late = client.get(f"/requests/{approved.pk}/progress/", {"n": "40"})
    assert late.status_code == 200
    assert 'hx-trigger="load delay:9s"' in late.content.decode()
    assert "?n=41" in late.content.decode()


@pytest.mark.parametrize("count", ["", "-1", "x", "99999999999", "\u0661"])
def test_a_made_up_count_breaks_nothing(count: str, approved: Request, vendor_user: User, client_of: ClientOf) -> None:
    answer = client_of(vendor_user).get(f"/requests/{approved.pk}/progress/", {"n": count})
    assert 'hx-trigger="load delay:1s"' in answer.content.decode()


def test_the_following_ends_when_it_is_over(approved: Request, vendor_user: User, client_of: ClientOf) -> None:
    issue(approved.pk)
    answer = client_of(vendor_user).get(f"/requests/{approved.pk}/progress/")
    assert (answer.status_code, answer["HX-Refresh"]) == (286, "true")
    assert "hx-get" not in answer.content.decode()


def test_what_was_issued_is_one_click_away(certificate: Certificate, vendor_user: User, client_of: ClientOf) -> None:
    page = text_of(client_of(vendor_user), f"/requests/{certificate.request_id}/")
    assert f"/certificates/{certificate.pk}/" in page


def test_the_gateways_page_leads_to_what_is_open(wish: Request, vendor_user: User, client_of: ClientOf) -> None:
    part = text_of(client_of(vendor_user), f"/gateways/{wish.gateway_id}/certificates/")
    assert "waits for approval" in part
    assert f"/requests/{wish.pk}/" in part


# deciding


def decide(client: Client, wish: Request, decision: str, **more: str) -> str:
    form = {"decision": decision, "sha256": wish.content_sha256, "reason": "", "password": ""} | more
    answer = client.post(f"/requests/{wish.pk}/decide/", form)
    wish.refresh_from_db()
    return unescape(answer.content.decode())


def test_an_operator_approves_what_the_page_showed(wish: Request, operator: User, client_of: ClientOf) -> None:
    client = client_of(operator)
    assert wish.content_sha256 in text_of(client, f"/requests/{wish.pk}/")
    decide(client, wish, "approve")
    assert wish.state == "approved"


def test_a_stale_page_approves_nothing(wish: Request, operator: User, client_of: ClientOf) -> None:
    page = decide(client_of(operator), wish, "approve", sha256="0" * 64)
    assert "changed since you saw it" in page
    assert wish.state == "requested"


def test_refusing_wants_a_reason(wish: Request, operator: User, client_of: ClientOf) -> None:
    assert "Say why" in decide(client_of(operator), wish, "refuse")
    decide(client_of(operator), wish, "refuse", reason="Not ours")
    assert (wish.state, wish.decision_reason) == ("refused", "Not ours")


def test_the_own_request_is_for_another_operator(
    policy: None, gateway: Gateway, operator: User, second_operator: User, client_of: ClientOf
) -> None:
    own = request_certificate(operator, gateway, lifetime_days=90, idempotency_key="o", key_type="P-256")
    client = client_of(operator)
    assert second_operator.name in text_of(client, f"/requests/{own.pk}/")
    assert "another operator decides" in decide(client, own, "approve", reason="x", password="x")
    assert own.state == "requested"


def test_alone_it_takes_reason_and_password(
    policy: None, gateway: Gateway, operator: User, client_of: ClientOf, password: str
) -> None:
    own = request_certificate(operator, gateway, lifetime_days=90, idempotency_key="o", key_type="P-256")
    client = client_of(operator)
    assert 'type="password"' in text_of(client, f"/requests/{own.pk}/")
    assert "not your password" in decide(client, own, "approve", reason="Alone here", password="wrong")
    decide(client, own, "approve", reason="Alone here", password=password)
    assert (own.state, own.single_handed) == ("approved", True)


def test_only_operators_decide(wish: Request, vendor_user: User, auditor: User, client_of: ClientOf) -> None:
    for person in (vendor_user, auditor):
        assert client_of(person).post(f"/requests/{wish.pk}/decide/", {}).status_code == 403
        assert "Approve and issue" not in text_of(client_of(person), f"/requests/{wish.pk}/")


def test_markup_in_a_reason_stays_inert(wish: Request, operator: User, vendor_user: User, client_of: ClientOf) -> None:
    decide(client_of(operator), wish, "refuse", reason="<script>alert(1)</script>")
    assert "<script>alert" not in text_of(client_of(vendor_user), f"/requests/{wish.pk}/")


def test_what_failed_offers_to_try_again(approved: Request, operator: User, client_of: ClientOf) -> None:
    Request.objects.update(state="failed", failure="The disk was full")
    client = client_of(operator)
    assert "The disk was full" in text_of(client, f"/requests/{approved.pk}/")
    client.post(f"/requests/{approved.pk}/retry/")
    approved.refresh_from_db()
    assert approved.state == "approved"


# the list


def test_what_waits_stands_first_and_oldest_first(
    wish: Request, operator: User, vendor: Vendor, vendor_user: User, client_of: ClientOf
) -> None:
    other = register(operator, vendor, "58A0CBFFFE8011D5")
    younger = request_certificate(vendor_user, other, lifetime_days=90, idempotency_key="y", key_type="P-256")
    page = text_of(client_of(operator), "/requests/")
    places = [page.index(f'href="/requests/{each.pk}/"') for each in (wish, younger)]
    assert places == sorted(places)
    assert "Waiting for approval" in page
    assert "Waiting for approval" not in text_of(client_of(operator), "/requests/?state=issued")


def test_the_list_is_filtered_and_exported_alike(
    wish: Request, operator: User, other_vendor: Vendor, client_of: ClientOf
) -> None:
    client = client_of(operator)
    for query, is_there in (
        ("state=requested", True),
        ("state=issued", False),
        (f"vendor={wish.vendor_id}", True),
        (f"vendor={other_vendor.pk}", False),
        ("q=58a0:cbff:fe80:11d4", True),
        ("q=Kvitfjell", True),
    ):
        export = client.get(f"/requests/export.csv?{query}")
        lines = b"".join(export.streaming_content).decode()  # type: ignore[attr-defined]  # it streams
        assert (EUI in lines) is is_there
        assert (f'href="/requests/{wish.pk}/"' in text_of(client, f"/requests/?{query}")) is is_there


def test_a_vendor_sees_its_own_requests_only(wish: Request, other_vendor_user: User, client_of: ClientOf) -> None:
    client = client_of(other_vendor_user)
    assert EUI not in text_of(client, "/requests/")
    assert EUI.encode() not in b"".join(client.get("/requests/export.csv").streaming_content)  # type: ignore[attr-defined]  # it streams
    assert client.get(f"/requests/{wish.pk}/").status_code == 404


# who issues


def test_an_operator_says_who_issues_for_a_vendor(
    issuing: Authority, vendor: Vendor, operator: User, client_of: ClientOf
) -> None:
    client_of(operator).post(
        f"/vendors/{vendor.pk}/issuing/", {"authority": issuing.pk, "approval-gateway-client": "automatic"}
    )
    policy = policies.policy_of(vendor)
    assert (policy.authority, policy.approval_of("gateway-client")) == (issuing, Approval.AUTOMATIC)


def test_a_root_issues_for_nobody(issuing: Authority, vendor: Vendor, operator: User, client_of: ClientOf) -> None:
    client_of(operator).post(
        f"/vendors/{vendor.pk}/issuing/", {"authority": issuing.parent_id, "approval-gateway-client": "operator"}
    )
    assert policies.policy_of(vendor).authority is None


def test_issuing_can_be_stopped(policy: None, vendor: Vendor, operator: User) -> None:
    set_policy(vendor, actor=operator, authority=None, automatic=False)
    assert policies.policy_of(vendor).authority is None


def test_only_operators_say_who_issues(
    issuing: Authority, vendor: Vendor, vendor_user: User, auditor: User, client_of: ClientOf
) -> None:
    for person in (vendor_user, auditor):
        answer = client_of(person).post(f"/vendors/{vendor.pk}/issuing/", {"authority": issuing.pk})
        assert answer.status_code == 403
