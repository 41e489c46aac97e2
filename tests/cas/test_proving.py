"""Proof of possession: who gets a code, and which certificate counts."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.test import Client

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority, Proof, ProofCode
from cas.services import proving
from cas.services.evidence import State, evidence_of
from core import clock
from core.errors import Forbidden, Refused
from outbox.models import Message
from tests.cas.authorities import hand_in
from tests.pki.makers import (
    NOW,
    Made,
    at,
    basic_constraints,
    make_certificate,
    make_leaf,
    make_root,
    p256_key,
    private_pem,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


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
def code(vendor_user: User, authority: Authority) -> str:
    return proving.make_code(vendor_user, authority).code


def refusal(actor: User, authority: Authority, content: bytes) -> Refused:
    before = Proof.objects.count()
    with pytest.raises(Refused) as refused:
        proving.prove(actor, authority, content)
    assert Proof.objects.count() == before
    return refused.value


# The code


def test_a_code_is_made_once_and_stands_for_seven_days(vendor_user: User, authority: Authority) -> None:
    first = proving.make_code(vendor_user, authority)
    assert first.expires_at == NOW + timedelta(days=7)
    with clock.at(NOW + timedelta(days=6)):
        assert proving.make_code(vendor_user, authority) == first
    assert Record.objects.filter(action="authority.code-made").count() == 1


def test_a_code_that_is_over_is_replaced(vendor_user: User, authority: Authority) -> None:
    first = proving.make_code(vendor_user, authority)
    with clock.at(NOW + timedelta(days=7)):
        second = proving.make_code(vendor_user, authority)
    assert second.code != first.code
    first.refresh_from_db()
    assert first.replaced_at is not None


def test_an_operator_gets_the_code_on_the_vendors_behalf(operator: User, authority: Authority, vendor: Vendor) -> None:
    made = proving.make_code(operator, authority)
    assert (made.vendor, made.authority_sha256, made.made_by) == (vendor, authority.sha256, operator)


@pytest.mark.parametrize("who", ["auditor", "other_vendor_user"])
def test_nobody_else_gets_one(who: str, authority: Authority, request: pytest.FixtureRequest) -> None:
    """Fails without `require_hands_on`."""
    person = request.getfixturevalue(who)
    for act in (proving.make_code, lambda actor, each: proving.prove(actor, each, b"")):
        with pytest.raises(Forbidden):
            act(person, authority)
    assert not ProofCode.objects.exists()


def test_the_database_takes_one_standing_code_per_authority(code: str, authority: Authority, vendor: Vendor) -> None:
    with pytest.raises(IntegrityError):
        ProofCode.objects.create(
            code="other", authority=authority, authority_sha256=authority.sha256, vendor=vendor, expires_at=NOW
        )


def test_the_code_is_in_no_record_and_no_mail(
    operator: User, vendor_user: User, authority: Authority, ca: Made, code: str
) -> None:
    proving.prove(vendor_user, authority, make_leaf(ca, code).pem)
    said = [f"{each.subject_name} {each.details}" for each in Record.objects.all()]
    assert len(said) == 3
    assert not [each for each in said if code in each]
    assert Message.objects.count() == 1  # that of the hand-in: a proof bothers nobody
    assert code not in str(ProofCode.objects.get())


# What counts


@pytest.mark.parametrize("who", ["vendor_user", "operator"])
def test_a_certificate_that_the_authority_signed_proves_it(
    who: str, authority: Authority, ca: Made, code: str, request: pytest.FixtureRequest
) -> None:
    person, leaf = request.getfixturevalue(who), make_leaf(ca, code)
    proof = proving.prove(person, authority, leaf.pem)
    assert (proof.sha256, bytes(proof.der), proof.proven_by, proof.proven_at) == (leaf.sha256, leaf.der, person, NOW)
    piece = evidence_of(authority).proof
    assert (piece.state, piece.by, piece.sha256) == (State.PROVEN, person.name, leaf.sha256)
    record = Record.objects.get(action="authority.proven")
    assert record.details == {"sha256": authority.sha256, "evidence_sha256": leaf.sha256}
    assert not Authority.objects.filter(sha256=leaf.sha256).exists()


def test_a_version_1_certificate_counts_and_says_so(
    vendor_user: User, authority: Authority, ca: Made, code: str
) -> None:
    proving.prove(vendor_user, authority, make_certificate(code, issuer=ca, version=1).der)
    assert "version 1" in evidence_of(authority).proof.findings[0]["message"]


def test_the_code_counts_as_typed_by_hand(vendor_user: User, authority: Authority, ca: Made, code: str) -> None:
    proving.prove(vendor_user, authority, make_leaf(ca, code.lower().replace("-", "")).pem)


def test_a_wrong_name_is_refused_and_told_the_right_one(
    vendor_user: User, authority: Authority, ca: Made, code: str
) -> None:
    refused = refusal(vendor_user, authority, make_leaf(ca, "Jonas").pem)
    assert refused.code == "not-a-code"
    assert f"Use exactly CN={code}." in refused.message


def test_a_code_that_nobody_made_is_refused(vendor_user: User, authority: Authority, ca: Made, code: str) -> None:
    made_up = code[:-1] + ("7" if code[-1] != "7" else "8")
    assert "not made here" in refusal(vendor_user, authority, make_leaf(ca, made_up).pem).message


def test_without_a_code_one_is_told_to_get_one(vendor_user: User, authority: Authority, ca: Made) -> None:
    assert "Get a code first" in refusal(vendor_user, authority, make_leaf(ca).pem).message


def test_an_old_code_is_refused(vendor_user: User, authority: Authority, ca: Made, code: str) -> None:
    """Fails without `is_over` in `cas.services.proving._code`."""
    with clock.at(NOW + timedelta(days=7)):
        refused = refusal(vendor_user, authority, make_leaf(ca, code).pem)
        assert (refused.code, "Get a new one" in refused.message) == ("code-expired", True)
        proving.make_code(vendor_user, authority)
        assert refusal(vendor_user, authority, make_leaf(ca, code).pem).code == "code-expired"


def test_another_authoritys_signature_is_refused(vendor_user: User, authority: Authority, code: str) -> None:
    refused = refusal(vendor_user, authority, make_leaf(make_root("Mallory"), code).pem)
    assert refused.code == "other-issuer"
    assert "Mallory" in refused.message


def test_a_namesake_of_the_authority_proves_nothing(vendor_user: User, authority: Authority, code: str) -> None:
    namesake = make_root("Kestrel Gateway CA", key=p256_key("a thief's"))
    assert refusal(vendor_user, authority, make_leaf(namesake, code).pem).code == "bad-signature"


def test_a_ca_certificate_is_refused_and_not_kept(vendor_user: User, authority: Authority, ca: Made, code: str) -> None:
    leaf = make_leaf(ca, code, extensions=[basic_constraints()])
    assert refusal(vendor_user, authority, leaf.pem).code == "is-a-ca"
    assert Authority.objects.count() == 1


def test_a_certificate_that_is_over_is_refused(vendor_user: User, authority: Authority, ca: Made, code: str) -> None:
    leaf = make_leaf(ca, code, not_before=at(2025), not_after=at(2026))
    assert refusal(vendor_user, authority, leaf.pem).code == "expired"


def test_a_private_key_beside_it_is_refused(vendor_user: User, authority: Authority, ca: Made, code: str) -> None:
    """Row 9."""
    refused = refusal(vendor_user, authority, make_leaf(ca, code).pem + private_pem(p256_key("x")))
    assert (refused.code, "exposed" in refused.message) == ("private-key", True)


def test_the_code_of_another_vendor_is_refused(
    vendor_user: User, authority: Authority, ca: Made, other_vendor_user: User, other_vendor: Vendor
) -> None:
    """Fails without the comparison of `vendor_id` in `cas.services.proving._code`."""
    theirs = hand_in(other_vendor_user, other_vendor, make_root("Ampere Root"))[0]
    foreign = proving.make_code(other_vendor_user, theirs).code
    refused = refusal(vendor_user, authority, make_leaf(ca, foreign).pem)
    assert refused.code == "code-of-another-vendor"
    assert "Ampere" not in refused.message


def test_the_code_of_another_authority_is_refused(
    vendor_user: User, vendor: Vendor, authority: Authority, ca: Made
) -> None:
    other = hand_in(vendor_user, vendor, make_root("Kestrel CA 2"))[0]
    code = proving.make_code(vendor_user, other).code
    refused = refusal(vendor_user, authority, make_leaf(ca, code).pem)
    assert (refused.code, "Kestrel CA 2" in refused.message) == ("code-of-another-authority", True)


def test_a_certificate_swapped_in_the_database_takes_no_proof(
    vendor_user: User, authority: Authority, ca: Made, code: str
) -> None:
    """The code is bound to the SHA-256: fails without `authority_sha256` in `cas.services.proving._code`."""
    twin = make_root("Kestrel Gateway CA", key=ca.key, serial=77)
    Authority.objects.filter(pk=authority.pk).update(der=twin.der)
    authority.refresh_from_db()
    assert refusal(vendor_user, authority, make_leaf(ca, code).pem).code == "code-of-another-authority"


def test_a_replay_is_refused(vendor_user: User, authority: Authority, ca: Made, code: str) -> None:
    leaf = make_leaf(ca, code)
    proving.prove(vendor_user, authority, leaf.pem)
    assert refusal(vendor_user, authority, leaf.pem).code == "replayed"
    assert refusal(vendor_user, authority, make_leaf(ca, code, serial=99).pem).code == "code-used"
    with pytest.raises(Refused, match="proven already"):
        proving.make_code(vendor_user, authority)
    assert Proof.objects.count() == Record.objects.filter(action="authority.proven").count() == 1


def test_an_operated_or_found_authority_needs_none(operator: User, authority: Authority) -> None:
    for origin in (Authority.Origin.FOUND, Authority.Origin.OPERATED):
        authority.origin = origin
        with pytest.raises(Refused) as refused:
            proving.make_code(operator, authority)
        assert refused.value.code == "no-evidence-needed"
        assert evidence_of(authority).is_complete
        assert evidence_of(authority).proof.state == State.NOT_ASKED


@pytest.mark.django_db(transaction=True)
def test_ten_posts_of_the_same_proof_are_one(vendor_user: User, authority: Authority, ca: Made, code: str) -> None:
    """Row 23: the code is claimed by a conditional update, and the database takes one proof per authority. Fails
    when both are gone."""
    leaf, barrier = make_leaf(ca, code).pem, threading.Barrier(10)
    answers: list[Proof | str] = []

    def post() -> None:
        barrier.wait()
        try:
            with clock.at(NOW):  # for this thread
                answers.append(proving.prove(vendor_user, authority, leaf))
        except Refused as refused:
            answers.append(refused.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=post) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([each for each in answers if isinstance(each, Proof)]) == 1
    assert {each for each in answers if isinstance(each, str)} <= {"replayed", "code-used", "already-proven"}
    assert Record.objects.filter(action="authority.proven").count() == 1
