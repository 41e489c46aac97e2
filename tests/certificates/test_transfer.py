"""Gateways that go to another vendor, and what becomes of their certificates."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User, Vendor
from audit.models import Record
from certificates.models import Certificate, Request
from certificates.services import many, private_key_pem
from certificates.services.ledger import check_ledger
from certificates.services.transfer import preview, transfer
from core.errors import Forbidden, Refused
from gateways.models import Gateway, Tag
from gateways.services import register
from outbox.models import Message
from pki.ledger import Discrepancy
from tests.gateways.claims import claim

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User], Client]
PAGE = "/gateways/transfer/"
GATEWAYS = Gateway.objects.all


def move(operator: User, to: Vendor, fate: str, typed: str = "1") -> Gateway:
    assert transfer(GATEWAYS(), to=to, actor=operator, fate=fate, reason="Sold", typed=typed) == int(typed)
    return Gateway.objects.get()


def test_revoked_certificates_leave_the_new_owner_with_a_bare_gateway(
    certificate: Certificate, operator: User, vendor: Vendor, other_vendor: Vendor
) -> None:
    moved = move(operator, other_vendor, "revoked")
    certificate.refresh_from_db()
    assert (moved.vendor, moved.name, moved.standing) == (other_vendor, "", "none")
    assert certificate.revoked_at
    assert certificate.revocation_reason == "cessationOfOperation"
    assert {record.vendor_id for record in Record.objects.filter(action="gateway.moved")} == {
        vendor.pk,
        other_vendor.pk,
    }


def test_left_certificates_stay_the_former_owners_until_they_end(
    certificate: Certificate, operator: User, vendor: Vendor, other_vendor: Vendor
) -> None:
    moved = move(operator, other_vendor, "left")
    certificate = Certificate.objects.select_related("gateway", "key").get()
    assert (certificate.vendor, certificate.revoked_at, moved.current_not_after) == (vendor, None, None)
    with pytest.raises(Refused) as refusal:
        private_key_pem(certificate, actor=operator)
    assert refusal.value.code == "gateway-moved"
    assert certificate.key is not None
    assert certificate.key.destroyed_at


def test_handed_over_they_are_the_new_owners_with_words_tags_and_key(
    certificate: Certificate, operator: User, vendor: Vendor, other_vendor: Vendor, other_vendor_user: User
) -> None:
    certificate.gateway.tags.add(Tag.objects.create(vendor=vendor, name="mast"))
    before = Gateway.objects.get()
    moved = move(operator, other_vendor, "handed-over")
    handed = Certificate.objects.select_related("gateway", "key").get()
    assert (moved.name, moved.current_not_after, moved.standing) == (before.name, before.current_not_after, "valid")
    assert list(moved.tags.values_list("name", "vendor")) == [("mast", other_vendor.pk)]
    assert handed.vendor == other_vendor
    assert b"PRIVATE KEY" in private_key_pem(handed, actor=other_vendor_user)


def test_notes_do_not_go_along(certificate: Certificate, operator: User, other_vendor: Vendor) -> None:
    Gateway.objects.update(notes="The key is under the mat.")
    assert move(operator, other_vendor, "handed-over").notes == ""


@pytest.mark.parametrize("fate", ["handed-over", "revoked"])
def test_what_an_earlier_owner_was_left_stays_its_own(
    fate: str, certificate: Certificate, operator: User, vendor: Vendor, other_vendor: Vendor
) -> None:
    """Fails where a transfer takes every certificate of the gateway: the first owner's vanished without a word."""
    move(operator, other_vendor, "left")
    move(operator, Vendor.objects.create(name="Third"), fate)
    certificate.refresh_from_db()
    assert (certificate.vendor, certificate.revoked_at) == (vendor, None)


def test_a_tag_of_the_new_owner_is_the_same_whatever_its_case(
    certificate: Certificate, operator: User, vendor: Vendor, other_vendor: Vendor
) -> None:
    certificate.gateway.tags.add(Tag.objects.create(vendor=vendor, name="Mast"))
    Tag.objects.create(vendor=other_vendor, name="mast")
    assert list(move(operator, other_vendor, "handed-over").tags.values_list("name", flat=True)) == ["mast"]


