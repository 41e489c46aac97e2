"""An alert's own page: what it says, what one does next, and who was told."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User, Vendor
from alerts.models import Alert, Delivery, Notice, Recipient
from alerts.services import answers
from alerts.services.mailing import send_digests
from alerts.services.notices import look
from alerts.timeline import next_digest
from core import clock
from core.templatetags.ui import utc
from gateways.models import Gateway
from outbox.models import Message
from tests.alerts.rows import DAY, NOW, authority, certificate, gateway, server

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def ending(vendor: Vendor, operator: User, vendor_user: User, other_vendor_user: User) -> Iterator[Alert]:
    """A gateway of Kestrel that ends in five days, told to an operator and to Kestrel's person."""
    with clock.at(NOW):
        certificate(gateway(vendor, name="Kvitfjell mast"), authority(vendor, left=900 * DAY), left=5 * DAY)
        look({})
        yield Alert.objects.get()


def page_of(client: Client, alert: Alert) -> str:
    answer = client.get(reverse("alerts:detail", args=[alert.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_says_what_ends_and_what_one_does(client_of: SignIn, operator: User, ending: Alert) -> None:
    page = page_of(client_of(operator), ending)
    assert "Refused from its end on" in page
    assert reverse("certificates:new", args=[ending.gateway_id]) in page
    assert reverse("certificates:detail", args=[ending.subject_id]) in page


def test_renew_by_stands_beside_the_end(client_of: SignIn, operator: User, ending: Alert) -> None:
    """A date of its own, on its page and in the list, which sorts by it."""
    client = client_of(operator)
    assert f"<dt>Renew by</dt><dd>{utc(ending.renew_by)}</dd>" in page_of(client, ending)
    assert "Renew by" in client.get("/alerts/?sort=renew").content.decode()


def test_its_vendor_sees_it_and_others_do_not(
    client_of: SignIn, vendor_user: User, other_vendor_user: User, auditor: User, ending: Alert
) -> None:
    url = reverse("alerts:detail", args=[ending.pk])
    assert client_of(vendor_user).get(url).status_code == 200
    assert client_of(auditor).get(url).status_code == 200
    assert client_of(other_vendor_user).get(url).status_code == 404
    assert client_of(vendor_user).get(reverse("alerts:detail", args=[ending.pk + 1])).status_code == 404
    assert Client().get(url).status_code == 302
    assert client_of(vendor_user).post(url).status_code == 405


def test_an_auditor_is_offered_no_answer(client_of: SignIn, auditor: User, ending: Alert) -> None:
    assert client_of(auditor).get(reverse("alerts:detail", args=[ending.pk])).context["answers"] == []


def test_a_vendor_may_answer_and_not_mute(client_of: SignIn, vendor_user: User, ending: Alert) -> None:
    offered = client_of(vendor_user).get(reverse("alerts:detail", args=[ending.pk])).context["answers"]
    assert [each["name"] for each in offered] == ["acknowledge", "snooze"]


def test_it_says_until_which_mail_a_notice_waits(client_of: SignIn, operator: User, ending: Alert) -> None:
    Recipient.objects.filter(email=operator.email).update(zone="Europe/Oslo", hour=9, last_digest_on=NOW.date())
    [event] = client_of(operator).get(reverse("alerts:detail", args=[ending.pk])).context["events"]
    told = next(each for each in event.told if each.recipient == operator.email)
    assert told.words == "in the digest"
    assert told.at is not None
    assert told.at.isoformat() == "2026-06-16T07:00:00+00:00"


def test_what_presses_waits_for_no_digest(client_of: SignIn, operator: User, ending: Alert) -> None:
    Delivery.objects.update(is_pressing=True)
    assert "in the next mail, within the hour" in page_of(client_of(operator), ending)


@pytest.mark.parametrize(
    ("state", "more", "words"),
    [
        ("sent", {"sent_at": NOW}, "mailed"),
        ("refused", {"last_answer": "550 5.1.1 No such user here"}, "550 5.1.1 No such user here"),
        ("queued", {"last_answer": "451 Try later"}, "queued, tried again"),
        ("stopped", {}, "not mailed: wants no such mails"),
    ],
)
def test_it_says_what_became_of_each_mail(
    client_of: SignIn, operator: User, ending: Alert, state: str, more: dict[str, object], words: str
) -> None:
    send_digests()
    Message.objects.filter(recipient=operator.email).update(state=state, **more)
    assert words in page_of(client_of(operator), ending)


def test_it_says_why_somebody_was_not_told(client_of: SignIn, operator: User, ending: Alert) -> None:
    with clock.at(NOW + 3 * DAY):
        look({})
    page = page_of(client_of(operator), ending)
    assert "not told: a later threshold came first" in page
    assert page.index("3 days before the end") < page.index("7 days before the end")


def test_a_vendor_reads_of_its_own_people_only(
    client_of: SignIn, operator: User, vendor_user: User, ending: Alert
) -> None:
    assert operator.email not in page_of(client_of(vendor_user), ending)
    page = page_of(client_of(operator), ending)
    assert operator.email in page
    assert vendor_user.email in page


def test_an_escalation_is_told_as_one(client_of: SignIn, operator: User, ending: Alert) -> None:
    Delivery.objects.filter(recipient=operator.email).update(why=Delivery.Why.ESCALATION)
    assert "escalated" in page_of(client_of(operator), ending)


def test_an_authority_says_whose_gateways_go_down_with_it(
    client_of: SignIn, operator: User, vendor_user: User, vendor: Vendor, other_vendor: Vendor, deployment: object
) -> None:
    with clock.at(NOW):
        by = authority(left=20 * DAY)
        late = gateway(vendor, first_seen_at=NOW - 100 * DAY, last_seen_at=NOW - 10 * DAY, sightings=3)
        for each in (late, gateway(vendor), gateway(other_vendor)):
            certificate(each, by, left=300 * DAY)
        look({})
        alert = Alert.objects.get(kind="authority")
        answer = client_of(operator).get(reverse("alerts:detail", args=[alert.pk]))
    shares = [(each.name, each.gateways, each.not_again, each.unknown) for each in answer.context["shares"]]
    assert shares == [("Kestrel Radio", 2, 1, 1), ("Ampere IoT", 1, 0, 1)]
    assert "3 gateways with it" in answer.content.decode()


def test_it_says_how_often_a_gateway_comes(client_of: SignIn, operator: User, ending: Alert) -> None:
    client = client_of(operator)
    assert "nobody tells us what checks in" in page_of(client, ending)
    Gateway.objects.update(first_seen_at=NOW - 4 * DAY, last_seen_at=NOW - DAY, sightings=2)
    assert "about every 3 d" in page_of(client, ending)
    assert "before the end" in page_of(client, ending)
    Gateway.objects.update(first_seen_at=NOW - 40 * DAY)
    assert "Will not check in before the end." in page_of(client, ending)


def test_of_a_gateway_that_moved_on_nothing_is_told(
    client_of: SignIn, vendor_user: User, other_vendor: Vendor, ending: Alert
) -> None:
    Gateway.objects.update(vendor=other_vendor, last_seen_at=NOW, first_seen_at=NOW, sightings=2)
    assert client_of(vendor_user).get(reverse("alerts:detail", args=[ending.pk])).context["reach"] is None


def test_a_server_is_renewed_from_here(client_of: SignIn, operator: User, auditor: User, deployment: object) -> None:
    with clock.at(NOW):
        made = server(authority(left=900 * DAY), "lns.example", left=5 * DAY)
        look({})
        alert = Alert.objects.get()
        url = reverse("certificates:renew_server", args=[made.pk])
        assert url in page_of(client_of(operator), alert)
        assert url not in page_of(client_of(auditor), alert)


@pytest.mark.parametrize("kind", ["list", "signer", "token", "probe", "job"])
def test_every_kind_has_a_page_that_leads_on(client_of: SignIn, operator: User, ending: Alert, kind: str) -> None:
    Alert.objects.update(kind=kind, gateway=None)
    answer = client_of(operator).get(reverse("alerts:detail", args=[ending.pk]))
    assert answer.status_code == 200
    [step] = answer.context["steps"]
    assert client_of(operator).get(step.url).status_code in (200, 404)  # the authority of a list is no row here


def test_a_closed_one_says_why_and_offers_nothing(client_of: SignIn, vendor_user: User, ending: Alert) -> None:
    Gateway.objects.update(retired_at=NOW)
    look({})
    answer = client_of(vendor_user).get(reverse("alerts:detail", args=[ending.pk]))
    assert "Gateway retired" in answer.content.decode()
    assert answer.context["answers"] == []


def test_it_costs_the_same_queries_for_a_long_story(
    client_of: SignIn, operator: User, vendor: Vendor, ending: Alert
) -> None:
    client, counts = client_of(operator), []
    send_digests()
    for more in range(2):
        for number in range(8 * more):
            values = {"subject_kind": ending.kind, "subject_id": ending.subject_id, "subject_name": ending.name}
            times = {"not_after": ending.not_after, "crossed_at": NOW, "run": ending.run}
            one = Notice.objects.create(alert=ending, threshold=f"{number}x", vendor=vendor, **values, **times)
            for state in ("pending", "dropped"):
                Delivery.objects.create(notice=one, recipient=f"{state}{number}@example.org", state=state)
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("alerts:detail", args=[ending.pk]))
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 1  # once one waits, the recipients are looked up


@pytest.mark.parametrize(
    ("zone", "last", "expected"),
    [
        ("", None, "2026-06-15T12:00:00+00:00"),  # its hour has come: the next run writes it
        ("", "2026-06-15", "2026-06-16T07:00:00+00:00"),
        ("Pacific/Kiritimati", "2026-06-15", "2026-06-15T17:00:00+00:00"),  # there, it is the 16th already
        ("Pacific/Pago_Pago", None, "2026-06-15T18:00:00+00:00"),
    ],
)
def test_the_next_digest_comes_at_the_recipients_hour(zone: str, last: str | None, expected: str) -> None:
    recipient = Recipient(email="a@example.org", zone=zone, last_digest_on=last and NOW.date())
    assert next_digest(recipient, NOW).isoformat() == expected


def answer_to(client: Client, alert: Alert, act: str, **typed: str) -> int:
    return client.post(reverse("alerts:answer", args=[alert.pk, act]), typed).status_code


def test_people_acknowledge_with_a_note(client_of: SignIn, vendor_user: User, ending: Alert) -> None:
    assert answer_to(client_of(vendor_user), ending, "acknowledge", note="Replaced on Friday") == 302
    ending.refresh_from_db()
    assert (ending.state, ending.note, ending.answered_by) == ("acknowledged", "Replaced on Friday", vendor_user)
    assert "Replaced on Friday" in page_of(client_of(vendor_user), ending)


def test_people_snooze_until_a_day(client_of: SignIn, operator: User, ending: Alert) -> None:
    assert answer_to(client_of(operator), ending, "snooze", until="2026-06-18") == 302
    ending.refresh_from_db()
    assert ending.snoozed_until is not None
    assert ending.snoozed_until.isoformat() == "2026-06-18T00:00:00+00:00"
    assert answer_to(client_of(operator), ending, "reopen") == 302
    ending.refresh_from_db()
    assert ending.state == "open"


@pytest.mark.parametrize("until", ["", "yesterday", "2026-06-15", "2031-01-01"])
def test_a_day_that_cannot_be_stands_beside_the_field(
    client_of: SignIn, operator: User, ending: Alert, until: str
) -> None:
    answer = client_of(operator).post(reverse("alerts:answer", args=[ending.pk, "snooze"]), {"until": until})
    assert answer.status_code == 400
    offered = {each["name"]: each["form"] for each in answer.context["answers"]}
    assert offered["snooze"].errors["until"]


def test_operators_mute_with_a_reason_and_an_end(client_of: SignIn, operator: User, ending: Alert) -> None:
    client = client_of(operator)
    assert answer_to(client, ending, "mute", until="2026-07-01") == 400
    assert answer_to(client, ending, "mute", until="2026-07-01", reason="The mast comes down in June") == 302
    assert "The mast comes down in June" in page_of(client, ending)
    assert answer_to(client, ending, "unmute") == 302


def test_who_may_not_answer(
    client_of: SignIn, vendor_user: User, other_vendor_user: User, auditor: User, ending: Alert
) -> None:
    mute = {"until": "2026-07-01", "reason": "quiet"}
    assert answer_to(client_of(vendor_user), ending, "mute", **mute) == 403
    assert answer_to(client_of(auditor), ending, "acknowledge") == 403
    assert answer_to(client_of(other_vendor_user), ending, "acknowledge") == 404
    assert answer_to(client_of(vendor_user), ending, "forget") == 404
    assert answer_to(Client(), ending, "acknowledge") == 302
    assert client_of(vendor_user).get(reverse("alerts:answer", args=[ending.pk, "acknowledge"])).status_code == 405
    ending.refresh_from_db()
    assert ending.state == "open"
    assert not ending.is_muted


def test_what_was_answered_meanwhile_is_said(client_of: SignIn, vendor_user: User, ending: Alert) -> None:
    answers.acknowledge(vendor_user, Alert.objects.all())
    answer = client_of(vendor_user).post(reverse("alerts:answer", args=[ending.pk, "acknowledge"]), {})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        ("90d", "90 days before the end"),
        ("third", "A third of its life"),
        ("25%", "25% of its life"),
        ("expired", "Ended"),
        ("closed", "All is well again"),
        ("woken:2026-06-18", "The snooze is over"),
    ],
)
def test_thresholds_are_said_in_words(
    client_of: SignIn, operator: User, ending: Alert, threshold: str, words: str
) -> None:
    Notice.objects.update(threshold=threshold)
    [event] = client_of(operator).get(reverse("alerts:detail", args=[ending.pk])).context["events"]
    assert event.words == words
