"""Lists of what our authorities revoked: what is on them, when they are made, and what an interruption leaves."""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from django.db import transaction
from django.test import Client

from accounts.models import User
from audit.models import Heartbeat
from cas.models import Authority, ListPage, RevocationList, Signing, StatusService
from cas.services import revocation_lists
from cas.services.operate import Plan, create_issuing, create_root
from cas.services.revocation_lists import length, newest_list, pieces, renew_list
from cas.services.status_services import status_service
from cas.tasks import sweep_lists
from core import clock
from core.errors import Refused
from keys import services as vault
from pki.issuing import new_serial

pytestmark = pytest.mark.django_db(transaction=True)
WEEK = timedelta(days=7)


@pytest.fixture
def issuing(operator: User) -> Authority:
    root = create_root(operator, Plan("Fjordnet Root", "Fjordnet", "P-256", 20, 1))
    return create_issuing(operator, root, Plan("Fjordnet Gateways", "Fjordnet", "P-256", 10, 0))


def signed(issuing: Authority, *, ends_in: timedelta = timedelta(days=365), **more: object) -> Signing:
    """A row of the register: what lists look at of a certificate that was issued."""
    serial = f"{new_serial():x}"
    assert issuing.key is not None
    return Signing.objects.create(
        key=issuing.key, issuer=issuing, serial=serial, subject="58A0CBFFFE8011D4", profile="gateway-client",
        profile_version=1, tbs=b"", tbs_sha256="", signature_algorithm="ecdsa-with-SHA256", requester="test",
        not_after=clock.now() + ends_in, state="signed", der=b"", **more,
    )  # fmt: skip


def revoked(issuing: Authority, *, reason: str = "superseded", ends_in: timedelta = timedelta(days=365)) -> Signing:
    return signed(issuing, ends_in=ends_in, revoked_at=clock.now(), revocation_reason=reason)


def renewed(issuing: Authority) -> x509.CertificateRevocationList:
    made = renew_list(issuing.pk)
    assert made is not None
    return read(made)


def read(made: RevocationList) -> x509.CertificateRevocationList:
    """As cryptography reads it; the issuer's signature holds."""
    der = b"".join(pieces(made))
    assert len(der) == length(made)
    loaded = x509.load_der_x509_crl(der)
    key = x509.load_der_x509_certificate(bytes(made.authority.der)).public_key()
    assert loaded.is_signature_valid(key)  # type: ignore[arg-type]  # an EC key
    return loaded


def serials(crl: x509.CertificateRevocationList) -> list[str]:
    return [f"{each.serial_number:x}" for each in crl]


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_the_first_list_of_an_authority_is_empty(issuing: Authority) -> None:
    assert serials(renewed(issuing)) == []


def test_a_list_names_what_is_revoked_with_its_reason_and_time(issuing: Authority) -> None:
    signed(issuing)
    row = revoked(issuing, reason="keyCompromise")
    entry = next(iter(renewed(issuing)))
    assert f"{entry.serial_number:x}" == row.serial
    assert row.revoked_at is not None
    assert entry.revocation_date_utc == row.revoked_at.replace(microsecond=0)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise


def test_what_may_exist_is_on_the_next_list(issuing: Authority) -> None:
    row = revoked(issuing)
    Signing.objects.filter(pk=row.pk).update(state="may-exist", der=None)
    assert serials(renewed(issuing)) == [row.serial]


def test_what_another_authority_revoked_is_not_on_it(issuing: Authority) -> None:
    assert issuing.parent is not None
    row = revoked(issuing.parent)
    assert serials(renewed(issuing)) == []
    assert serials(renewed(issuing.parent)) == [row.serial]


def test_nothing_is_made_without_need(issuing: Authority) -> None:
    """Fails without the check of the half-life: each sweep would use the key."""
    renewed(issuing)
    assert renew_list(issuing.pk) is None
    with clock.at(clock.now() + WEEK / 2 - timedelta(hours=1)):
        assert renew_list(issuing.pk) is None


def test_a_list_is_renewed_at_half_its_life(issuing: Authority) -> None:
    first = number(renewed(issuing))
    with clock.at(clock.now() + WEEK / 2):
        assert number(renewed(issuing)) > first


def test_a_revocation_makes_a_list_at_once(issuing: Authority) -> None:
    before = renewed(issuing)
    row = revoked(issuing)
    after = renewed(issuing)
    assert serials(after) == [row.serial]
    assert number(after) > number(before)


def test_numbers_grow_after_a_restore_from_an_older_backup(issuing: Authority) -> None:
    """G8. Fails where a number is only the last one of the database plus one."""
    renewed(issuing)
    with clock.at(clock.now() + timedelta(hours=1)):
        revoked(issuing)
        lost = number(renewed(issuing))
    RevocationList.objects.filter(number=lost).delete()  # as the backup of before knows it
    Signing.objects.update(is_listed=False)
    ListPage.objects.all().delete()
    with clock.at(clock.now() + timedelta(hours=1, minutes=5)):
        assert number(renewed(issuing)) > lost


