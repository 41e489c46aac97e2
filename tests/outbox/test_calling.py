"""Calling real endpoints: signed, retried, and nobody held up by who is slow."""

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User, Vendor
from audit.models import Record
from audit.services import SYSTEM, record, seal_pending
from core import clock, outgoing
from core.errors import Refused, TooMany
from outbox import tasks
from outbox.models import Endpoint, HookDelivery
from outbox.services import calling, webhooks
from outbox.services.announcing import announce_pending
from outbox.services.calling import call_due
from tests.outbox.receiver import Receiver, endpoint_at
from tests.servers import ROOT

pytestmark = pytest.mark.django_db
State = HookDelivery.State


def events(vendor: Vendor, count: int = 1) -> None:
    for _ in range(count):
        record(SYSTEM, "certificate.issued", subject=vendor)
    seal_pending()
    announce_pending()


def only(endpoint: Endpoint) -> HookDelivery:
    return endpoint.deliveries.get()


def test_it_posts_signed_json_and_notes_the_answer(hook: Receiver, vendor: Vendor) -> None:
    endpoint = endpoint_at(hook.url())
    events(vendor)
    assert call_due() == 1
    [call] = hook.calls
    delivery = only(endpoint)
    assert call.is_signed_with(webhooks.secret(endpoint))
    assert call.headers["content-type"] == "application/json"
    assert (call.id, call.event["type"]) == (delivery.hook_id, "certificate.issued")
    assert (delivery.state, delivery.status, delivery.answer) == (State.DELIVERED, 200, "noted")
    assert delivery.took_ms is not None


def test_another_secret_does_not_verify(hook: Receiver, vendor: Vendor) -> None:
    endpoint, other = endpoint_at(hook.url()), endpoint_at(hook.url("/other"))
    events(vendor)
    call_due()
    [call] = [each for each in hook.calls if each.path == "/hook"]
    assert not call.is_signed_with(webhooks.secret(other))
    call.body += b" "
    assert not call.is_signed_with(webhooks.secret(endpoint))


def test_a_secret_is_nowhere_in_the_database(hook: Receiver, vendor: Vendor, operator: User) -> None:
    """Row 21."""
    endpoint = endpoint_at(hook.url())
    secret = webhooks.rotate(operator, endpoint)
    events(vendor)
    call_due()
    rows = [*Endpoint.objects.values_list(), *HookDelivery.objects.values_list(), *Record.objects.values_list()]
    assert secret.removeprefix("whsec_") not in repr(rows)


def test_for_a_day_the_old_secret_signs_beside_the_new_one(hook: Receiver, vendor: Vendor, operator: User) -> None:
    endpoint = endpoint_at(hook.url())
    old = webhooks.secret(endpoint)
    new = webhooks.rotate(operator, endpoint)
    events(vendor)
    call_due()
    with clock.at(clock.now() + timedelta(hours=25)):
        events(vendor)
        call_due()
    first, second = hook.calls
    assert (first.is_signed_with(old), first.is_signed_with(new)) == (True, True)
    assert (second.is_signed_with(old), second.is_signed_with(new)) == (False, True)


def test_each_try_is_signed_anew_under_the_same_id(hook: Receiver, vendor: Vendor) -> None:
    """Receivers refuse what was signed more than some minutes ago."""
    hook.answers["/hook"] = 500
    endpoint = endpoint_at(hook.url())
    events(vendor)
    call_due()
    hook.answers.clear()
    with clock.at(clock.now() + timedelta(minutes=2)):
        assert call_due() == 1
    first, second = hook.calls
    assert first.id == second.id
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) >= 119
    assert second.is_signed_with(webhooks.secret(endpoint))


