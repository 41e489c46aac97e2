"""Many at the same time: the same request, the same work (row 23)."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User, Vendor
from cas.models import Authority
from certificates.models import Certificate, Request
from certificates.services import issue, request_certificate, set_policy
from core.errors import Refused
from gateways.models import Dispute, Gateway
from gateways.services import register
from keys.models import Key
from tests.pki import makers

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User], Client]


def together(count: int, act: Callable[[], Any]) -> list[Any]:
    """Run `act` in `count` threads that start at once; return the results, errors among them."""
    barrier, results = threading.Barrier(count), []

    def run() -> None:
        barrier.wait()
        try:
            results.append(act())
        except Exception as error:  # noqa: BLE001  the test looks at what came out
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_twenty_identical_posts_are_one_request_and_one_certificate(
    issuing: Authority, gateway: Gateway, vendor: Vendor, vendor_user: User, operator: User, client_of: ClientOf
) -> None:
    """G3: fails when `_asked_before` in `certificates.services.requests` finds nothing."""
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    client = client_of(vendor_user)
    form = {"source": "made-here", "key_type": "P-256", "lifetime_days": "365", "idempotency_key": "click"}
    cookies = client.cookies

    def post() -> int:
        mine = Client()
        mine.cookies = cookies
        return mine.post(f"/gateways/{gateway.pk}/request/", form).status_code

    assert together(20, post) == [302] * 20
    made = Request.objects.get()
    assert Key.objects.filter(purpose="gateway").count() == 1
    together(4, lambda: issue(made.pk))
    assert Certificate.objects.count() == 1


def test_ten_workers_make_one_certificate(approved: Request) -> None:
    """G4: fails without `unheld` in `core.leases.LeaseQuerySet.claim`."""
    results = together(10, lambda: issue(approved.pk))
    assert sum(isinstance(each, Certificate) for each in results) == 1
    assert not [each for each in results if isinstance(each, Exception)]
    assert Certificate.objects.count() == 1


def test_of_ten_gateways_with_one_key_one_is_taken(policy: None, vendor: Vendor, operator: User) -> None:
    """Fails when `hold_key` in `certificates.services.requests._ask` only looks, and writes nothing."""
    gateways = iter([register(operator, vendor, f"58A0CBFFFE80110{digit}") for digit in range(10)])
    lock = threading.Lock()

    def ask() -> Request:
        with lock:
            gateway = next(gateways)
        csr = makers.make_csr(gateway.eui, key=makers.p256_key("cloned"))
        return request_certificate(operator, gateway, lifetime_days=90, idempotency_key="k", csr=csr)

    results = together(10, ask)
    assert sum(isinstance(each, Request) for each in results) == 1
    assert [each.code for each in results if isinstance(each, Refused)] == ["key-in-use"] * 9
    assert Request.objects.count() == 1


def test_ten_registrations_of_one_eui_have_one_owner(
    operator: User, vendor: Vendor, other_vendor: Vendor, client_of: ClientOf
) -> None:
    """G12: fails without the unique `eui`. An operator registers for either, wherever its blocks are."""
    clients = iter([(client_of(operator), owner) for owner in (vendor, other_vendor) for _ in range(5)])
    lock = threading.Lock()

    def post() -> int:
        with lock:
            client, owner = next(clients)
        return client.post("/gateways/register/", {"eui": "58A0CBFFFE8011D4", "vendor": owner.pk}).status_code

    assert sorted(together(10, post)) == [200] * 9 + [302]
    assert Gateway.objects.count() == 1
    assert Dispute.objects.count() == 1
