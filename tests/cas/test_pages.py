"""The list, the detail page, downloads, and the pages of operated authorities."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority, Signing
from core import clock
from gateways.models import Gateway
from keys import services as vault
from tests.cas.authorities import hand_in, waiting_authority, waiting_chain
from tests.pki.makers import EUI, NOW, at, make_issuing, make_leaf, make_root

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
LIST = "/authorities/"
OPERATE = "/authorities/operate/"
ROOT = {"kind": "root", "name": "Fjordnet Root", "organisation": "", "key_type": "P-256", "years": 20, "path_length": 1}


@pytest.fixture(autouse=True)
def _at_a_fixed_instant() -> Iterator[None]:
    with clock.at(NOW):
        yield


# The list


def test_the_list_shows_what_one_decides_by(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    _, issuing = waiting_chain(operator, vendor)
    Gateway.objects.create(eui=EUI, vendor=vendor, current_authority=issuing)
    page = client_of(operator).get(LIST).content.decode()
    assert "Kestrel Radio Gateway CA" in page
    assert "Issuing, P-256" in page
    assert "Waits for review" in page
    assert f'?authority={issuing.pk}">1</a>' in page


def test_a_vendor_sees_its_own_and_the_operated_ones(
    vendor_user: User, vendor: Vendor, operator: User, other_vendor: Vendor, client_of: SignIn
) -> None:
    waiting_authority(operator, vendor)
    waiting_authority(operator, other_vendor)
    _operated("Fjordnet Root")
    page = client_of(vendor_user).get(LIST).content.decode()
    assert "Kestrel Radio Root" in page
    assert "Fjordnet Root" in page
    assert "Ampere" not in page


def test_a_vendor_learns_nothing_of_others_gateways_under_an_operated_authority(
    vendor_user: User, other_vendor: Vendor, operator: User, client_of: SignIn
) -> None:
    shared = _operated("Fjordnet Root")
    Gateway.objects.create(eui=EUI, vendor=other_vendor, current_authority=shared)
    assert f"?authority={shared.pk}" not in client_of(vendor_user).get(LIST).content.decode()
    assert f"?authority={shared.pk}" in client_of(operator).get(LIST).content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=submitted", {"Kestrel Radio Root", "Soon"}),
        ("origin=operated", {"Fjordnet Root"}),
        ("ends=30", {"Soon"}),
        ("ends=over", set()),
        ("q=kestrel", {"Kestrel Radio Root"}),
        ("q=nothing", set()),
    ],
)
def test_the_filter_is_in_the_address(
    operator: User, vendor: Vendor, client_of: SignIn, query: str, found: set[str]
) -> None:
    waiting_authority(operator, vendor)
    hand_in(operator, vendor, make_root("Soon", not_after=NOW + timedelta(days=20)))
    _operated("Fjordnet Root")
    rows = client_of(operator).get(f"{LIST}?{query}").context["page"].rows
    assert {each.name for each in rows} == found


def test_a_fingerprint_is_found_in_any_grouping(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    authority = waiting_authority(operator, vendor)
    start = authority.sha256[:8].upper()
    rows = client_of(operator).get(f"{LIST}?q={start[:4]}+{start[4:]}").context["page"].rows
    assert rows == [authority]


def test_htmx_gets_the_rows_only(operator: User, client_of: SignIn) -> None:
    answer = client_of(operator).get(LIST, headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()


def test_the_empty_list_says_what_an_authority_is(operator: User, client_of: SignIn) -> None:
    assert "No authority yet" in client_of(operator).get(LIST).content.decode()


def test_a_list_costs_the_same_queries_for_any_number_of_rows(
    operator: User, vendor: Vendor, client_of: SignIn
) -> None:
    client = client_of(operator)
    hand_in(operator, vendor, make_root("Root"))
    with CaptureQueriesContext(connection) as for_one:
        client.get(LIST)
    hand_in(operator, vendor, *(make_root(f"Root {number}") for number in range(12)))
    with CaptureQueriesContext(connection) as for_many:
        client.get(LIST)
    assert len(for_many) <= len(for_one) <= 16


# The detail page


def test_the_detail_page_draws_the_chain_and_names_the_findings(
    operator: User, vendor: Vendor, client_of: SignIn
) -> None:
    root = make_root("Kestrel Root")
    issuing = make_issuing(root, "Kestrel Gateway CA")
    _, below = hand_in(operator, vendor, root, issuing, make_leaf(issuing))
    page = client_of(operator).get(f"{LIST}{below.pk}/").content.decode()
    assert all(name in page for name in ("Kestrel Root", "Kestrel Gateway CA", EUI))
    assert "ends 1 Jan 2035" in page
    assert below.sha256 in page
    assert "handed in" in page


def test_certificates_with_the_same_key_are_linked(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    first, second = hand_in(operator, vendor, make_root("R"), make_root("R", serial=9, not_after=at(2050)))
    assert f"{LIST}{second.pk}/" in client_of(operator).get(f"{LIST}{first.pk}/").content.decode()


def test_a_vendor_reads_an_operated_authority_and_not_who_did_what(
    vendor_user: User, operator: User, client_of: SignIn
) -> None:
    _make_root(client_of(operator))
    page = client_of(vendor_user).get(f"{LIST}{Authority.objects.get().pk}/").content.decode()
    assert "Fjordnet Root" in page
    assert operator.name not in page
    assert "Signatures" not in page


@pytest.mark.parametrize("path", ["", "certificate/pem/", "certificate/der/", "certificate/chain/"])
def test_another_vendors_authority_is_not_found(
    path: str, operator: User, vendor: Vendor, other_vendor_user: User, vendor_user: User, client_of: SignIn
) -> None:
    """G11: fails without `visible_to` in `cas.views.details._authority`."""
    authority = waiting_authority(operator, vendor)
    assert client_of(other_vendor_user).get(f"{LIST}{authority.pk}/{path}").status_code == 404
    assert client_of(vendor_user).get(f"{LIST}{authority.pk}/{path}").status_code == 200


def test_downloads_are_the_certificate_itself(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    _, issuing = waiting_chain(operator, vendor)
    client, url = client_of(operator), f"{LIST}{issuing.pk}/certificate"
    assert client.get(f"{url}/der/").content == bytes(issuing.der)
    assert x509.load_pem_x509_certificate(client.get(f"{url}/pem/").content).serial_number == int(issuing.serial, 16)
    assert len(x509.load_pem_x509_certificates(client.get(f"{url}/chain/").content)) == 2
    assert client.get(f"{url}/p12/").status_code == 404


@pytest.mark.parametrize("path", ["", "1/", "upload/", "operate/", "1/certificate/pem/"])
def test_an_anonymous_person_is_asked_to_sign_in(client: Client, path: str) -> None:
    assert client.get(f"{LIST}{path}").status_code == 302


@pytest.mark.parametrize("path", ["", "{}/", "{}/certificate/pem/"])
def test_reading_is_a_get(path: str, operator: User, vendor: Vendor, client_of: SignIn) -> None:
    authority = waiting_authority(operator, vendor)
    assert client_of(operator).post(f"{LIST}{path.format(authority.pk)}").status_code == 405


# Operated authorities: made in the browser


@pytest.mark.django_db(transaction=True)
def test_an_operator_makes_a_root_and_an_issuing_authority(operator: User, client_of: SignIn) -> None:
    client = client_of(operator)
    answer = _make_root(client)
    root = Authority.objects.get()
    assert answer["Location"] == f"{OPERATE}?kind=issuing&parent={root.pk}"
    form = ROOT | {"kind": "issuing", "name": "Gateways 1", "parent": root.pk, "years": 10, "path_length": 0}
    page = client.post(OPERATE, form, follow=True).content.decode()
    assert Authority.objects.get(name="Gateways 1").parent == root
    assert "connect once it is in a live release" in page


def test_the_form_keeps_what_was_typed_and_says_what_is_wrong(operator: User, client_of: SignIn) -> None:
    page = client_of(operator).post(OPERATE, ROOT | {"years": 31, "name": "Kept"}).content.decode()
    assert "less than or equal to 30" in page
    assert 'value="Kept"' in page
    assert not Authority.objects.exists()


@pytest.mark.parametrize("who", ["vendor_user", "auditor"])
def test_only_operators_make_authorities(who: str, client_of: SignIn, request: pytest.FixtureRequest) -> None:
    client = client_of(request.getfixturevalue(who))
    assert client.get(OPERATE).status_code == 403
    assert client.post(OPERATE, ROOT).status_code == 403


def test_an_issuing_authority_without_a_root_is_led_to_the_root(operator: User, client_of: SignIn) -> None:
    assert "Create a root first" in client_of(operator).get(f"{OPERATE}?kind=issuing").content.decode()


# What may exist


def test_what_may_exist_is_listed_and_revoked_by_serial(operator: User, client_of: SignIn) -> None:
    root = _operated("Fjordnet Root")
    row = _doubtful(root)
    client = client_of(operator)
    assert "Signing was interrupted for 1 certificate" in client.get(f"{LIST}{root.pk}/").content.decode()
    page = client.post(f"{LIST}signings/{row.pk}/revoke/", {"reason": "superseded"}, follow=True).content.decode()
    row.refresh_from_db()
    assert row.revoked_at is not None
    assert row.revocation_reason == "superseded"
    assert "Revoked" in page
    assert Record.objects.filter(action="signing.revoked").exists()


@pytest.mark.parametrize("who", ["vendor_user", "auditor"])
def test_only_operators_revoke(who: str, client_of: SignIn, request: pytest.FixtureRequest, operator: User) -> None:
    row = _doubtful(_operated("Fjordnet Root"))
    client = client_of(request.getfixturevalue(who))
    assert client.post(f"{LIST}signings/{row.pk}/revoke/", {"reason": "superseded"}).status_code == 403


def test_a_revocation_is_no_get(operator: User, client_of: SignIn) -> None:
    row = _doubtful(_operated("Fjordnet Root"))
    assert client_of(operator).get(f"{LIST}signings/{row.pk}/revoke/").status_code == 405


def _make_root(client: Client) -> Any:
    """The answer of Django's test client, which has more than a response."""
    return client.post(OPERATE, ROOT)


def _operated(name: str) -> Authority:
    key = vault.create_key("P-256", purpose="authority")
    made = make_root(name)
    return Authority.objects.create(
        sha256=made.sha256,
        der=made.der,
        name=name,
        subject=name,
        issuer=name,
        serial="5eed",
        not_before=at(2024),
        not_after=at(2044),
        key_type="P-256",
        spki_sha256=key.spki_sha256,
        signature_algorithm="ecdsa-with-SHA256",
        is_root=True,
        origin=Authority.Origin.OPERATED,
        state=Authority.State.APPROVED,
        key=key,
    )


def _doubtful(issuer: Authority) -> Signing:
    assert issuer.key is not None
    return Signing.objects.create(
        key=issuer.key,
        issuer=issuer,
        serial="abad1dea",
        subject=EUI,
        profile="gateway-client",
        profile_version=1,
        tbs=b"tbs",
        tbs_sha256="0" * 64,
        signature_algorithm="ecdsa-with-SHA256",
        not_after=at(2027),
        requester="Jonas Dahl",
        state=Signing.State.MAY_EXIST,
    )
