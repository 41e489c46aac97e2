"""The checklist on an authority's page: what each role sees and does there."""

import html
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Vendor
from cas.models import Authority, Proof, ProofCode, TestLeaf, Waiver
from cas.services import proving, trying
from core import clock
from gateways.models import Gateway
from pki.proof import signing_commands
from tests.cas.authorities import hand_in, waived
from tests.pki.makers import EUI, NOW, Made, make_issuing, make_leaf, make_root, p256_key, private_pem

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
ACTS = ["code", "prove", "try", "waive"]


@pytest.fixture(autouse=True)
def _at_a_fixed_instant() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def ca() -> Made:
    return make_root("Kestrel Gateway CA")


@pytest.fixture
def authority(vendor_user: User, vendor: Vendor, ca: Made) -> Authority:
    return hand_in(vendor_user, vendor, ca)[0]


@pytest.fixture
def url(authority: Authority) -> str:
    return f"/authorities/{authority.pk}/"


def read(client: Client, url: str) -> str:
    """The page's text, as a person reads it."""
    return html.unescape(client.get(url).content.decode())


# The vendor


def test_the_vendor_gets_a_code_and_the_commands_to_type(vendor_user: User, url: str, client_of: SignIn) -> None:
    client = client_of(vendor_user)
    page = read(client, url)
    assert "What is left to do" in page
    assert "Get a code" in page
    page = html.unescape(client.post(f"{url}code/", follow=True).content.decode())
    code = ProofCode.objects.get().code
    for shown in (code, *(command.line for command in signing_commands(code))):
        assert f">{shown}</code>" in page
        assert f'data-copy="{shown}"' in page
    assert "good until 22 Jun 2026, 12:00 UTC" in page


def test_a_code_that_is_over_says_how_to_get_a_new_one(
    vendor_user: User, authority: Authority, url: str, client_of: SignIn
) -> None:
    old = proving.make_code(vendor_user, authority).code
    with clock.at(NOW + timedelta(days=8)):
        client = client_of(vendor_user)
        page = read(client, url)
        assert "useless now" in page
        assert "Get a new code" in page
        assert old not in page
        client.post(f"{url}code/")
        assert ProofCode.objects.standing().get().code in read(client, url)


@pytest.mark.parametrize("way", ["file", "text"])
def test_the_vendor_hands_the_proof_in(
    way: str, vendor_user: User, authority: Authority, ca: Made, url: str, client_of: SignIn
) -> None:
    client, leaf = client_of(vendor_user), make_leaf(ca, proving.make_code(vendor_user, authority).code)
    sent = {"pasted": leaf.pem.decode()} if way == "text" else {"file": SimpleUploadedFile("proof.der", leaf.der)}
    answer = client.post(f"{url}prove/", sent)
    assert answer["Location"] == f"{url}#evidence"
    page = read(client, url)
    assert "You hold the private key: it signed our code on 15 Jun 2026, handed in by Jonas Dahl" in page
    assert client.get(f"{url}evidence/{leaf.sha256}/").content == leaf.pem


def test_a_refused_proof_says_why_beside_the_field_and_keeps_what_was_pasted(
    vendor_user: User, authority: Authority, url: str, client_of: SignIn
) -> None:
    leaf = make_leaf(make_root("Mallory"), proving.make_code(vendor_user, authority).code)
    page = client_of(vendor_user).post(f"{url}prove/", {"pasted": leaf.pem.decode()}).content.decode()
    assert "signed by “Mallory”" in page
    assert 'id="proof_pasted_error"' in page
    assert leaf.pem.decode().strip() in page
    assert not Proof.objects.exists()


def test_a_private_key_is_refused_and_not_shown_again(
    vendor_user: User, authority: Authority, url: str, client_of: SignIn
) -> None:
    """Row 9: fails without the emptied `data` in `cas.forms.EvidenceForm.clean`."""
    proving.make_code(vendor_user, authority)
    secret = private_pem(p256_key("x")).decode()
    for act in ("prove", "try"):
        page = client_of(vendor_user).post(f"{url}{act}/", {"pasted": secret}).content.decode()
        assert "Treat this key as exposed" in page
        assert secret.splitlines()[1] not in page


