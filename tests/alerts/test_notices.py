"""Each notice reaches each recipient once per threshold, whatever is restarted, down, or run twice (G9)."""

import threading
from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.db import connection

from accounts.models import Contact, User, Vendor
from alerts.models import Delivery, Notice
from alerts.services.notices import Sent, send_due
from audit.models import Record
from core import clock
from outbox.models import Message
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, gateway

pytestmark = pytest.mark.django_db


def run(at: datetime = NOW) -> Sent:
    with clock.at(at):
        return send_due()


def told() -> set[tuple[str, str, str]]:
    """Who was told of what: recipient, subject, threshold."""
    rows = Delivery.objects.told().values_list("recipient", "notice__subject_name", "notice__threshold")
    return set(rows)


def test_nothing_due_writes_nothing(operator: User) -> None:
    assert run() == Sent(0, 0)


def test_a_second_run_tells_nothing_again(operator: User, vendor: Vendor) -> None:
    """G9. Fails without `nothing_new` in alerts/services/looking._told together with the unique constraint."""
    authority(vendor, left=20 * DAY)
    assert run() == Sent(1, 1)
    assert run() == Sent(0, 0)
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_once(operator: User, vendor: Vendor, vendor_user: User) -> None:
    """G9. On PostgreSQL it fails without `one_at_a_time` in alerts/services/notices.look and mailing._send."""
    by = authority(vendor, left=20 * DAY)
    for _ in range(20):
        certificate(gateway(vendor), by, left=10 * DAY)
    start = threading.Barrier(4)
    sent: list[Sent] = []

    def work() -> None:
        start.wait()
        try:
            sent.append(run())
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(each.notices for each in sent) == Notice.objects.count() == 21
    assert Delivery.objects.count() == 42
    assert Message.objects.count() == sum(each.mails for each in sent) == 2


def test_a_week_without_runs_tells_the_newest_threshold_only(operator: User, vendor: Vendor) -> None:
    ending = authority(vendor, left=15 * DAY)
    run()
    run(NOW + 9 * DAY)
    assert [name for _, _, name in sorted(told())] == ["30d", "7d"]
    assert ending.name in {subject for _, subject, _ in told()}


def test_a_clock_that_jumps_a_day_makes_no_storm(operator: User, vendor: Vendor) -> None:
    """G9. Fails without `nothing_new` in alerts/services/looking._told."""
    for left in (7.5, 14.5, 30.5):
        authority(vendor, left=left * DAY)
    for days in (0, 1, -1, 0, 1, 0, -1):
        run(NOW + days * DAY)
    assert Notice.objects.count() == 6  # at the first look, and at what the day ahead crossed
    assert set(Counter(Delivery.objects.values_list("notice", "recipient")).values()) == {1}


def test_nothing_is_expired_at_birth(operator: User, vendor: Vendor) -> None:
    by = authority(vendor, left=9 * YEAR)
    certificate(gateway(vendor), by, left=YEAR, life=YEAR)
    run(NOW - DAY)
    run()
    assert not Notice.objects.exists()


def test_each_recipient_gets_one_mail_that_lists_everything(
    operator: User, second_operator: User, vendor: Vendor, vendor_user: User, other_vendor: Vendor, auditor: User
) -> None:
    Contact.objects.create(vendor=vendor, name="Desk", email="desk@kestrel.example")
    mine, theirs = authority(vendor, left=20 * DAY), authority(other_vendor, left=50 * DAY)
    of = gateway(vendor, name="Kvitfjell mast")
    certificate(of, mine, left=5 * DAY)
    run()
    mails = {mail.recipient: mail for mail in Message.objects.all()}
    assert set(mails) == {operator.email, second_operator.email, vendor_user.email, "desk@kestrel.example"}
    for email in (operator.email, second_operator.email):
        assert all(name in mails[email].text for name in (mine.name, theirs.name, of.eui, "Kvitfjell mast"))
    for email in (vendor_user.email, "desk@kestrel.example"):
        assert mine.name in mails[email].text
        assert theirs.name not in mails[email].text + mails[email].html
        assert other_vendor.name not in mails[email].text + mails[email].html


def test_a_contact_of_two_vendors_gets_one_mail(operator: User, vendor: Vendor, other_vendor: Vendor) -> None:
    for each in (vendor, other_vendor):
        Contact.objects.create(vendor=each, name="Shared", email="Shared@noc.example")
        authority(each, left=20 * DAY)
    run()
    assert Message.objects.filter(recipient="shared@noc.example").count() == 1
    assert Delivery.objects.filter(recipient="shared@noc.example").count() == 2