def test_one_picked_gateway_is_moved_or_retired_and_no_other(
    certificate: Certificate, operator: User, vendor: Vendor, client_of: ClientOf
) -> None:
    register(operator, vendor, "58A0CBFFFE0000FF")
    for act, words in (("transfer", "Transfer 1 gateway<"), ("retire", "Retire 1 gateway<")):
        page = client_of(operator).get(f"/gateways/{act}/?pick={certificate.gateway_id}").content.decode()
        assert words in page


def test_the_ledger_still_agrees_with_itself_after_a_hand_over(
    certificate: Certificate, operator: User, other_vendor: Vendor
) -> None:
    """Fails without `handed_over_at` in `certificates.services.ledger`, or where anything but a hand-over sets it."""
    move(operator, other_vendor, "handed-over")
    check_ledger()
    Certificate.objects.update(handed_over_at=None)
    with pytest.raises(Discrepancy, match="its vendor is"):
        check_ledger()


def test_what_waits_for_approval_comes_to_nothing(wish: Request, operator: User, other_vendor: Vendor) -> None:
    move(operator, other_vendor, "handed-over")
    wish.refresh_from_db()
    assert wish.state == Request.State.FAILED


def test_both_vendors_get_a_mail_and_neither_reads_who_the_other_is(
    certificate: Certificate,
    operator: User,
    vendor_user: User,
    other_vendor_user: User,
    vendor: Vendor,
    other_vendor: Vendor,
) -> None:
    Message.objects.all().delete()
    move(operator, other_vendor, "left")
    gone = Message.objects.get(recipient=vendor_user.email)
    came = Message.objects.get(recipient=other_vendor_user.email)
    assert "went from Kestrel Radio to another vendor" in gone.text
    assert "came to Ampere IoT" in came.text
    assert other_vendor.name not in gone.text + gone.html
    assert vendor.name not in came.text + came.html
    for record in Record.objects.filter(action="gateway.moved"):
        assert not {vendor.name, other_vendor.name} & set(record.details.values())


def test_disputed_gateways_are_decided_elsewhere(
    certificate: Certificate, operator: User, other_vendor: Vendor, other_vendor_user: User
) -> None:
    claim(other_vendor_user, certificate.gateway.eui)
    assert preview(GATEWAYS()).disputed == 1
    with pytest.raises(Refused) as refusal:
        transfer(GATEWAYS(), to=other_vendor, actor=operator, fate="left", reason="Sold", typed="1")
    assert refusal.value.code == "gateway-disputed"


def test_many_go_part_by_part(
    operator: User, vendor: Vendor, other_vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "CHUNK", 2)
    for number in range(5):
        register(operator, vendor, f"58A0CB000000000{number}")
    seen = preview(GATEWAYS())
    assert (seen.count, seen.certified, [(share.name, share.count) for share in seen.by_vendor]) == (
        5, 0, [(vendor.name, 5)],
    )  # fmt: skip
    with pytest.raises(Refused, match="Type 5"):
        transfer(GATEWAYS(), to=other_vendor, actor=operator, fate="left", reason="Sold", typed="4")
    transfer(GATEWAYS(), to=other_vendor, actor=operator, fate="left", reason="Sold", typed="5")
    assert Gateway.objects.filter(vendor=other_vendor).count() == 5


def test_only_an_operator_transfers(
    certificate: Certificate, vendor_user: User, auditor: User, other_vendor: Vendor, client_of: ClientOf
) -> None:
    for person in (vendor_user, auditor):
        with pytest.raises(Forbidden):
            transfer(GATEWAYS(), to=other_vendor, actor=person, fate="left", reason="Mine", typed="1")
        assert client_of(person).get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302


def test_the_page_shows_what_it_does_and_does_it(
    certificate: Certificate, operator: User, vendor: Vendor, other_vendor: Vendor, client_of: ClientOf
) -> None:
    register(operator, other_vendor, "AC1F09FFFE000001")
    client, address = client_of(operator), f"{PAGE}?vendor={vendor.pk}"
    assert "Transfer 1 gateway<" in client.get(address).text
    client.post(address, {"to": other_vendor.pk, "fate": "revoked", "reason": "Sold", "typed": "1"})
    assert Gateway.objects.filter(vendor=other_vendor).count() == 2
    assert "No gateway fits" in client.get(address).text


def test_the_page_says_what_is_missing(certificate: Certificate, operator: User, client_of: ClientOf) -> None:
    page = client_of(operator).post(PAGE, {"fate": "left"}).text
    assert "This field is required" in page
    assert Gateway.objects.get().vendor == certificate.vendor