def test_an_empty_form_says_so(vendor_user: User, authority: Authority, url: str, client_of: SignIn) -> None:
    proving.make_code(vendor_user, authority)
    for act in ("prove", "try"):
        assert "Nothing came" in client_of(vendor_user).post(f"{url}{act}/").content.decode()


def test_a_second_post_of_the_proof_says_that_it_stands(
    vendor_user: User, authority: Authority, ca: Made, url: str, client_of: SignIn
) -> None:
    leaf = make_leaf(ca, proving.make_code(vendor_user, authority).code)
    client = client_of(vendor_user)
    for _ in range(2):
        page = client.post(f"{url}prove/", {"pasted": leaf.pem.decode()}, follow=True).content.decode()
    assert "handed in before" in page
    assert Proof.objects.count() == 1


def test_the_vendor_tries_a_gateway_and_reads_the_verdict(
    vendor_user: User, vendor: Vendor, ca: Made, url: str, client_of: SignIn
) -> None:
    client = client_of(vendor_user)
    wrong = make_leaf(make_issuing(ca, "Kestrel CA 2"))
    client.post(f"{url}try/", {"pasted": wrong.pem.decode()})
    page = read(client, url)
    assert "your gateways are signed by an intermediate: “Kestrel CA 2”" in page
    assert "unknown_authority" in page
    Gateway.objects.create(eui=EUI, vendor=vendor)
    client.post(f"{url}try/", {"pasted": make_leaf(ca).pem.decode()})
    assert "Accepted</span>" in read(client, url)
    assert TestLeaf.objects.count() == 2


def test_another_vendors_gateway_is_refused_on_the_page(
    vendor_user: User, other_vendor: Vendor, ca: Made, url: str, client_of: SignIn
) -> None:
    Gateway.objects.create(eui=EUI, vendor=other_vendor)
    page = client_of(vendor_user).post(f"{url}try/", {"pasted": make_leaf(ca).pem.decode()}).content.decode()
    assert "is not a gateway of yours" in page
    assert other_vendor.name not in page


def test_a_vendor_cannot_waive(vendor_user: User, url: str, client_of: SignIn) -> None:
    client = client_of(vendor_user)
    assert "Do without" not in read(client, url)
    assert client.post(f"{url}waive/", {"what": "proof", "reason": "no"}).status_code == 403


# The operator


def test_the_operator_sees_what_is_missing_in_place_of_the_button(
    operator: User, authority: Authority, url: str, client_of: SignIn
) -> None:
    client = client_of(operator)
    page = read(client, url)
    assert "0 of 2 settled" in page
    assert 'value="approve"' not in page
    assert 'value="refuse"' in page
    answer = client.post(f"{url}review/", {"sha256": authority.sha256, "decision": "approve"}).content.decode()
    assert "the proof that the vendor holds its key and a test leaf" in answer
    waived(authority)
    assert 'value="approve"' in read(client, url)


def test_the_operator_waives_in_place(operator: User, authority: Authority, url: str, client_of: SignIn) -> None:
    client = client_of(operator)
    page = client.post(f"{url}waive/", {"what": "proof", "reason": ""}).content.decode()
    assert "Say why" in page
    assert client.post(f"{url}waive/", {"what": "everything", "reason": "x"}).status_code == 200
    assert not Waiver.objects.exists()
    client.post(f"{url}waive/", {"what": "proof", "reason": "Shown in person."})
    assert "Ines Maurer does without it since 15 Jun 2026: “Shown in person.”" in read(client, url)
    page = client.post(f"{url}waive/", {"what": "proof", "reason": "again"}).content.decode()
    assert "nothing to waive" in page


def test_nobody_is_offered_to_waive_for_the_own_submission(
    operator: User, second_operator: User, vendor: Vendor, ca: Made, client_of: SignIn
) -> None:
    """Row 16."""
    own = hand_in(operator, vendor, ca)[0]
    url = f"/authorities/{own.pk}/"
    assert "Do without" not in read(client_of(operator), url)
    assert (
        "ask Tomas Lind" in client_of(operator).post(f"{url}waive/", {"what": "proof", "reason": "x"}).content.decode()
    )
    assert "Do without" in read(client_of(second_operator), url)