def test_an_operator_who_is_also_a_contact_gets_one_mail(operator: User, vendor: Vendor) -> None:
    Contact.objects.create(vendor=vendor, name="Ines", email=operator.email)
    authority(vendor, left=20 * DAY)
    assert run() == Sent(1, 1)


def test_people_who_left_are_not_told(operator: User, vendor: Vendor, vendor_user: User) -> None:
    vendor_user.is_active = False
    vendor_user.save()
    authority(vendor, left=20 * DAY)
    run()
    assert {recipient for recipient, _, _ in told()} == {operator.email}


def test_a_mail_says_what_when_what_breaks_and_where_to_go(operator: User, vendor: Vendor) -> None:
    by = authority(vendor, left=20 * DAY, name="Kestrel Gateway CA 2")
    for _ in range(5):
        certificate(gateway(vendor), by, left=20 * DAY, life=YEAR, revoked_at=None)
    run()
    mail = Message.objects.get()
    assert mail.subject == "Kestrel Radio: 5 gateways lose access in 20 days, and 1 more"
    for part in ("Sun 5 Jul 2026, 12:00 UTC", "off the air at that second", f"/authorities/{by.pk}/", "and 2 more"):
        assert part in mail.text
        assert part in mail.html


def test_a_name_with_markup_is_inert(operator: User, vendor: Vendor) -> None:
    authority(vendor, left=20 * DAY, name="<script>alert(1)</script>")
    run()
    mail = Message.objects.get()
    assert "<script>" not in mail.html
    assert "<script>alert(1)</script>" in mail.text


def test_the_act_is_on_record(operator: User, vendor: Vendor) -> None:
    authority(vendor, left=20 * DAY)
    authority(None, left=20 * DAY)
    run()
    records = Record.objects.filter(action="alert.crossed")
    said = {record.vendor_id: (record.details["kind"], record.details["threshold"]) for record in records}
    assert said == {vendor.pk: ("authority", "30d"), None: ("authority", "30d")}
    assert [record.details["count"] for record in records] == [1, 1]


def test_notices_and_mails_are_written_together_or_not_at_all(
    operator: User, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G9. Fails without `transaction.atomic()` in alerts/services/notices.look (a notice nobody was told of)."""
    authority(vendor, left=20 * DAY)
    with monkeypatch.context() as broken:
        broken.setattr("alerts.services.telling.tell", _fail)
        with pytest.raises(OSError, match="power cut"):
            run()
    assert not Notice.objects.exists()
    assert run() == Sent(1, 1)


def test_a_mail_and_what_it_tells_are_written_together_or_not_at_all(
    operator: User, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G9. Fails without `transaction.atomic()` in alerts/services/mailing._send (news that no mail tells)."""
    authority(vendor, left=20 * DAY)
    with monkeypatch.context() as broken:
        broken.setattr("alerts.services.mailing.queue_new", _fail)
        with pytest.raises(OSError, match="power cut"):
            run()
    assert not Delivery.objects.told().exists()
    assert run() == Sent(0, 1)


def test_without_anybody_to_tell_the_notice_is_written_all_the_same(vendor: Vendor) -> None:
    authority(vendor, left=20 * DAY)
    assert run() == Sent(1, 0)


def test_a_day_of_many_ends_costs_few_queries(
    operator: User, vendor: Vendor, django_assert_max_num_queries: object
) -> None:
    by = authority(vendor, left=9 * YEAR)
    for _ in range(300):
        certificate(gateway(vendor), by, left=timedelta(days=10))
    with django_assert_max_num_queries(200):  # type: ignore[operator]  # the fixture publishes no type
        assert run() == Sent(300, 1)


def _fail(*_: object, **__: object) -> None:
    raise OSError("power cut")


def test_a_gateway_that_moved_on_is_not_its_former_vendors_business(vendor: Vendor, other_vendor: Vendor) -> None:
    """Fails without `vendor=F("gateway__vendor")` in alerts.watched.certificates, and without it in the successors."""
    Contact.objects.create(vendor=vendor, name="Ops", email="ops@kestrel.example")
    Contact.objects.create(vendor=other_vendor, name="Ops", email="ops@ampere.example")
    by, moved = authority(vendor, left=9 * YEAR), gateway(vendor)
    certificate(moved, by, left=5 * DAY)
    moved.vendor = other_vendor
    moved.save()
    certificate(moved, by, left=4 * DAY)
    run()
    recipients = {recipient for recipient, _, _ in told()}
    assert "ops@ampere.example" in recipients
    assert "ops@kestrel.example" not in recipients
