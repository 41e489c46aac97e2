"""From the audit record to what endpoints are told."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import User, Vendor
from alerts.services.notices import look
from audit.models import Record
from audit.services import SYSTEM, record, seal_pending
from core import clock
from core.errors import Refused
from outbox.models import Endpoint, HookDelivery
from outbox.services import webhooks
from outbox.services.announcing import announce_pending
from tests.alerts.rows import NOW, authority
from tests.outbox.receiver import endpoint_at

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.com/in"


def happens(action: str, subject: Any, vendor_id: int | None = None, **details: Any) -> Record:
    done = record(SYSTEM, action, subject=subject, vendor_id=vendor_id, **details)
    seal_pending()
    return done


def told(endpoint: Endpoint) -> list[tuple[str, int | None]]:
    return [(row.event, row.record_id) for row in endpoint.deliveries.order_by("pk")]


def test_each_event_is_read_from_its_act(vendor: Vendor) -> None:
    endpoint = endpoint_at(URL)
    acts = {
        "certificate.issued": "certificate.issued",
        "server-certificate.issued": "certificate.issued",
        "certificate.revoked": "certificate.revoked",
        "server-certificate.revoked": "certificate.revoked",
        "release.published": "release.published",
        "store.failing": "job.failing",
        "alert.crossed": "certificate.expiring",
    }
    made = [(event, happens(action, vendor, kind="server").pk) for action, event in acts.items()]
    happens("vendor.changed", vendor)
    assert announce_pending() == len(acts)
    assert told(endpoint) == made


def test_an_alert_about_silence_is_a_failing_job(vendor: Vendor) -> None:
    failing, expiring = endpoint_at(URL, events=["job.failing"]), endpoint_at(URL, events=["certificate.expiring"])
    silent, ending = happens("alert.crossed", vendor, kind="job"), happens("alert.crossed", vendor, kind="authority")
    happens("alert.crossed", vendor, kind="token")
    announce_pending()
    assert told(failing) == [("job.failing", silent.pk)]
    assert told(expiring) == [("certificate.expiring", ending.pk)]


def test_a_real_alert_is_told_with_what_ends_and_when(vendor: Vendor) -> None:
    endpoint = endpoint_at(URL, vendor_id=vendor.pk)
    with clock.at(NOW):
        ending = authority(vendor, left=timedelta(days=20))
        look()
    seal_pending()
    announce_pending()
    [event] = [json.loads(row.payload) for row in endpoint.deliveries.filter(event="certificate.expiring")]
    details = event["data"]["details"]
    assert (details["kind"], details["count"], details["threshold"]) == ("authority", 1, "30d")
    assert [each["name"] for each in details["subjects"]] == [ending.name]
    assert details["not_after"].startswith("2026-07-05T12:00:00")


def test_an_endpoint_hears_only_what_it_chose(vendor: Vendor) -> None:
    endpoint = endpoint_at(URL, events=["certificate.revoked"])
    happens("certificate.issued", vendor)
    revoked = happens("certificate.revoked", vendor)
    announce_pending()
    assert told(endpoint) == [("certificate.revoked", revoked.pk)]


def test_a_vendor_hears_of_its_own_things_only(vendor: Vendor, other_vendor: Vendor) -> None:
    """G11. Fails without `of_vendor` in outbox.services.announcing."""
    endpoint = endpoint_at(URL, vendor_id=vendor.pk)
    happens("certificate.issued", other_vendor, other_vendor.pk)
    happens("release.published", other_vendor)
    own = happens("certificate.issued", vendor, vendor.pk)
    announce_pending()
    assert told(endpoint) == [("certificate.issued", own.pk)]


def test_what_is_not_sealed_yet_waits_and_is_not_passed_by(vendor: Vendor) -> None:
    """Records commit out of order: an earlier id may be seen later. Fails with a cursor over ids."""
    endpoint = endpoint_at(URL)
    late = record(SYSTEM, "certificate.issued", subject=vendor)
    early = Record(pk=late.pk + 10, actor_kind="system", actor_name="x", action="certificate.issued")
    early.subject_kind, early.subject_id, early.subject_name = "vendor", "1", "x"
    early.save(force_insert=True)
    _seal_only(early)
    announce_pending()
    assert told(endpoint) == [("certificate.issued", early.pk)]
    seal_pending()
    announce_pending()
    assert told(endpoint) == [("certificate.issued", early.pk), ("certificate.issued", late.pk)]


def _seal_only(row: Record) -> None:
    from audit.services.sealing import _append  # noqa: PLC0415  as a sealer that does not see the other one yet

    with transaction.atomic():
        _append([row])


def test_it_is_told_nothing_twice(vendor: Vendor) -> None:
    endpoint = endpoint_at(URL)
    happens("certificate.issued", vendor)
    assert (announce_pending(), announce_pending()) == (1, 0)
    assert endpoint.deliveries.count() == 1


def test_a_new_endpoint_hears_of_what_comes_only(
    vendor: Vendor, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "resolve", lambda url, private: "203.0.113.7")
    happens("certificate.issued", vendor)
    endpoint = webhooks.add_endpoint(operator, url=URL, name="x", events=["certificate.issued"], vendor_id=None)
    announce_pending()
    assert told(endpoint) == []
    own = happens("certificate.issued", vendor)
    announce_pending()
    assert told(endpoint) == [("certificate.issued", own.pk)]


def test_the_body_says_what_when_and_about_what_and_no_more(vendor: Vendor) -> None:
    endpoint = endpoint_at(URL)
    done = happens("certificate.issued", vendor, vendor.pk, serial="0A", token="nightly job", password="x")
    announce_pending()
    delivery = endpoint.deliveries.get()
    assert json.loads(delivery.payload) == {
        "type": "certificate.issued",
        "timestamp": done.at.isoformat(),
        "deployment": "http://127.0.0.1:8000",
        "data": {
            "record": done.pk,
            "action": "certificate.issued",
            "words": "Kestrel Radio issued",
            "subject": {"kind": "vendor", "id": str(vendor.pk), "name": "Kestrel Radio"},
            "vendor": vendor.pk,
            "details": {"serial": "0A"},
        },
    }


def test_an_event_told_again_after_it_was_forgotten_has_the_same_id(vendor: Vendor, operator: User) -> None:
    endpoint = endpoint_at(URL)
    happens("certificate.issued", vendor)
    announce_pending()
    first = endpoint.deliveries.get().hook_id
    HookDelivery.objects.all().delete()
    webhooks.replay_since(operator, endpoint, clock.now() - timedelta(hours=1))
    announce_pending()
    assert endpoint.deliveries.get().hook_id == first


def test_a_replay_tells_what_was_told_and_what_was_not(vendor: Vendor, operator: User) -> None:
    before = happens("certificate.issued", vendor)
    endpoint = endpoint_at(URL, position=before.seal.position)
    after = happens("certificate.issued", vendor)
    announce_pending()
    endpoint.deliveries.update(state=HookDelivery.State.FAILED, attempts=9)
    webhooks.replay_since(operator, endpoint, clock.now() - timedelta(hours=1))
    announce_pending()
    rows = {row.record_id: (row.state, row.attempts) for row in endpoint.deliveries.all()}
    assert rows == {before.pk: ("waiting", 0), after.pk: ("waiting", 0)}
    assert Record.objects.filter(action="webhook.replayed").exists()


@pytest.mark.parametrize("days", [-1, 31])
def test_a_replay_goes_back_30_days_at_most(days: int, operator: User) -> None:
    with pytest.raises(Refused, match="last 30 days"):
        webhooks.replay_since(operator, endpoint_at(URL), clock.now() - timedelta(days=days))


def test_a_paused_endpoint_hears_everything_once_it_goes_on(vendor: Vendor, operator: User) -> None:
    endpoint = endpoint_at(URL)
    webhooks.pause(operator, endpoint)
    happens("certificate.issued", vendor)
    assert announce_pending() == 0
    webhooks.resume(operator, endpoint)
    assert announce_pending() == 1


def test_what_was_told_long_ago_is_forgotten_and_what_waits_is_not(vendor: Vendor) -> None:
    endpoint = endpoint_at(URL)
    happens("certificate.issued", vendor)
    happens("certificate.revoked", vendor)
    announce_pending()
    endpoint.deliveries.filter(event="certificate.issued").update(state=HookDelivery.State.DELIVERED)
    assert webhooks.forget() == 0
    with clock.at(clock.now() + timedelta(days=31)):
        webhooks.forget()
    assert [event for event, _ in told(endpoint)] == ["certificate.revoked"]


@pytest.mark.django_db(transaction=True)
def test_two_readers_at_once_write_each_delivery_once(vendor: Vendor) -> None:
    endpoint, start = endpoint_at(URL), threading.Barrier(2)
    for _ in range(5):
        record(SYSTEM, "certificate.issued", subject=vendor)
    seal_pending()

    def read() -> None:
        start.wait()
        try:
            announce_pending()
        finally:
            connection.close()

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert endpoint.deliveries.count() == 5
