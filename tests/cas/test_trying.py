"""Test leaves: one gateway's certificate against one authority, and what is kept of it."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority, TestLeaf
from cas.services import trying
from cas.services.evidence import State, evidence_of
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Gateway
from tests.cas.authorities import hand_in
from tests.pki.makers import EUI, NOW, Made, make_issuing, make_leaf, make_root

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _at_a_fixed_instant() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def root() -> Made:
    return make_root("Kestrel Root")


@pytest.fixture
def ca(root: Made) -> Made:
    return make_issuing(root, "Kestrel Gateway CA")


@pytest.fixture
def authority(vendor_user: User, vendor: Vendor, ca: Made) -> Authority:
    return hand_in(vendor_user, vendor, ca)[0]


@pytest.mark.parametrize("who", ["vendor_user", "operator"])
def test_a_gateway_of_the_authority_is_accepted_and_kept(
    who: str, authority: Authority, vendor: Vendor, ca: Made, request: pytest.FixtureRequest
) -> None:
    person, leaf = request.getfixturevalue(who), make_leaf(ca)
    Gateway.objects.create(eui=EUI, vendor=vendor)
    kept = trying.try_leaf(person, authority, leaf.pem)
    assert (kept.accepted, kept.rule, kept.sha256, bytes(kept.der)) == (True, "accepted", leaf.sha256, leaf.der)
    assert (kept.tried_at, kept.tried_by, kept.findings) == (NOW, person, [])
    assert evidence_of(authority).test_leaf.state == State.ACCEPTED
    assert Record.objects.get(action="authority.test-leaf").details["outcome"] == "accepted"


def test_a_root_sent_in_place_of_the_issuing_ca_is_caught(vendor_user: User, vendor: Vendor, root: Made) -> None:
    """What the test leaf is for: fails when the bundle holds more than the authority."""
    authority = hand_in(vendor_user, vendor, root)[0]
    leaf = make_leaf(make_issuing(root, "Kestrel Gateway CA"))
    kept = trying.try_leaf(vendor_user, authority, leaf.pem)
    assert (kept.accepted, kept.is_signed_by_it) == (False, False)
    assert "You sent us the root “Kestrel Root”, your gateways are signed by an intermediate" in kept.message
    assert "“Kestrel Gateway CA”" in kept.message
    piece = evidence_of(authority).test_leaf
    assert (piece.state, piece.reason, piece.rule) == (State.REFUSED, kept.message, "unknown_authority")


def test_the_upload_keeps_the_verdict_as_well(vendor_user: User, vendor: Vendor, root: Made, ca: Made) -> None:
    authorities = {each.name: each for each in hand_in(vendor_user, vendor, root, ca, make_leaf(ca))}
    assert evidence_of(authorities["Kestrel Gateway CA"]).test_leaf.state == State.ACCEPTED
    assert evidence_of(authorities["Kestrel Root"]).test_leaf.state == State.MISSING
    assert Record.objects.filter(action="authority.test-leaf").count() == 1


def test_a_name_in_lower_case_is_refused_in_words(vendor_user: User, authority: Authority, ca: Made) -> None:
    kept = trying.try_leaf(vendor_user, authority, make_leaf(ca, EUI.lower()).pem)
    assert (kept.rule, kept.is_signed_by_it) == ("cn_mismatch", True)
    assert "upper case" in kept.message


def test_an_unregistered_gateway_is_a_warning(vendor_user: User, authority: Authority, ca: Made) -> None:
    kept = trying.try_leaf(vendor_user, authority, make_leaf(ca).pem)
    assert kept.accepted
    assert [each["code"] for each in kept.findings] == ["gateway-unregistered"]


@pytest.mark.parametrize("name", [EUI, EUI.lower(), "58-A0-CB-FF-FE-12-34-56"])
@pytest.mark.parametrize("who", ["vendor_user", "operator"])
def test_another_vendors_gateway_is_refused_and_nobody_learns_whose(
    who: str, name: str, authority: Authority, ca: Made, other_vendor: Vendor, request: pytest.FixtureRequest
) -> None:
    """Fails without `refuse_others_gateway`."""
    Gateway.objects.create(eui=EUI, vendor=other_vendor)
    with pytest.raises(Refused) as refused:
        trying.try_leaf(request.getfixturevalue(who), authority, make_leaf(ca, name).pem)
    assert refused.value.code == "not-your-gateway"
    assert other_vendor.name not in refused.value.message
    assert not TestLeaf.objects.exists()


def test_nothing_of_an_upload_with_anothers_gateway_is_kept(
    vendor_user: User, vendor: Vendor, ca: Made, other_vendor: Vendor
) -> None:
    Gateway.objects.create(eui=EUI, vendor=other_vendor)
    with pytest.raises(Refused):
        hand_in(vendor_user, vendor, ca, make_leaf(ca))
    assert not Authority.objects.exists()


@pytest.mark.parametrize("who", ["auditor", "other_vendor_user"])
def test_nobody_else_tries(who: str, authority: Authority, ca: Made, request: pytest.FixtureRequest) -> None:
    with pytest.raises(Forbidden):
        trying.try_leaf(request.getfixturevalue(who), authority, make_leaf(ca).pem)


def test_a_ca_certificate_is_no_gateway(vendor_user: User, authority: Authority, root: Made) -> None:
    with pytest.raises(Refused) as refused:
        trying.try_leaf(vendor_user, authority, root.pem)
    assert refused.value.code == "not-a-leaf"
    with pytest.raises(Refused) as refused:
        trying.try_leaf(vendor_user, authority, bytes(authority.der))
    assert refused.value.code == "authority-itself"


def test_the_same_leaf_again_is_one_record(vendor_user: User, authority: Authority, ca: Made) -> None:
    leaf = make_leaf(ca).pem
    for _ in range(2):
        trying.try_leaf(vendor_user, authority, leaf)
    assert TestLeaf.objects.count() == Record.objects.filter(action="authority.test-leaf").count() == 1


def test_an_accepted_leaf_that_comes_again_after_its_end_stays_accepted(
    vendor_user: User, authority: Authority, ca: Made
) -> None:
    """Fails without `or kept.accepted` in cas.services.trying.keep_leaf."""
    leaf = make_leaf(ca).pem
    trying.try_leaf(vendor_user, authority, leaf)
    with clock.at(NOW + timedelta(days=365)):
        trying.try_leaf(vendor_user, authority, leaf)
    assert evidence_of(authority).test_leaf.state == State.ACCEPTED
    assert TestLeaf.objects.count() == 1


def test_a_refused_leaf_that_comes_again_is_judged_anew(vendor_user: User, authority: Authority, ca: Made) -> None:
    leaf = make_leaf(ca).pem
    with clock.at(NOW + timedelta(days=365)):
        assert trying.try_leaf(vendor_user, authority, leaf).rule == "leaf_expired"
    assert trying.try_leaf(vendor_user, authority, leaf).accepted
    assert TestLeaf.objects.count() == 1


def test_an_accepted_leaf_counts_whatever_was_tried_after_it(
    vendor_user: User, authority: Authority, ca: Made, root: Made
) -> None:
    trying.try_leaf(vendor_user, authority, make_leaf(ca).pem)
    with clock.at(NOW + timedelta(hours=1)):
        trying.try_leaf(vendor_user, authority, make_leaf(root).pem)
    assert evidence_of(authority).test_leaf.state == State.ACCEPTED


def test_a_leaf_kept_before_verdicts_were_is_no_evidence(authority: Authority, ca: Made) -> None:
    leaf = make_leaf(ca)
    validity = {"not_before": NOW, "not_after": NOW + timedelta(days=9)}
    TestLeaf.objects.create(authority=authority, sha256=leaf.sha256, der=leaf.der, name=EUI, **validity)
    assert evidence_of(authority).test_leaf.state == State.MISSING


def test_only_what_the_authority_signed_is_drawn_below_it(
    vendor_user: User, vendor: Vendor, root: Made, client_of: SignIn
) -> None:
    authority = hand_in(vendor_user, vendor, root)[0]
    trying.try_leaf(vendor_user, authority, make_leaf(make_issuing(root)).pem)
    rows = client_of(vendor_user).get(f"/authorities/{authority.pk}/").context["axis"].rows
    assert len(rows) == 1
