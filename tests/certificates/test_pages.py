"""The pages of certificates."""

import csv as python_csv
import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Vendor
from cas.models import Authority
from certadmin.search import find
from certificates.models import Certificate, Request
from certificates.services import decide_dispute
from core import clock
from gateways.models import Dispute, Gateway
from tests.gateways.claims import claim

ClientOf = Callable[[User], Client]
EUI = "58A0CBFFFE8011D4"


def shown(answer: Any) -> list[str]:
    """The EUIs of the rows, in their order."""
    return re.findall(r'class="c-eui" href="/certificates/\d+/">([0-9A-F]{16})<', answer.content.decode())


def exported(answer: Any) -> list[dict[str, str]]:
    return list(python_csv.DictReader(StringIO(b"".join(answer.streaming_content).decode())))


def make(gateway: Gateway, authority: Authority, number: int, **facts: Any) -> Certificate:
    """A row, as far as lists look at it."""
    now = clock.now()
    return Certificate(
        gateway=gateway,
        vendor=gateway.vendor,
        authority=authority,
        origin="recorded",
        sha256=f"{number:064x}",
        der=b"",
        serial=f"{number:x}",
        key_type="P-256",
        spki_sha256=f"{number:064x}",
        **{"not_before": now - timedelta(days=400), "not_after": now + timedelta(days=100)} | facts,
    )


@pytest.fixture
def rows(vendor: Vendor, issuing: Authority) -> dict[str, Certificate]:
    """A certificate in each state, each of a gateway of its own."""
    now = clock.now()
    facts: dict[str, dict[str, Any]] = {
        "valid": {"not_after": now + timedelta(days=300)},
        "soon": {"not_after": now + timedelta(days=10)},
        "expired": {"not_after": now - timedelta(days=1)},
        "revoked": {"revoked_at": now},
    }
    gateways = {
        name: Gateway.objects.create(eui=f"58A0CBFFFE80000{number}", vendor=vendor, name=name)
        for number, name in enumerate(facts)
    }
    made = {name: make(gateways[name], issuing, number, **facts[name]) for number, name in enumerate(facts)}
    older = make(gateways["valid"], issuing, 9, not_after=now + timedelta(days=50))
    Certificate.objects.bulk_create([*made.values(), older])
    return made | {"superseded": older}


@pytest.mark.parametrize("state", ["valid", "soon", "superseded", "expired", "revoked"])
def test_the_list_is_filtered_by_state(
    state: str, rows: dict[str, Certificate], operator: User, client_of: ClientOf
) -> None:
    client = client_of(operator)
    assert shown(client.get("/certificates/", {"state": state})) == [rows[state].gateway.eui]
    assert [row["State"].lower() for row in exported(client.get("/certificates/export.csv", {"state": state}))] == [
        {"soon": "ends soon"}.get(state, state)
    ]


def test_the_list_is_ordered_by_end(rows: dict[str, Certificate], operator: User, client_of: ClientOf) -> None:
    client = client_of(operator)
    order = [rows[name].gateway.eui for name in ("expired", "soon", "superseded", "revoked", "valid")]
    assert shown(client.get("/certificates/")) == order
    assert shown(client.get("/certificates/", {"sort": "-ends"})) == order[::-1]


def test_the_list_is_filtered_by_everything_else(
    rows: dict[str, Certificate], issuing: Authority, other_vendor: Vendor, operator: User, client_of: ClientOf
) -> None:
    client, now = client_of(operator), clock.now()
    for query, count in (
        ({"q": rows["soon"].gateway.eui.lower()}, 1),
        ({"q": "revoked"}, 1),
        ({"vendor": str(other_vendor.pk)}, 0),
        ({"authority": str(issuing.pk)}, 5),
        ({"origin": "issued"}, 0),
        ({"ends_before": f"{now + timedelta(days=20):%Y-%m-%d}"}, 2),
        ({"ends_after": f"{now + timedelta(days=200):%Y-%m-%d}"}, 1),
        ({"ends_before": "yesterday", "state": "x", "authority": "y"}, 5),
    ):
        assert len(shown(client.get("/certificates/", query))) == count, query


