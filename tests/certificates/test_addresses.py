"""How the addresses of certificates and gateways answer to the wrong method, and how many queries lists take."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User, Vendor
from cas.models import Authority
from certificates.models import Certificate, Request
from certificates.services import approve_request, issue, request_certificate
from gateways.models import Dispute, Gateway
from gateways.services import register
from tests.gateways.claims import claim

ClientOf = Callable[[User], Client]

READ = [
    "certificates:list", "certificates:export", "certificates:requests", "certificates:export_requests",
    "gateways:list", "gateways:export", "gateways:reading", "gateways:disputes",
]  # fmt: skip
READ_ONE = [
    "certificates:detail", "certificates:request", "certificates:progress", "certificates:of_gateway",
    "certificates:policy_summary", "gateways:detail",
]  # fmt: skip
ACT = [
    "certificates:kit", "certificates:key", "certificates:receipt", "certificates:decide", "certificates:retry",
    "certificates:revoke_request",
]  # fmt: skip
BOTH = [
    "certificates:revoke", "certificates:new", "certificates:record", "certificates:policy", "gateways:edit",
    "certificates:decide_dispute",
]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "arguments", "methods"),
    [
        (READ, [], ["post", "put", "delete", "patch"]),
        (READ_ONE, [1], ["post", "put", "delete", "patch"]),
        (ACT, [1], ["get", "head", "put", "delete", "patch"]),
        (BOTH, [1], ["put", "delete", "patch"]),
    ],
)
def test_a_wrong_method_is_refused_by_everything(
    names: list[str], arguments: list[int], methods: list[str], operator: User, client_of: ClientOf
) -> None:
    client = client_of(operator)
    answers = {
        (name, method): getattr(client, method)(reverse(name, args=arguments)).status_code
        for name in names
        for method in methods
    }
    assert set(answers.values()) == {405}, answers


@pytest.fixture
def more(issuing: Authority, operator: User, vendor: Vendor, vendor_user: User) -> Callable[[int], None]:
    """Ask for so many more certificates, each for a gateway of its own, and issue every third."""

    def ask(count: int) -> None:
        for _ in range(count):
            gateway = register(operator, vendor, f"58A0CBFFFE9{Gateway.objects.count():05X}")
            wish = request_certificate(vendor_user, gateway, lifetime_days=365, idempotency_key="m", key_type="P-256")
            if gateway.pk % 3 == 0:
                approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
                issue(wish.pk)

    return ask


@pytest.mark.parametrize("path", ["/requests/", "/requests/?state=requested", "/certificates/", "/gateways/"])
@pytest.mark.parametrize("role", ["operator", "vendor_user"])
def test_three_rows_and_thirty_take_the_same_queries(
    path: str,
    role: str,
    policy: None,
    more: Callable[[int], None],
    client_of: ClientOf,
    request: pytest.FixtureRequest,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = client_of(request.getfixturevalue(role))
    more(3)
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    more(27)
    with django_assert_num_queries(len(few)):
        client.get(path)


def test_thirty_disputes_take_the_queries_of_three(
    operator: User,
    vendor: Vendor,
    other_vendor_user: User,
    client_of: ClientOf,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = client_of(operator)

    def dispute(numbers: range) -> None:
        for number in numbers:
            claim(other_vendor_user, register(operator, vendor, f"58A0CBFFFE9{number:05X}").eui)

    dispute(range(3))
    client.get("/gateways/disputes/")
    with CaptureQueriesContext(connection) as few:
        client.get("/gateways/disputes/")
    dispute(range(3, 30))
    with django_assert_num_queries(len(few)):
        assert client.get("/gateways/disputes/").content.count(b"58A0CBFFFE9") >= 30
    assert Dispute.objects.open().count() == 30


def test_a_certificates_page_takes_few_queries(
    certificate: Certificate, wish: Request, operator: User, client_of: ClientOf
) -> None:
    client = client_of(operator)
    for path in (f"/certificates/{certificate.pk}/", f"/requests/{wish.pk}/", f"/gateways/{certificate.gateway_id}/"):
        client.get(path)
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
        assert len(queries) <= 20, path
