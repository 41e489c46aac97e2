"""Batches: each line is judged, the whole is approved, and what comes of it is as if each had been asked for alone."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from accounts.models import User, Vendor
from audit.models import Record
from cas import bulk as register
from cas.models import Authority, Signing
from cas.services.signing import revoke_signing
from certificates.models import Batch, Certificate, Chunk, Line, Request
from certificates.services import batch_checking, batches, set_policy
from certificates.services.batch_checking import check_chunk
from certificates.services.batch_issuing import issue_chunk
from certificates.services.batches import Entry, Wish, approve_batch, cancel_batch, create_batch, refuse_batch
from certificates.tasks import sweep, work_on_chunk
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Dispute, Gateway
from keys import services as vault
from keys.kek import WrongKek
from keys.models import Key
from outbox.models import Message
from pki.path_validation import verify_chain
from tests.pki.makers import curve_key, make_csr, p256_key, rsa_key

pytestmark = pytest.mark.django_db(transaction=True)
EUIS = [f"58A0CBFFFE80{number:04X}" for number in range(7)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHUNK", 3)


@pytest.fixture
def fleet(operator: User, vendor: Vendor) -> list[Gateway]:
    return [Gateway.objects.create(eui=eui, vendor=vendor, registered_by=operator) for eui in EUIS]


@pytest.fixture
def automatic(operator: User, vendor: Vendor, issuing: Authority) -> Authority:
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    return issuing


def csr(eui: str, label: str = "") -> bytes:
    return make_csr(eui, key=p256_key(label or eui))


def from_csrs(euis: Sequence[str]) -> list[Entry]:
    return [Entry(f"{eui}.csr", csr(eui)) for eui in euis]


def hand_in(actor: User, vendor: Vendor, entries: Sequence[Entry], *, key_type: str = "", key: str = "b") -> Batch:
    return create_batch(actor, vendor, entries, Wish("a test", 365, key_type), idempotency_key=key)


def work(batch: Batch) -> Batch:
    """What the bell rings for, until nothing is left."""
    for _ in range(3):
        for pk in batches.work_left(batch):
            work_on_chunk(pk)
    batch.refresh_from_db()
    return batch


def refusals(batch: Batch) -> dict[str, str]:
    return dict(Line.objects.filter(chunk__batch=batch).refused().values_list("text", "code"))


def test_a_batch_that_was_sent_is_the_same_whatever_the_rules_say_by_now(
    operator: User, vendor: Vendor, fleet: list[Gateway], automatic: Authority
) -> None:
    sent = ([Entry(fleet[0].eui)], Wish("a list", 365, "P-256"))
    batch = create_batch(operator, vendor, *sent, idempotency_key="again")
    set_policy(vendor, actor=operator, authority=automatic, approvals={"gateway-client": "none"})
    assert create_batch(operator, vendor, *sent, idempotency_key="again") == batch


def test_each_gateway_of_a_batch_gets_what_it_would_get_alone(
    operator: User, vendor: Vendor, fleet: list[Gateway], automatic: Authority
) -> None:
    batch = work(hand_in(operator, vendor, from_csrs(EUIS)))
    assert (batch.state, batch.chunks.counts()) == ("done", {"lines": 7, "refused": 0, "issued": 7})
    assert automatic.key_id is not None
    signed = Signing.objects.filter(issuer=automatic)
    assert set(signed.values_list("state", flat=True)) == {Signing.State.SIGNED}
    assert Key.objects.get(pk=automatic.key_id).signatures == 7
    for certificate in Certificate.objects.select_related("gateway", "request__signing"):
        verify_chain(bytes(certificate.der), trust=[bytes(automatic.der)], at=clock.now(), purpose="client")
        request = certificate.request
        assert request is not None
        assert request.signing is not None
        assert bytes(request.signing.der or b"") == bytes(certificate.der)
        assert (request.state, request.serial) == ("issued", certificate.serial)
        assert certificate.gateway.current_not_after == certificate.not_after
    assert Record.objects.filter(action="certificate.issued").count() == 7
    assert "7 issued, 0 refused" in Message.objects.get(recipient=operator.email).subject


def test_keys_that_are_made_here_are_sealed_for_their_holder(
    operator: User, vendor: Vendor, fleet: list[Gateway], automatic: Authority
) -> None:
    work(hand_in(operator, vendor, [Entry(eui) for eui in EUIS], key_type="P-256"))
    certificates = Certificate.objects.select_related("key", "gateway")
    assert len({each.spki_sha256 for each in certificates}) == 7
    assert all(each.has_sealed_key for each in certificates)
    assert all(each.key is not None and each.key.spki_sha256 == each.spki_sha256 for each in certificates)


def test_every_line_that_is_wrong_says_why_and_the_others_are_issued(
    operator: User, vendor: Vendor, other_vendor: Vendor, fleet: list[Gateway], automatic: Authority
) -> None:
    theirs = Gateway.objects.create(eui="00000000000000AA", vendor=other_vendor, registered_by=operator)
    Dispute.objects.create(gateway=fleet[1], claimant=other_vendor, claimed_by=operator)
    whole = csr(EUIS[2])
    entries = [
        Entry("good", csr(EUIS[0])),
        Entry("disputed", csr(EUIS[1])),
        Entry("damaged", whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:]),
        Entry("theirs", csr(theirs.eui)),
        Entry("unknown", csr("00000000000000BB")),
        Entry("lower", make_csr(EUIS[3].lower(), key=p256_key("lower"))),
        Entry("weak", make_csr(EUIS[4], key=rsa_key(1024))),
        Entry("no CSR", b"what is this"),
        Entry("twice", csr(EUIS[0], "another")),
        Entry("same key", csr(EUIS[5], EUIS[0])),
        Entry("odd curve", make_csr(EUIS[6], key=curve_key(ec.SECP521R1))),
    ]
    batch = work(hand_in(operator, vendor, entries))
    codes = refusals(batch)
    assert set(codes) == {entry.text for entry in entries} - {"good"}
    assert (codes["disputed"], codes["theirs"], codes["unknown"]) == (
        "gateway-disputed", "no-such-gateway", "no-such-gateway",
    )  # fmt: skip
    assert (codes["twice"], codes["same key"]) == ("gateway-twice", "key-twice")
    assert list(Certificate.objects.values_list("gateway__eui", flat=True)) == [EUIS[0]]
    assert batch.chunks.counts() == {"lines": 11, "refused": 10, "issued": 1}
    assert all(line.words.endswith((".", "?")) for line in Line.objects.refused())


def test_a_key_that_another_gateway_uses_is_refused(
    operator: User, vendor: Vendor, fleet: list[Gateway], automatic: Authority
) -> None:
    work(hand_in(operator, vendor, from_csrs(EUIS[:1])))
    batch = work(hand_in(operator, vendor, [Entry("again", csr(EUIS[1], EUIS[0]))], key="c"))
    assert refusals(batch) == {"again": "key-in-use"}


def test_euis_are_understood_in_every_notation(
    operator: User, vendor: Vendor, fleet: list[Gateway], automatic: Authority
) -> None:
    texts = ["58a0cbfffe800000", "58-A0-CB-FF-FE-80-00-01", "58a0:cbff:fe80:2", "58A0CB800003"]
    batch = work(hand_in(operator, vendor, [Entry(text) for text in texts], key_type="P-256"))
    assert sorted(Certificate.objects.values_list("gateway__eui", flat=True)) == EUIS[:3]
    assert refusals(batch) == {"58A0CB800003": "eui-ambiguous"}


# ------------------------------------------------------------------------------------------------ who decides


def test_a_batch_waits_for_an_operator_who_did_not_hand_it_in(
    operator: User, second_operator: User, vendor: Vendor, issuing: Authority, fleet: list[Gateway]
) -> None:
    set_policy(vendor, actor=operator, authority=issuing, automatic=False)
    batch = work(hand_in(operator, vendor, from_csrs(EUIS)))
    assert batch.state == Batch.State.CHECKED
    assert not Certificate.objects.exists()
    with pytest.raises(Refused, match="another operator decides"):
        approve_batch(batch, actor=operator, expected_sha256=batch.lines_sha256)
    with pytest.raises(Refused, match="not the one that you saw"):
        approve_batch(batch, actor=second_operator, expected_sha256="0" * 64)
    work(approve_batch(batch, actor=second_operator, expected_sha256=batch.lines_sha256))
    assert Certificate.objects.count() == 7
    assert set(Request.objects.values_list("decided_by", flat=True)) == {second_operator.pk}


def test_a_refused_batch_makes_nothing(
    operator: User, second_operator: User, vendor: Vendor, vendor_user: User, issuing: Authority, fleet: list[Gateway]
) -> None:
    set_policy(vendor, actor=operator, authority=issuing, automatic=False)
    batch = work(hand_in(vendor_user, vendor, from_csrs(EUIS)))
    with pytest.raises(Forbidden):
        refuse_batch(batch, actor=vendor_user, reason="no")
    refuse_batch(batch, actor=operator, reason="not now")
    work(batch)
    assert "not now" in Message.objects.get(key__startswith="batch_refused", recipient=vendor_user.email).text
    assert not Signing.objects.filter(issuer=issuing).exists()


def test_a_vendor_makes_batches_for_itself_alone(
    vendor_user: User, other_vendor: Vendor, fleet: list[Gateway], automatic: Authority
) -> None:
    with pytest.raises(Forbidden):
        hand_in(vendor_user, other_vendor, from_csrs(EUIS))


def test_the_same_form_sent_twice_is_one_batch(
    operator: User, vendor: Vendor, fleet: list[Gateway], automatic: Authority
) -> None:
    entries = from_csrs(EUIS)
    first, second = (hand_in(operator, vendor, entries) for _ in range(2))
    assert first.pk == second.pk
    with pytest.raises(Refused, match="other values"):
        hand_in(operator, vendor, from_csrs(EUIS[:2]))
    assert Line.objects.count() == 7


@pytest.mark.parametrize(
    ("entries", "key_type", "match"),
    [([], "", "not a single"), ([Entry("x")], "", "no CSR"), ([Entry("x", b"x")], "P-256", "have CSRs"),
     ([Entry("x")], "P-192", "Choose one of")],
)  # fmt: skip
def test_a_batch_that_makes_no_sense_is_refused(
    operator: User, vendor: Vendor, automatic: Authority, entries: list[Entry], key_type: str, match: str
) -> None:
    with pytest.raises(Refused, match=match):
        hand_in(operator, vendor, entries, key_type=key_type)


# -------------------------------------------------------------------------------------------- what may happen


class Killed(BaseException):
    """Stands for a process that ends here."""


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the next signature never come; undone by the call of what this gives."""
    sign_many = register.sign_many

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(register, "sign_many", die)
    return lambda: monkeypatch.setattr(register, "sign_many", sign_many)