def test_numbers_grow_while_the_clock_stands_still_or_goes_back(issuing: Authority) -> None:
    now, found = clock.now(), []
    for instant in (now, now, now - timedelta(minutes=3)):
        with clock.at(instant):
            revoked(issuing)
            found.append(number(renewed(issuing)))
    assert found == sorted(set(found))


def test_what_ended_leaves_after_one_more_list(issuing: Authority) -> None:
    """RFC 5280 section 3.3. Fails when an entry leaves before a list made after the certificate's end named it."""
    now = clock.now()
    ends, stays = revoked(issuing, ends_in=timedelta(days=2)), revoked(issuing)
    assert serials(renewed(issuing)) == [ends.serial, stays.serial]
    for days, expected in ((4, [ends.serial, stays.serial]), (8, [stays.serial]), (12, [stays.serial])):
        with clock.at(now + timedelta(days=days)):
            assert serials(renewed(issuing)) == expected


def test_what_was_revoked_after_its_end_is_on_one_list_too(issuing: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails without the look at how much of a page the last list named: a worker died after it wrote the page."""
    now = clock.now()
    stays = revoked(issuing)
    renewed(issuing)
    with clock.at(now + timedelta(days=4)):
        late = revoked(issuing, ends_in=-timedelta(days=1))
        interrupted(issuing, "_reserve", monkeypatch)
        assert serials(renewed(issuing)) == [stays.serial, late.serial]
    with clock.at(now + timedelta(days=8)):
        assert serials(renewed(issuing)) == [stays.serial]


def interrupted(issuing: Authority, before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is killed before a step."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(revocation_lists, before, die)
        with pytest.raises(KeyboardInterrupt):
            renew_list(issuing.pk)


def test_a_list_of_before_reads_as_it_was_signed(issuing: Authority) -> None:
    """Somebody may be reading it: its pages are only written to behind what it names."""
    one = revoked(issuing)
    renewed(issuing)
    before = newest_list(issuing)
    assert before is not None
    revoked(issuing)
    renewed(issuing)
    assert serials(read(before)) == [one.serial]


def test_many_entries_stand_on_several_pages(issuing: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation_lists, "PAGE_SIZE", 200)
    monkeypatch.setattr(revocation_lists, "LOT", 7)
    rows = [revoked(issuing) for _ in range(23)]
    assert serials(renewed(issuing)) == [row.serial for row in rows]
    assert ListPage.objects.count() == 6
    rows.append(revoked(issuing))
    assert serials(renewed(issuing)) == [row.serial for row in rows]


def test_it_is_on_record_before_it_is_signed(issuing: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """G1. Fails when the row is written after the signature."""
    seen = []

    def look(key_id: object, digest: bytes) -> bytes:
        row = RevocationList.objects.get(authority=issuing)
        seen.append((row.tbs_digest, digest.hex(), row.signature))
        return real(row.key_id, digest)

    real = vault.sign_digest
    monkeypatch.setattr(vault, "sign_digest", look)
    crl = renewed(issuing)
    assert seen == [(hashlib.sha256(crl.tbs_certlist_bytes).hexdigest(),) * 2 + (None,)]


def test_it_does_not_run_inside_a_transaction_of_others(issuing: Authority) -> None:
    """G1: fails without `durable=True` in `_reserve`."""
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        renew_list(issuing.pk)


def test_each_use_of_a_key_is_on_record(issuing: Authority) -> None:
    for _ in range(3):
        revoked(issuing)
        renewed(issuing)
    assert issuing.key is not None
    issuing.key.refresh_from_db()
    assert issuing.key.signatures == RevocationList.objects.filter(authority=issuing).count() == 3


@pytest.mark.parametrize("where", ["_put_on_pages", "_reserve", "_sign"])
def test_an_interruption_before_a_step_loses_nothing(
    where: str, issuing: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = revoked(issuing)
    interrupted(issuing, where, monkeypatch)
    StatusService.objects.update(lease_until=None)
    renew_list(issuing.pk)
    made = newest_list(issuing)
    assert made is not None
    assert serials(read(made)) == [row.serial]
    issuing.key.refresh_from_db()  # type: ignore[union-attr]  # operated
    assert issuing.key.signatures == RevocationList.objects.signed().count() == RevocationList.objects.count()  # type: ignore[union-attr]


def test_a_signature_that_does_not_fit_is_not_given_out(issuing: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "sign_digest", lambda *_: b"\x30\x06\x02\x01\x01\x02\x01\x01")
    with pytest.raises(Refused) as refused:
        renew_list(issuing.pk)
    assert refused.value.code == "signature-wrong"
    assert newest_list(issuing) is None


def test_only_who_holds_the_lease_makes_a_list(issuing: Authority) -> None:
    service = status_service(issuing)
    owner = StatusService.objects.claim(service.pk, seconds=60)
    assert renew_list(issuing.pk) is None
    StatusService.objects.held_by(owner or "").update(lease_until=None)
    assert renew_list(issuing.pk) is not None


def test_whoever_lost_the_lease_signs_nothing(issuing: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails without `prolong` in `_sign`."""
    real = revocation_lists._reserve

    def lose(*arguments: object) -> RevocationList:
        row = real(*arguments)  # type: ignore[arg-type]
        StatusService.objects.update(lease_owner="another")
        return row

    monkeypatch.setattr(revocation_lists, "_reserve", lose)
    assert renew_list(issuing.pk) is None
    assert RevocationList.objects.signed().count() == 0


def test_the_sweep_finds_what_nobody_was_told_of(issuing: Authority) -> None:
    row = revoked(issuing)
    sweep_lists()
    made = newest_list(issuing)
    assert made is not None
    assert serials(read(made)) == [row.serial]
    assert Authority.objects.filter(revocation_lists__isnull=False).count() == 2
    assert Heartbeat.objects.filter(job="sweep lists of revoked certificates").exists()


def test_an_authority_that_cannot_does_not_keep_others_waiting(issuing: Authority) -> None:
    assert issuing.parent is not None
    assert issuing.parent.key is not None
    vault.destroy_key(issuing.parent.key.pk)
    sweep_lists()
    assert newest_list(issuing) is not None
    assert newest_list(issuing.parent) is None


def test_an_ended_authority_makes_no_list(issuing: Authority) -> None:
    with clock.at(issuing.not_after):
        assert renew_list(issuing.pk) is None


def test_retired_pages_are_kept_for_readers_for_a_day(issuing: Authority) -> None:
    now = clock.now()
    revoked(issuing, ends_in=timedelta(days=1))
    for days, pages in ((0, 1), (4, 1), (8, 1), (10, 0)):
        with clock.at(now + timedelta(days=days)):
            sweep_lists()
            assert ListPage.objects.filter(authority=issuing).count() == pages


def address(issuing: Authority) -> str:
    return f"/crl/{issuing.sha256}.crl"


def test_anybody_reads_the_list(issuing: Authority, client: Client) -> None:
    revoked(issuing)
    crl = renewed(issuing)
    answer = client.get(address(issuing))
    assert answer["Content-Type"] == "application/pkix-crl"
    body = answer.getvalue()
    assert serials(x509.load_der_x509_crl(body)) == serials(crl)
    assert int(answer["Content-Length"]) == len(body)
    assert re.search(r"max-age=\d+", answer["Cache-Control"])


def test_whoever_has_it_is_told_so(issuing: Authority, client: Client) -> None:
    renewed(issuing)
    tag = client.get(address(issuing))["ETag"]
    again = client.get(address(issuing), HTTP_IF_NONE_MATCH=tag)
    assert (again.status_code, again["ETag"], again["Cache-Control"] != "") == (304, tag, True)
    revoked(issuing)
    renewed(issuing)
    assert client.get(address(issuing), HTTP_IF_NONE_MATCH=tag).status_code == 200


def test_head_says_how_long_it_is(issuing: Authority, client: Client) -> None:
    renewed(issuing)
    head = client.head(address(issuing))
    assert head["Content-Length"] == client.get(address(issuing))["Content-Length"]


def test_there_is_none_of_an_authority_that_is_not_here(issuing: Authority, client: Client) -> None:
    assert client.get(f"/crl/{'0' * 64}.crl").status_code == 404
    assert client.get(address(issuing)).status_code == 404  # not made yet
    assert client.post(address(issuing)).status_code == 405


def test_a_list_without_the_wait_for_a_client_clock_that_is_behind(issuing: Authority) -> None:
    now = clock.now()
    assert renewed(issuing).last_update_utc <= now - timedelta(minutes=4)


def test_an_operated_authority_gets_its_first_list_when_it_is_made(
    operator: User, client_of: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[object] = []
    monkeypatch.setattr("cas.views.operated.ring", lambda task, *ids: rung.append((task.name, *ids)))
    posted = {
        "kind": "root",
        "name": "New Root",
        "organisation": "F",
        "key_type": "P-256",
        "years": 20,
        "path_length": 1,
    }
    assert client_of(operator).post("/authorities/operate/", posted).status_code == 302
    assert rung == [("cas.tasks.renew_list", Authority.objects.get().pk)]


def test_the_end_of_a_list_is_a_week_away(issuing: Authority) -> None:
    until = renewed(issuing).next_update_utc
    assert until is not None
    assert isinstance(until, datetime)
    assert WEEK - timedelta(seconds=2) < until - clock.now() <= WEEK
