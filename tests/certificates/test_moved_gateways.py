"""A gateway that was moved to another vendor: what its former owner was certified stays the former owner's, and what
was sealed or asked for in its name comes to an end."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts import reauthentication
from accounts.models import Deployment, User, Vendor
from audit.models import Record
from cas.models import Authority
from cas.services import signing as register
from certificates import tasks
from certificates.models import Certificate, Request
from certificates.services import (
    confirm_receipt,
    decide_dispute,
    issue,
    private_key_pem,
    request_certificate,
    revoke,
    set_policy,
    station_kit,
)
from core import clock
from core.errors import Refused
from gateways.models import Gateway
from keys.models import Key
from outbox.models import Message
from tests.gateways.claims import claim

ClientOf = Callable[[User], Client]
EUI = "58A0CBFFFE8011D4"
ROOT = Path(__file__).resolve().parents[2]


def move(to: User, operator: User) -> Gateway:
    decide_dispute(claim(to, EUI), actor=operator, outcome="moved", reason="Sold")
    return Gateway.objects.get()


def fresh(certificate: Certificate) -> Certificate:
    return Certificate.objects.select_related("gateway", "vendor", "key", "authority").get(pk=certificate.pk)


@pytest.fixture
def moved(certificate: Certificate, operator: User, other_vendor_user: User) -> Gateway:
    """Certified by an authority of its former owner."""
    uploaded = {"origin": Authority.Origin.UPLOADED, "vendor": certificate.vendor_id, "key": None}
    Authority.objects.filter(pk=certificate.authority_id).update(**uploaded)
    return move(other_vendor_user, operator)


# what lists say


def test_the_new_owner_reads_nothing_of_the_former_ones_authority(
    moved: Gateway, certificate: Certificate, other_vendor_user: User, client_of: ClientOf
) -> None:
    """G11: fails without `refresh_current` in `certificates.services.ownership.decide_dispute`."""
    client = client_of(other_vendor_user)
    for path in (f"/gateways/{moved.pk}/", "/gateways/", "/"):
        page = client.get(path).content.decode()
        assert certificate.authority.name not in page
    export = b"".join(client.get("/gateways/export.csv").streaming_content)  # type: ignore[attr-defined]  # it streams
    assert moved.eui.encode() in export
    assert certificate.authority.name.encode() not in export


def test_what_becomes_of_the_former_ones_certificate_changes_nothing(
    moved: Gateway, certificate: Certificate, vendor_user: User
) -> None:
    """Fails without `vendor_id` in `certificates.services.current.refresh_current`."""
    another(certificate)
    revoke(certificate, actor=vendor_user, reason="superseded")
    moved.refresh_from_db()
    assert (moved.current_authority, moved.current_not_after) == (None, None)


def another(like: Certificate, **changes: Any) -> Certificate:
    names = ("gateway", "vendor", "authority", "origin", "der", "not_before", "not_after", "key_type")
    facts = {name: getattr(like, name) for name in names} | {"sha256": "0" * 64, "serial": "77", "spki_sha256": ""}
    return Certificate.objects.create(**(facts | changes))


def test_a_gateway_that_comes_back_has_its_certificate_again(
    certificate: Certificate, operator: User, vendor_user: User, other_vendor_user: User
) -> None:
    """Fails without `refresh_current` in `certificates.services.ownership.decide_dispute`."""
    assert move(other_vendor_user, operator).standing == "none"
    back = move(vendor_user, operator)
    assert (back.current_authority, back.current_not_after) == (certificate.authority, certificate.not_after)
    assert back.standing == "valid"


def test_a_former_owners_certificate_supersedes_nothing_of_the_new_ones(
    moved: Gateway, certificate: Certificate, other_vendor: Vendor
) -> None:
    """Fails without `vendor_id` in `certificates.models.CertificateQuerySet.with_successor`."""
    sooner = certificate.not_after - (certificate.not_after - clock.now()) / 2
    theirs = another(certificate, vendor=other_vendor, not_after=sooner)
    assert set(Certificate.objects.current(clock.now())) == {certificate, theirs}


def test_only_certificates_writes_what_a_gateway_has_now() -> None:
    """Fails when another module writes `current_*`, or moves a gateway without what follows from it."""
    sources = {path.relative_to(ROOT): path.read_text() for path in ROOT.glob("*/**/*.py")}
    ours = {str(path): text for path, text in sources.items() if path.parts[0] not in OUTSIDE}
    writers = {path for path, text in ours.items() if "current_not_after=" in text}
    movers = {path for path, text in ours.items() if "close_dispute(" in text}
    assert writers == {"certificates/services/current.py"}
    givers = {path for path, text in ours.items() if re.search(r"update\(vendor=to\b", text)}
    assert movers == {"gateways/services/disputes.py", "certificates/services/ownership.py"}
    assert givers == {"gateways/services/disputes.py", "certificates/services/transfer.py"}


OUTSIDE = {".venv", "node_modules", "tests", "bench", "var", "static", "staticfiles"}


# sealed keys


@pytest.mark.parametrize("who", ["vendor_user", "other_vendor_user", "operator"])
@pytest.mark.parametrize("act", [private_key_pem, station_kit, confirm_receipt])
def test_nobody_gets_what_was_sealed_for_the_former_owner(
    act: Callable[..., Any], who: str, moved: Gateway, certificate: Certificate, kits: Deployment, request: Any
) -> None:
    with pytest.raises(Refused) as refused:
        act(fresh(certificate), actor=request.getfixturevalue(who))
    assert refused.value.code in {"gateway-moved", "not-for-your-role"}
    assert not Record.objects.filter(action__endswith="downloaded").exists()


def test_the_key_is_destroyed_with_the_move_and_on_record(moved: Gateway, certificate: Certificate) -> None:
    """Fails without `destroy_keys_left_behind` in `certificates.services.ownership.decide_dispute`."""
    key = Key.objects.get(purpose="gateway")
    assert (key.wrapped_key, key.ciphertext) == (None, None)
    act = Record.objects.get(action="certificate.key-destroyed")
    assert (act.vendor_id, act.subject_id, act.actor_kind) == (certificate.vendor_id, str(certificate.pk), "operator")


def test_a_page_that_was_open_before_the_move_hands_out_nothing(
    certificate: Certificate,
    operator: User,
    vendor_user: User,
    other_vendor_user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fails without `_refuse_moved` in `certificates.services.custody.private_key_pem` and `_open`, even while the
    key is not destroyed yet."""
    with monkeypatch.context() as late:
        late.setattr("certificates.services.ownership.destroy_keys_left_behind", lambda *_, **__: None)
        move(other_vendor_user, operator)
    assert certificate.gateway.vendor_id == certificate.vendor_id  # as it was when the page was opened
    with pytest.raises(Refused, match="another vendor"):
        private_key_pem(certificate, actor=vendor_user)