def interrupted(operator: User, vendor: Vendor, revive: Callable[[], None]) -> Batch:
    """A batch whose chunks were all reserved, and none signed."""
    batch = hand_in(operator, vendor, from_csrs(EUIS))
    for pk in batch.chunks.values_list("pk", flat=True):
        check_chunk(pk)
    for pk in batches.work_left(batch):
        with pytest.raises(Killed):
            issue_chunk(pk)
    revive()
    return batch


def test_what_a_dead_worker_reserved_is_finished_with_the_same_serials(
    operator: User,
    vendor: Vendor,
    fleet: list[Gateway],
    automatic: Authority,
    dead: Callable[[], None],
) -> None:
    """G1, G3, G4. Falls with: `_resumed` in certificates.services.batch_issuing."""
    batch = interrupted(operator, vendor, dead)
    reserved = set(Signing.objects.filter(issuer=automatic).values_list("serial", flat=True))
    assert len(reserved) == 7
    assert not Certificate.objects.exists()
    with clock.at(clock.now() + timedelta(hours=1)):
        sweep()
    batch.refresh_from_db()
    assert (batch.state, batch.chunks.counts()["issued"]) == ("done", 7)
    assert set(Certificate.objects.values_list("serial", flat=True)) == reserved


def test_a_batch_whose_last_worker_died_after_its_chunk_is_moved_on(
    operator: User, vendor: Vendor, fleet: list[Gateway], automatic: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Falls with: `settle_all` in certificates.tasks."""
    batch = hand_in(operator, vendor, from_csrs(EUIS))
    with monkeypatch.context() as patch:
        patch.setattr(batch_checking, "settle", lambda _: None)
        for pk in batch.chunks.values_list("pk", flat=True):
            check_chunk(pk)
    sweep()
    sweep()
    batch.refresh_from_db()
    assert (batch.state, Certificate.objects.count()) == ("done", 7)


def test_what_was_revoked_while_its_worker_was_dead_is_not_signed(
    operator: User,
    vendor: Vendor,
    fleet: list[Gateway],
    automatic: Authority,
    dead: Callable[[], None],
) -> None:
    interrupted(operator, vendor, dead)
    gone = Signing.objects.filter(issuer=automatic)[0]
    revoke_signing(gone, actor=operator, reason="keyCompromise")
    with clock.at(clock.now() + timedelta(hours=1)):
        sweep()
    assert Certificate.objects.count() == 6
    assert Request.objects.get(serial=gone.serial).state == Request.State.FAILED


def test_a_cancelled_batch_begins_nothing_and_finishes_what_is_reserved(
    operator: User, second_operator: User, vendor: Vendor, issuing: Authority, fleet: list[Gateway],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    set_policy(vendor, actor=operator, authority=issuing, automatic=False)
    batch = work(hand_in(operator, vendor, from_csrs(EUIS)))
    batch = approve_batch(batch, actor=second_operator, expected_sha256=batch.lines_sha256)
    first = batches.work_left(batch)[0]
    with monkeypatch.context() as patch:
        patch.setattr(register, "sign_many", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            issue_chunk(first)
    cancel_batch(batch, actor=operator)
    with clock.at(clock.now() + timedelta(hours=1)):
        sweep()
    assert Certificate.objects.count() == 3
    work(batches.resume_batch(batch, actor=operator))
    assert Certificate.objects.count() == 7
    batch.refresh_from_db()
    assert batch.state == Batch.State.DONE


def test_a_gateway_that_moved_after_the_check_gets_nothing(
    operator: User, second_operator: User, vendor: Vendor, other_vendor: Vendor, issuing: Authority,
    fleet: list[Gateway],
) -> None:  # fmt: skip
    set_policy(vendor, actor=operator, authority=issuing, automatic=False)
    batch = work(hand_in(operator, vendor, from_csrs(EUIS)))
    Gateway.objects.filter(pk=fleet[0].pk).update(vendor=other_vendor)
    work(approve_batch(batch, actor=second_operator, expected_sha256=batch.lines_sha256))
    assert refusals(batch) == {f"{EUIS[0]}.csr": "no-such-gateway"}
    assert batch.chunks.counts() == {"lines": 7, "refused": 1, "issued": 6}


def test_a_chunk_that_kills_three_workers_is_set_aside_and_goes_on_one_by_one(
    operator: User, vendor: Vendor, fleet: list[Gateway], automatic: Authority, dead: Callable[[], None]
) -> None:
    """Falls with: `single` in certificates.models.RequestQuerySet."""
    batch = hand_in(operator, vendor, from_csrs(EUIS))
    for hours in range(8):
        with clock.at(clock.now() + timedelta(hours=hours)):
            for pk in batch.chunks.values_list("pk", flat=True):
                try:
                    work_on_chunk(pk)
                except Killed:
                    continue
    assert set(batch.chunks.values_list("state", flat=True)) == {Chunk.State.ASIDE}
    with clock.at(clock.now() + timedelta(hours=20)):
        sweep()
        assert Certificate.objects.count() == 7
        assert Signing.objects.filter(issuer=automatic).count() == 7
        dead()  # the next worker lives
        batch = batches.resume_batch(batch, actor=operator)
        for pk in batches.work_left(batch):
            work_on_chunk(pk)
    batch.refresh_from_db()
    assert (batch.state, batch.chunks.counts()["issued"], Certificate.objects.count()) == ("done", 7, 7)


def test_the_wrong_key_encryption_key_stops_nothing_for_good(
    operator: User, vendor: Vendor, fleet: list[Gateway], automatic: Authority
) -> None:
    batch = hand_in(operator, vendor, from_csrs(EUIS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vault, "check_kek", lambda: (_ for _ in ()).throw(WrongKek("wrong-kek", "Another key.")))
        work(batch)
    assert set(batch.chunks.values_list("failure", flat=True)) == {"Another key."}
    with clock.at(clock.now() + timedelta(hours=1)):
        sweep()
    assert Certificate.objects.count() == 7


def test_no_other_worker_finishes_a_chunk_that_is_held(
    operator: User, vendor: Vendor, fleet: list[Gateway], automatic: Authority
) -> None:
    batch = hand_in(operator, vendor, from_csrs(EUIS))
    for pk in batch.chunks.values_list("pk", flat=True):
        Chunk.objects.claim(pk, seconds=60)
        work_on_chunk(pk)
    assert set(batch.chunks.values_list("state", flat=True)) == {Chunk.State.NEW}
