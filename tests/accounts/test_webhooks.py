"""The pages of webhooks."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User, Vendor
from audit.models import Record
from core import clock
from outbox.models import Endpoint, HookDelivery
from outbox.services import webhooks
from tests.outbox.receiver import Receiver, endpoint_at, receiver

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
URL = "https://hooks.example.com/in"


@pytest.fixture
def hook(settings: Settings) -> Iterator[Receiver]:
    settings.PRIVATE_HOSTS = ["127.0.0.1"]
    with receiver() as made:
        yield made


@pytest.fixture(autouse=True)
def _public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "resolve", lambda url, private: "203.0.113.7")


def call_of(endpoint: Endpoint, number: int = 1, **changes: object) -> HookDelivery:
    values = {"event": "certificate.issued", "payload": "{}", "happened_at": clock.now(), "about": "x", **changes}
    return endpoint.deliveries.create(record_id=number, hook_id=f"msg_{number}", **values)


def test_an_operator_adds_one_and_sees_the_secret_once(operator: User, client_of: SignIn) -> None:
    client = client_of(operator)
    answer = client.post("/webhooks/new/", {"name": "Desk", "url": URL, "events": ["release.published", "job.failing"]})
    endpoint = Endpoint.objects.get()
    secret = webhooks.secret(endpoint)
    assert secret in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert (endpoint.vendor_id, endpoint.events) == (None, ["job.failing", "release.published"])
    assert secret not in client.get(f"/webhooks/{endpoint.pk}/").content.decode()
    assert Record.objects.get(action="webhook.added").details["host"] == "hooks.example.com"


def test_a_vendors_is_its_own(vendor: Vendor, vendor_user: User, client_of: SignIn) -> None:
    client_of(vendor_user).post("/webhooks/new/", {"name": "Desk", "url": URL, "events": ["certificate.issued"]})
    assert Endpoint.objects.get().vendor_id == vendor.pk
    assert Record.objects.get(action="webhook.added").vendor_id == vendor.pk


def test_a_vendor_is_not_offered_what_is_the_operators(vendor_user: User, client_of: SignIn) -> None:
    client = client_of(vendor_user)
    assert "release.published" not in client.get("/webhooks/new/").content.decode()
    answer = client.post("/webhooks/new/", {"name": "Desk", "url": URL, "events": ["release.published"]})
    assert "events" in answer.context["form"].errors
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://hooks.example.com/", "nonsense"])
def test_a_refused_address_is_said_beside_the_field(url: str, operator: User, client_of: SignIn) -> None:
    answer = client_of(operator).post("/webhooks/new/", {"name": "x", "url": url, "events": ["job.failing"]})
    assert "url" in answer.context["form"].errors


def test_staff_see_all_and_a_vendor_its_own(
    operator: User, auditor: User, vendor: Vendor, vendor_user: User, other_vendor: Vendor, client_of: SignIn
) -> None:
    for name, owner in (("ours", None), ("theirs", vendor.pk), ("others", other_vendor.pk)):
        endpoint_at(URL, name=name, vendor_id=owner)
    seen = {
        user.role: {row["endpoint"].name for row in client_of(user).get("/webhooks/").context["rows"]}
        for user in (operator, auditor, vendor_user)
    }
    assert seen["operator"] == seen["auditor"] == {"ours", "theirs", "others"}
    assert seen["vendor"] == {"theirs"}


ACTS = ["test/", "pause/", "resume/", "rotate/", "remove/", "replay/", "calls/{call}/again/"]


@pytest.mark.parametrize("act", ["", *ACTS])
def test_anothers_is_not_there(
    act: str, vendor: Vendor, vendor_user: User, other_vendor: Vendor, client_of: SignIn
) -> None:
    """G11. Fails when a view reads its endpoint without `visible_to`."""
    client = client_of(vendor_user)
    for owner in (other_vendor.pk, None):
        theirs = endpoint_at(URL, vendor_id=owner)
        call = call_of(theirs, state="failed")
        address = f"/webhooks/{theirs.pk}/{act.format(call=call.pk)}"
        assert (client.post(address) if act else client.get(address)).status_code == 404
        theirs.refresh_from_db()
        call.refresh_from_db()
        assert (theirs.rotation, theirs.paused_at, call.state) == (0, None, "failed")


def test_a_call_is_not_reached_through_another_webhook(operator: User, vendor_user: User, client_of: SignIn) -> None:
    ours, theirs = endpoint_at(URL), endpoint_at(URL, vendor_id=vendor_user.vendor_id)
    call = call_of(ours, state="failed")
    assert client_of(vendor_user).post(f"/webhooks/{theirs.pk}/calls/{call.pk}/again/").status_code == 404


@pytest.mark.parametrize("act", ACTS)
def test_an_auditor_changes_nothing(act: str, auditor: User, client_of: SignIn) -> None:
    endpoint = endpoint_at(URL)
    client = client_of(auditor)
    assert client.post(f"/webhooks/{endpoint.pk}/{act.format(call=1)}").status_code == 403
    text = client.get(f"/webhooks/{endpoint.pk}/").content.decode()
    assert re.findall(r'method="post" action="([^"]+)"', text) == ["/logout/"]


@pytest.mark.parametrize("act", ["", "new/", "1/", *(f"1/{act}" for act in ACTS)])
def test_nobody_else_gets_in(act: str) -> None:
    address = f"/webhooks/{act.format(call=1)}"
    answer = Client().get(address) if act in ("", "new/", "1/") else Client().post(address)
    assert answer.headers["Location"].startswith("/login/")


def test_wrong_methods_are_refused(operator: User, client_of: SignIn) -> None:
    client = client_of(operator)
    for address in ("/webhooks/", "/webhooks/1/"):
        assert client.post(address).status_code == 405
    for act in ACTS:
        assert client.get(f"/webhooks/1/{act.format(call=1)}").status_code == 405


def test_a_try_shows_the_real_answer(hook: Receiver, operator: User, client_of: SignIn) -> None:
    hook.answers["/hook"] = 503
    endpoint = endpoint_at(hook.url())
    text = client_of(operator).post(f"/webhooks/{endpoint.pk}/test/").content.decode()
    assert "It answers 503" in text
    assert "noted" in text
    assert re.search(r"after \d+ ms", text)


def test_a_try_of_nobody_says_so(operator: User, client_of: SignIn, settings: Settings) -> None:
    settings.PRIVATE_HOSTS = ["127.0.0.1"]
    endpoint = endpoint_at("http://127.0.0.1:1/")
    assert "It does not answer" in client_of(operator).post(f"/webhooks/{endpoint.pk}/test/").content.decode()


def test_markup_in_an_answer_or_a_name_is_inert(operator: User, client_of: SignIn) -> None:
    endpoint = endpoint_at(URL, name="<script>alert(1)</script>")
    call_of(endpoint, answer="<script>alert(2)</script>", about="<script>alert(3)</script>", payload="</p><script>")
    for address in ("/webhooks/", f"/webhooks/{endpoint.pk}/"):
        text = client_of(operator).get(address).content.decode()
        assert "<script>alert" not in text
        assert "</p><script>" not in text


def test_it_is_paused_and_goes_on(operator: User, client_of: SignIn) -> None:
    endpoint, client = endpoint_at(URL), client_of(operator)
    client.post(f"/webhooks/{endpoint.pk}/pause/")
    assert "Paused" in client.get(f"/webhooks/{endpoint.pk}/").content.decode()
    client.post(f"/webhooks/{endpoint.pk}/resume/")
    endpoint.refresh_from_db()
    assert endpoint.condition == "well"
    assert list(Record.objects.order_by("pk").values_list("action", flat=True)) == ["webhook.paused", "webhook.resumed"]


def test_a_new_secret_is_shown_once_and_says_until_when_the_old_one_signs(operator: User, client_of: SignIn) -> None:
    endpoint = endpoint_at(URL)
    old = webhooks.secret(endpoint)
    text = client_of(operator).post(f"/webhooks/{endpoint.pk}/rotate/").content.decode()
    endpoint.refresh_from_db()
    assert webhooks.secret(endpoint) in text
    assert old not in text
    assert "the secret before it signs too" in text


def test_it_is_changed_and_keeps_its_secret(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    made = endpoint_at(URL, vendor_id=vendor.pk)
    secret, address = webhooks.secret(made), f"/webhooks/{made.pk}/edit/"
    page = client_of(operator).get(address).content.decode()
    assert URL in page
    assert "release.published" not in page  # a vendor is not told of it, whoever edits
    sent = {"name": "Other desk", "url": "https://hooks.example.com/other", "events": ["certificate.revoked"]}
    assert client_of(operator).post(address, sent).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.url, made.events) == ("Other desk", sent["url"], ["certificate.revoked"])
    assert webhooks.secret(made) == secret
    assert Record.objects.get(action="webhook.changed").vendor_id == vendor.pk


def test_a_corrected_address_gets_at_once_what_waits(operator: User, client_of: SignIn) -> None:
    later = clock.now() + timedelta(hours=12)
    made = endpoint_at(URL, failures=7, failing_since=clock.now(), rests_until=later)
    call_of(made, attempts=7, next_attempt_at=later)
    sent = {"name": "Desk", "url": f"{URL}/right", "events": ["certificate.issued"]}
    client_of(operator).post(f"/webhooks/{made.pk}/edit/", sent)
    made.refresh_from_db()
    assert (made.failures, made.failing_since, made.rests_until) == (0, None, None)
    assert HookDelivery.objects.due().get().attempts == 0


@pytest.mark.parametrize("url", ["https://[", "https://例.example/in", "https://hooks.example.com/ø"])
def test_what_is_no_address_is_said_beside_the_field(url: str, operator: User, client_of: SignIn) -> None:
    sent = {"name": "Desk", "url": url, "events": ["certificate.issued"]}
    page = client_of(operator).post("/webhooks/new/", sent)
    assert page.status_code == 200
    assert "id_url_error" in page.content.decode()
    assert not Endpoint.objects.exists()


def test_a_changed_address_is_looked_at_as_a_new_one(operator: User, client_of: SignIn) -> None:
    made = endpoint_at(URL)
    sent = {"name": "Desk", "url": "http://10.0.0.1/in", "events": ["certificate.issued"]}
    assert "begins with https" in client_of(operator).post(f"/webhooks/{made.pk}/edit/", sent).content.decode()
    assert Endpoint.objects.get().url == URL


def test_it_is_removed(operator: User, client_of: SignIn) -> None:
    endpoint = endpoint_at(URL)
    assert client_of(operator).post(f"/webhooks/{endpoint.pk}/remove/").headers["Location"] == "/webhooks/"
    assert not Endpoint.objects.exists()


def test_one_event_is_sent_again(operator: User, client_of: SignIn) -> None:
    endpoint = endpoint_at(URL)
    call = call_of(endpoint, state="failed", attempts=9)
    client_of(operator).post(f"/webhooks/{endpoint.pk}/calls/{call.pk}/again/")
    call.refresh_from_db()
    assert (call.state, call.attempts) == ("waiting", 0)


def test_everything_since_an_instant_is_told_again(operator: User, client_of: SignIn) -> None:
    endpoint = endpoint_at(URL)
    old = call_of(endpoint, 1, state="delivered", happened_at=clock.now() - timedelta(days=3))
    new = call_of(endpoint, 2, state="delivered")
    since = f"{clock.now() - timedelta(days=1):%Y-%m-%dT%H:%M}"
    client_of(operator).post(f"/webhooks/{endpoint.pk}/replay/", {"since": since})
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.state, new.state) == ("delivered", "waiting")


@pytest.mark.parametrize("since", ["", "yesterday", "1999-01-01T00:00", "2999-01-01T00:00"])
def test_an_instant_that_makes_no_sense_is_refused(since: str, operator: User, client_of: SignIn) -> None:
    endpoint = endpoint_at(URL)
    answer = client_of(operator).post(f"/webhooks/{endpoint.pk}/replay/", {"since": since})
    assert "since" in answer.context["replay"].errors


def test_what_was_told_is_filtered_by_its_state(operator: User, client_of: SignIn) -> None:
    endpoint = endpoint_at(URL)
    call_of(endpoint, 1, state="delivered")
    call_of(endpoint, 2, state="failed")
    shown = client_of(operator).get(f"/webhooks/{endpoint.pk}/?state=failed").context["page"]
    assert [row.record_id for row in shown.rows] == [2]


def test_the_page_asks_as_much_for_fifty_as_for_one(operator: User, client_of: SignIn) -> None:
    endpoint, client = endpoint_at(URL), client_of(operator)
    asked = []
    for number in range(50):
        call_of(endpoint, number)
        if number in (0, 49):
            with CaptureQueriesContext(connection) as queries:
                client.get(f"/webhooks/{endpoint.pk}/")
            asked.append(len(queries))
    assert asked[0] == asked[1]