def test_what_a_worker_had_in_hand_is_handed_out_to_nobody_and_destroyed(
    approved: Request, operator: User, vendor_user: User, other_vendor_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without the moved ones in `certificates.models.CertificateQuerySet.with_key_to_destroy`."""
    sign = register.sign

    def sign_and_move(row: Any) -> bytes:
        der = sign(row)
        move(other_vendor_user, operator)
        return der

    monkeypatch.setattr(register, "sign", sign_and_move)
    made = issue(approved.pk)
    assert made is not None
    assert not fresh(made).has_sealed_key
    with pytest.raises(Refused, match="another vendor"):
        private_key_pem(fresh(made), actor=vendor_user)
    tasks.destroy_keys()
    assert Key.objects.get(purpose="gateway").destroyed_at is not None
    assert Gateway.objects.get().current_not_after is None


def test_what_a_worker_stopped_leaves_no_key(approved: Request, operator: User, other_vendor_user: User) -> None:
    """Fails without the moved ones in `certificates.models.RequestQuerySet.with_key_to_destroy`."""
    move(other_vendor_user, operator)
    assert issue(approved.pk) is None
    tasks.destroy_keys()
    assert Key.objects.get(purpose="gateway").destroyed_at is not None
    assert Record.objects.filter(action="request.key-destroyed").exists()


def test_the_keys_of_other_gateways_stay(
    certificate: Certificate, policy: None, operator: User, vendor_user: User, other_vendor_user: User
) -> None:
    claimed = claim(other_vendor_user, EUI)
    decide_dispute(claimed, actor=operator, outcome="kept", reason="Delivery note")
    tasks.destroy_keys()
    assert private_key_pem(fresh(certificate), actor=vendor_user)


def test_the_page_says_why_there_is_no_key_any_more(
    moved: Gateway, certificate: Certificate, kits: Deployment, vendor_user: User, client_of: ClientOf
) -> None:
    client = client_of(vendor_user)
    session = client.session
    session[reauthentication.KEY] = clock.now().timestamp()
    session.save()
    page = client.get(f"/certificates/{certificate.pk}/").content.decode()
    assert "destroyed since the gateway belongs to another vendor" in page
    assert "Station kit</button>" not in page
    for what in ("kit", "key", "receipt"):
        answer = client.post(f"/certificates/{certificate.pk}/{what}/")
        assert answer.status_code == 409
        assert "belongs to another vendor by now" in answer.content.decode()


# requests


def test_a_request_that_waited_comes_to_nothing_and_its_vendor_is_told(
    wish: Request, operator: User, vendor_user: User, other_vendor_user: User
) -> None:
    """Fails without `_end_waiting` in `certificates.services.ownership.decide_dispute`."""
    move(other_vendor_user, operator)
    wish.refresh_from_db()
    assert (wish.state, wish.failure) == ("failed", "The gateway belongs to another vendor by now.")
    assert Key.objects.get(purpose="gateway").destroyed_at is not None
    assert [each.recipient for each in Message.objects.all()] == [vendor_user.email]
    assert Record.objects.get(action="request.failed").vendor_id == wish.vendor_id


def test_each_move_ends_what_the_owner_before_it_asked_for(
    wish: Request, issuing: Authority, operator: User, vendor_user: User, other_vendor_user: User
) -> None:
    move(other_vendor_user, operator)
    set_policy(Vendor.objects.get(name="Ampere IoT"), actor=operator, authority=issuing, automatic=False)
    theirs = request_certificate(
        other_vendor_user, Gateway.objects.get(), lifetime_days=90, idempotency_key="b", key_type="P-256"
    )
    move(vendor_user, operator)
    theirs.refresh_from_db()
    wish.refresh_from_db()
    assert (wish.state, theirs.state) == ("failed", "failed")


def test_a_mail_does_not_tell_what_the_new_owner_calls_it(
    approved: Request, operator: User, vendor_user: User, other_vendor_user: User
) -> None:
    """G11: fails with `request.gateway.name` in `certificates.services.mails._tell`."""
    move(other_vendor_user, operator)
    Gateway.objects.update(name="New mast")
    issue(approved.pk)
    mail = Message.objects.get(recipient=vendor_user.email)
    assert EUI in mail.text
    assert "New mast" not in mail.text + mail.html


def test_what_may_exist_of_a_moved_gateway_can_be_revoked_and_not_tried_again(
    approved: Request, operator: User, other_vendor_user: User, client_of: ClientOf
) -> None:
    move(other_vendor_user, operator)
    Request.objects.filter(pk=approved.pk).update(state="may-exist", serial="5eed")
    page = client_of(operator).get(f"/requests/{approved.pk}/").content.decode()
    assert "Revoke by serial" in page
    assert "Try again" not in page