def test_a_failure_is_shown_and_tried_again_for_three_days(hook: Receiver, vendor: Vendor) -> None:
    hook.answers["/hook"] = 500
    endpoint = endpoint_at(hook.url())
    events(vendor)
    begun = now = clock.now()
    waits = []
    while only(endpoint).state == State.WAITING:
        now = only(endpoint).next_attempt_at
        with clock.at(now):
            Endpoint.objects.update(rests_until=None)
            call_due()
        if only(endpoint).state == State.WAITING:
            waits.append(round((only(endpoint).next_attempt_at - now).total_seconds() / 60))
    assert waits == [1, 5, 15, 60, 180, 360, 720, 720, 720, 720, 720]
    assert timedelta(days=2, hours=12) < now - begun <= timedelta(days=3)
    endpoint.refresh_from_db()
    assert (only(endpoint).state, only(endpoint).status, endpoint.condition) == (State.FAILED, 500, "failing")
    assert Record.objects.get(action="webhook.failing").details["answer"] == "500 noted"


def test_what_was_given_up_can_be_sent_again(hook: Receiver, vendor: Vendor, operator: User) -> None:
    endpoint = endpoint_at(hook.url(), gave_up_at=clock.now(), failing_since=clock.now(), failures=9)
    events(vendor)
    endpoint.deliveries.update(state=State.FAILED)
    webhooks.replay(operator, only(endpoint))
    assert call_due() == 1
    endpoint.refresh_from_db()
    assert (endpoint.condition, endpoint.failures) == ("well", 0)


def test_one_bad_answer_does_not_stop_the_others(hook: Receiver, vendor: Vendor) -> None:
    endpoint = endpoint_at(hook.url())
    events(vendor, 3)
    worst = endpoint.deliveries.order_by("pk")[0]
    hook.answers["/hook"] = 400
    Endpoint.objects.update(paused_at=None)
    HookDelivery.objects.exclude(pk=worst.pk).update(next_attempt_at=clock.now() + timedelta(minutes=1))
    call_due()
    hook.answers.clear()
    with clock.at(clock.now() + timedelta(seconds=61)):
        assert call_due() == 3