def test_the_only_operator_is_asked_for_the_password(
    operator: User, vendor: Vendor, ca: Made, client_of: SignIn, password: str
) -> None:
    own = hand_in(operator, vendor, ca)[0]
    client, url = client_of(operator), f"/authorities/{own.pk}/waive/"
    assert "Enter your password" in client.post(url, {"what": "proof", "reason": "x"}).content.decode()
    client.post(url, {"what": "proof", "reason": "x", "password": password})
    assert Waiver.objects.get().single_handed


# Everybody else


def test_an_auditor_reads_and_changes_nothing(auditor: User, authority: Authority, url: str, client_of: SignIn) -> None:
    client = client_of(auditor)
    page = read(client, url)
    assert "Proof of possession" in page
    assert "Get a code" not in page
    assert "Do without" not in page
    assert [client.post(f"{url}{act}/").status_code for act in ACTS] == [403] * 4


def test_another_vendors_authority_is_not_found(
    other_vendor_user: User, vendor_user: User, authority: Authority, ca: Made, url: str, client_of: SignIn
) -> None:
    """G11."""
    leaf = trying.try_leaf(vendor_user, authority, make_leaf(ca).pem)
    client = client_of(other_vendor_user)
    assert [client.post(f"{url}{act}/").status_code for act in ACTS] == [404, 404, 404, 403]
    assert client.get(f"{url}evidence/{leaf.sha256}/").status_code == 404


def test_evidence_is_found_with_its_own_authority_only(
    vendor_user: User, vendor: Vendor, authority: Authority, ca: Made, client_of: SignIn
) -> None:
    leaf = trying.try_leaf(vendor_user, authority, make_leaf(ca).pem)
    other = hand_in(vendor_user, vendor, make_root("Other"))[0]
    assert client_of(vendor_user).get(f"/authorities/{other.pk}/evidence/{leaf.sha256}/").status_code == 404


@pytest.mark.parametrize("act", ACTS)
def test_an_anonymous_person_is_asked_to_sign_in_and_acts_are_no_get(
    act: str, url: str, client: Client, operator: User, client_of: SignIn
) -> None:
    assert client.post(f"{url}{act}/").status_code == 302
    assert client_of(operator).get(f"{url}{act}/").status_code == 405


def test_what_was_found_in_a_store_says_that_nothing_is_asked(
    operator: User, authority: Authority, url: str, client_of: SignIn
) -> None:
    Authority.objects.filter(pk=authority.pk).update(origin=Authority.Origin.FOUND)
    client = client_of(operator)
    page = read(client, url)
    assert "Found in a store: network servers trusted it already" in page
    assert "Proof of possession" not in page
    assert client.post(f"{url}code/").status_code == 409


def test_markup_in_a_certificate_is_inert(vendor_user: User, authority: Authority, url: str, client_of: SignIn) -> None:
    """Row 12."""
    proving.make_code(vendor_user, authority)
    leaf = make_leaf(make_root("<script>alert(1)</script>"), "<img src=x>")
    client = client_of(vendor_user)
    for act in ("prove", "try"):
        page = client.post(f"{url}{act}/", {"pasted": leaf.pem.decode()}, follow=True).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


@pytest.mark.parametrize("who", ["operator", "vendor_user"])
def test_the_page_costs_the_same_queries_however_much_was_tried(
    who: str,
    authority: Authority,
    vendor_user: User,
    ca: Made,
    url: str,
    client_of: SignIn,
    request: pytest.FixtureRequest,
) -> None:
    client = client_of(request.getfixturevalue(who))
    trying.try_leaf(vendor_user, authority, make_leaf(ca).pem)
    proving.make_code(vendor_user, authority)
    before = _queries(client, url)
    for number in range(8):
        trying.try_leaf(vendor_user, authority, make_leaf(ca, f"58A0CBFFFE80000{number}").pem)
    waived(authority)
    assert _queries(client, url) == before
    assert before <= 26


def _queries(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        client.get(url)
    return len(queries)