def test_a_name_is_found_though_it_could_be_a_part_of_an_eui(
    rows: dict[str, Certificate], operator: User, client_of: ClientOf
) -> None:
    gateway = rows["soon"].gateway
    Gateway.objects.filter(pk=gateway.pk).update(name="Facade beach")
    assert shown(client_of(operator).get("/certificates/", {"q": "Facade"})) == [gateway.eui]


def test_the_number_of_queries_does_not_grow(
    rows: dict[str, Certificate], issuing: Authority, operator: User, client_of: ClientOf,
    django_assert_num_queries: Any,
) -> None:  # fmt: skip
    client = client_of(operator)
    client.get("/certificates/")
    with CaptureQueriesContext(connection) as few:
        client.get("/certificates/")
    gateway = rows["valid"].gateway
    Certificate.objects.bulk_create(make(gateway, issuing, number) for number in range(100, 140))
    with django_assert_num_queries(len(few)):
        client.get("/certificates/")
    assert len(few) <= 22


def test_lists_read_no_certificate(rows: dict[str, Certificate], operator: User, client_of: ClientOf) -> None:
    with CaptureQueriesContext(connection) as queries:
        client_of(operator).get("/certificates/")
    assert not [each for each in queries if '"der"' in each["sql"]]


def test_a_vendor_sees_its_own_only(rows: dict[str, Certificate], other_vendor_user: User, client_of: ClientOf) -> None:
    client = client_of(other_vendor_user)
    assert shown(client.get("/certificates/")) == []
    assert exported(client.get("/certificates/export.csv")) == []


def test_the_page_tells_what_it_is(certificate: Certificate, auditor: User, client_of: ClientOf) -> None:
    page = client_of(auditor).get(f"/certificates/{certificate.pk}/").content.decode()
    for words in (EUI, certificate.serial, certificate.sha256, certificate.authority.name, "Issued here", "P-256"):
        assert words in page
    assert "Revoke…" not in page


def test_the_gateways_page_draws_its_certificates(
    certificate: Certificate, vendor_user: User, client_of: ClientOf
) -> None:
    part = client_of(vendor_user).get(f"/gateways/{certificate.gateway_id}/certificates/").content.decode()
    assert certificate.authority.name in part
    assert f"/certificates/{certificate.pk}/" in part


@pytest.fixture
def moved(certificate: Certificate, operator: User, other_vendor_user: User) -> Dispute:
    """The gateway belongs to the other vendor now, which gave it a name."""
    dispute = decide_dispute(claim(other_vendor_user, EUI), actor=operator, outcome="moved", reason="Sold")
    Gateway.objects.update(name="New mast")
    return dispute


def test_a_new_owner_does_not_see_the_former_owners_certificates(
    moved: Dispute, certificate: Certificate, other_vendor_user: User, client_of: ClientOf
) -> None:
    """G11: fails without `visible_to` in `certificates.views.certificates.of_gateway`."""
    client = client_of(other_vendor_user)
    assert (
        f"/certificates/{certificate.pk}/"
        not in client.get(f"/gateways/{moved.gateway_id}/certificates/").content.decode()
    )
    assert client.get(f"/certificates/{certificate.pk}/").status_code == 404


def test_the_former_owner_does_not_see_what_the_new_one_calls_it(
    moved: Dispute, certificate: Certificate, vendor_user: User, client_of: ClientOf
) -> None:
    client = client_of(vendor_user)
    for path in ("/certificates/", f"/certificates/{certificate.pk}/", f"/requests/{certificate.request_id}/"):
        page = client.get(path).content.decode()
        assert EUI in page
        assert "New mast" not in page
        assert f'"/gateways/{moved.gateway_id}/"' not in page
    assert b"New mast" not in b"".join(client.get("/certificates/export.csv").streaming_content)  # type: ignore[attr-defined]  # it streams
    assert shown(client.get("/certificates/", {"q": "New mast"})) == []


def test_a_request_is_found_by_its_number(wish: Request, vendor_user: User, other_vendor_user: User) -> None:
    assert f"Request {wish.pk}" in [hit.title for hit in find(f"#{wish.pk}", vendor_user)]
    assert "Request" not in {hit.kind for hit in find(f"#{wish.pk}", other_vendor_user)}