def test_who_cannot_be_called_at_all_does_not_end_the_run(
    hook: Receiver, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails where anything but no answer is raised: the calls of everybody else were lost to that run."""
    odd, good = endpoint_at(hook.url("/odd")), endpoint_at(hook.url())

    def odd_send(method: str, url: str, **more: Any) -> outgoing.Answer:
        if url == odd.url:
            raise UnicodeEncodeError("latin-1", "例", 0, 1, "no such character")
        return outgoing.send(method, url, **more)

    monkeypatch.setattr(calling, "send", odd_send)
    events(vendor, 1)
    assert call_due() == 1
    assert good.deliveries.get().state == "delivered"
    assert odd.deliveries.get().attempts == 1


def test_who_hangs_holds_nobody_up(hook: Receiver, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where endpoints are called one after the other: the others are told before the slow one gives up."""
    monkeypatch.setattr(calling, "CALL_SECONDS", 3.0)
    slow, quick = endpoint_at(hook.url("/hang")), endpoint_at(hook.url())
    events(vendor, 20)
    order: list[str] = []
    noted = calling.note

    def note(delivery: HookDelivery, owner: str, reply: calling.Reply) -> bool:
        order.append(delivery.endpoint.url)
        return noted(delivery, owner, reply)

    monkeypatch.setattr(calling, "note", note)
    assert call_due() == 20
    assert order == [quick.url] * 20 + [slow.url]
    slow.refresh_from_db()
    assert slow.condition == "retrying"
    first = slow.deliveries.order_by("pk")[0]
    assert (first.status, "does not answer within 3 s" in first.answer) == (None, True)
    assert hook.ids("/hang") == [first.hook_id]  # then it rests: the others do not wait for it one by one


def test_more_slow_ones_than_lines_are_told_apart_from_the_quick(
    hook: Receiver, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "CALL_SECONDS", 0.5)
    for number in range(calling.AT_ONCE + 2):
        endpoint_at(hook.url("/hang"), name=f"slow {number}")
    quick = endpoint_at(hook.url())
    events(vendor)
    call_due()
    assert only(quick).state == State.DELIVERED


def test_after_an_outage_everything_comes_in_its_order(hook: Receiver, vendor: Vendor) -> None:
    endpoint = endpoint_at("http://127.0.0.1:1/hook")
    events(vendor, 4)
    assert call_due() == 0
    assert endpoint.deliveries.filter(attempts=0).count() == 3  # one try says that it is not there
    Endpoint.objects.update(url=hook.url())
    with clock.at(clock.now() + timedelta(minutes=2)):
        assert call_due() == 4
    assert sorted(hook.ids()) == sorted(endpoint.deliveries.values_list("hook_id", flat=True))


def test_a_redirect_is_an_answer_and_is_not_followed(hook: Receiver, vendor: Vendor) -> None:
    """Row 17. Fails where the client follows."""
    inner, outer = endpoint_at(hook.url("/redirect")), endpoint_at(hook.url("/elsewhere"))
    events(vendor)
    call_due()
    assert (only(inner).status, only(outer).status) == (307, 302)
    assert {only(inner).state, only(outer).state} == {State.WAITING}
    assert hook.ids() == []


def test_a_closed_connection_is_no_answer(hook: Receiver, vendor: Vendor) -> None:
    endpoint = endpoint_at(hook.url("/close"))
    events(vendor)
    call_due()
    assert (only(endpoint).status, only(endpoint).state) == (None, State.WAITING)


def test_of_a_huge_answer_only_the_beginning_is_read(hook: Receiver, vendor: Vendor) -> None:
    endpoint = endpoint_at(hook.url("/huge"))
    events(vendor)
    assert call_due() == 1
    assert (only(endpoint).status, only(endpoint).answer) == (200, "y" * 500)


def test_who_drips_is_cut_off(hook: Receiver, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails without `_cut_off` in core.outgoing: each octet begins the time-out anew."""
    monkeypatch.setattr(calling, "CALL_SECONDS", 1.0)
    endpoint = endpoint_at(hook.url("/drip"))
    events(vendor)
    assert call_due() == 0
    assert "does not answer within 1 s" in only(endpoint).answer


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/in",
        "ftp://hooks.example.com/in",
        "https://169.254.169.254/latest/",
        "https://127.0.0.2/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://10.1.2.3/",
        "https://user:secret@hooks.example.com/",
        "https://no-such-host.invalid/",
    ],
)
def test_an_address_that_leads_inside_is_refused(url: str, operator: User) -> None:
    with pytest.raises(Refused):
        webhooks.add_endpoint(operator, url=url, name="x", events=["certificate.issued"], vendor_id=None)


def test_a_vendor_reaches_no_private_host_that_operators_allowed(
    hook: Receiver, vendor: Vendor, vendor_user: User, operator: User
) -> None:
    """Row 17. Fails without `private_hosts` in outbox.services.calling."""
    url = hook.url()
    assert webhooks.add_endpoint(operator, url=url, name="x", events=["certificate.issued"], vendor_id=None)
    with pytest.raises(Refused):
        webhooks.add_endpoint(vendor_user, url=url, name="x", events=["certificate.issued"], vendor_id=vendor.pk)
    theirs = endpoint_at(url, vendor_id=vendor.pk)  # as one whose name changed its address afterwards
    record(SYSTEM, "certificate.issued", subject=vendor, vendor_id=vendor.pk)
    events(vendor)
    call_due()
    assert (only(theirs).status, only(theirs).state) == (None, State.WAITING)
    assert len(hook.calls) == 2  # the operator's


def test_a_name_that_points_inside_by_now_is_not_called(
    hook: Receiver, vendor: Vendor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: what was public when it was entered is looked up again, once, for each call."""
    settings.PRIVATE_HOSTS = []
    endpoint = endpoint_at(f"http://hooks.example.com:{hook.port}/hook")
    monkeypatch.setattr(outgoing, "_look_up", lambda host, port: ["127.0.0.1"])
    events(vendor)
    call_due()
    assert hook.calls == []
    assert "private network" in only(endpoint).answer


def test_the_operators_and_each_vendor_have_a_few_only(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "resolve", lambda url, private: "203.0.113.7")

    def add() -> None:
        url = "https://hooks.example.com/"
        webhooks.add_endpoint(operator, url=url, name="x", events=["certificate.issued"], vendor_id=None)

    for _ in range(webhooks.MOST_ENDPOINTS):
        add()
    with pytest.raises(Refused, match="10 webhooks at most"):
        add()


def test_a_ping_goes_out_now_and_brings_the_real_answer(hook: Receiver) -> None:
    hook.answers["/hook"] = 418
    endpoint = endpoint_at(hook.url())
    delivery = webhooks.ping(endpoint)
    assert (delivery.status, delivery.answer, delivery.state) == (418, "noted", State.FAILED)
    [call] = hook.calls
    assert call.event["type"] == "ping"
    assert call.is_signed_with(webhooks.secret(endpoint))
    with pytest.raises(TooMany):
        webhooks.ping(endpoint)
    assert call_due() == 0


def test_a_removed_endpoint_is_called_no_more(hook: Receiver, vendor: Vendor, operator: User) -> None:
    endpoint = endpoint_at(hook.url())
    events(vendor)
    webhooks.remove(operator, endpoint)
    assert call_due() == 0
    assert Record.objects.get(action="webhook.removed").details == {"host": "127.0.0.1"}


def test_a_paused_endpoint_is_not_called(hook: Receiver, vendor: Vendor, operator: User) -> None:
    endpoint = endpoint_at(hook.url())
    events(vendor)
    webhooks.pause(operator, endpoint)
    assert call_due() == 0
    webhooks.resume(operator, endpoint)
    assert call_due() == 1


def test_what_another_worker_holds_is_left_alone(hook: Receiver, vendor: Vendor) -> None:
    endpoint = endpoint_at(hook.url())
    events(vendor)
    assert HookDelivery.objects.claim(only(endpoint).pk, seconds=60)
    assert call_due() == 0


def test_who_lost_the_lease_marks_nothing(hook: Receiver, vendor: Vendor) -> None:
    endpoint = endpoint_at(hook.url())
    events(vendor)
    assert not calling.note(only(endpoint), "somebody else", calling.Reply(200, "ok", 1))
    assert only(endpoint).state == State.WAITING


def test_the_task_reads_calls_and_says_that_it_lives(hook: Receiver, vendor: Vendor) -> None:
    endpoint_at(hook.url())
    record(SYSTEM, "certificate.issued", subject=vendor)
    seal_pending()
    tasks.call_webhooks()
    assert len(hook.calls) == 1


KILLED = """
import os
import django
django.setup()
from outbox.services import calling
calling.note = lambda *args: os.kill(os.getpid(), 9)  # sent, and not marked
calling.call_due()
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_between_sending_and_marking_sends_a_second_copy_under_the_same_id(
    hook: Receiver, vendor: Vendor
) -> None:
    endpoint = endpoint_at(hook.url())
    events(vendor)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "certadmin.settings",
        "CERTADMIN_PRIVATE_HOSTS": "127.0.0.1",
        "CERTADMIN_DATABASE_URL": _url_of_the_test_database(),
    }
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()
    assert only(endpoint).state == State.WAITING
    assert call_due() == 0  # its lease still runs
    with clock.at(clock.now() + timedelta(minutes=2)):
        assert call_due() == 1
    assert hook.ids() == [only(endpoint).hook_id] * 2
    assert all(call.is_signed_with(webhooks.secret(endpoint)) for call in hook.calls)


def _url_of_the_test_database() -> str:
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    port = f"?host={values['HOST']}" if str(values["HOST"]).startswith("/") else ""
    host = "" if port else f"{values['HOST']}:{values['PORT']}"
    return f"postgresql://{values['USER']}:{values['PASSWORD']}@{host}/{values['NAME']}{port}"
