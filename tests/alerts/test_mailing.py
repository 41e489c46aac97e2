"""When people get their mails: a digest at their hour, at once what presses, and a storm as one line."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Contact, User, Vendor
from alerts.models import Delivery, Recipient
from alerts.services.mailing import send_digests, send_immediate
from alerts.services.notices import look
from core import clock
from outbox.models import Message
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, gateway

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def at(when: datetime) -> tuple[int, int]:
    """What the schedule does at an instant: digests, and mails beside them."""
    with clock.at(when):
        look({})
        return send_digests(), send_immediate()


def reader(email: str, **wishes: object) -> None:
    Recipient.objects.update_or_create(email=email, defaults=wishes)


def digests_in(zone: str, start: datetime, days: int, *, hour: int = 7) -> list[datetime]:
    """The instants at which someone in `zone` gets a digest, where each day has news and the job runs half-hourly."""
    reader("ines@fjordnet.example", zone=zone, hour=hour)
    found = []
    for step in range(48 * days):
        if step % 48 == 0:
            authority(left=start + step // 48 * DAY + 20 * DAY - NOW)
        now = start + step * HOUR / 2
        with clock.at(now):
            if step % 48 == 0:
                look({})
            if send_digests():
                found.append(now)
    return found


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("", "2026-06-15 07:00"),
        ("UTC", "2026-06-15 07:00"),
        ("Europe/Oslo", "2026-06-15 05:00"),
        ("Asia/Kolkata", "2026-06-15 01:30"),
        ("Pacific/Kiritimati", "2026-06-15 17:00"),
        ("Pacific/Pago_Pago", "2026-06-15 18:00"),
        ("Nowhere/AtAll", "2026-06-15 07:00"),
    ],
)
def test_a_digest_comes_at_the_readers_hour(operator: User, zone: str, first: str) -> None:
    start = datetime(2026, 6, 15, tzinfo=UTC)
    reader(operator.email, last_digest_on=(start - DAY).date())
    if zone == "Pacific/Kiritimati":  # there it is seven already at 17:00 of the day before
        reader(operator.email, last_digest_on=start.date())
    expected = datetime.fromisoformat(f"{first}+00:00")
    assert digests_in(zone, start, 2) == [expected, expected + DAY]


@pytest.mark.parametrize(("day", "hours"), [("2027-03-28", [2, 3]), ("2026-10-25", [2, 3]), ("2028-02-29", [7])])
def test_days_with_a_missing_or_a_double_hour_have_one_digest(operator: User, day: str, hours: list[int]) -> None:
    """Fails without `hour__lte` (2:30 does not exist on the first day), and without `last_digest_on` (it is twice)."""
    start = datetime.fromisoformat(f"{day}T00:00+00:00") - DAY
    for hour in hours:
        Recipient.objects.all().delete()
        reader(operator.email, last_digest_on=(start - 2 * DAY).date())
        found = digests_in("Europe/Oslo", start, 3, hour=hour)
        assert len({each.date() for each in found}) == len(found) == 3


def test_news_after_the_hour_wait_for_tomorrow(operator: User) -> None:
    day = datetime(2026, 6, 15, tzinfo=UTC)
    assert at(day + 7 * HOUR) == (0, 0)
    authority(left=20 * DAY)
    assert at(day + 15 * HOUR) == (0, 0)
    assert at(day + DAY + 7 * HOUR) == (1, 0)


def test_a_day_without_the_schedule_is_made_up_for(operator: User) -> None:
    authority(left=20 * DAY)
    assert at(NOW) == (1, 0)
    authority(left=20 * DAY)
    assert at(NOW + 3 * DAY + 9 * HOUR) == (1, 0)


def test_a_clock_that_was_a_year_ahead_does_not_silence(operator: User) -> None:
    """Fails without the day far ahead in mailing._due_on."""
    reader(operator.email, last_digest_on=(NOW + YEAR).date())
    authority(left=20 * DAY)
    assert at(NOW) == (1, 0)


def test_what_presses_does_not_wait(operator: User) -> None:
    day = datetime(2026, 6, 15, tzinfo=UTC)
    assert at(day + 8 * HOUR) == (0, 0)
    authority(left=timedelta(hours=6), name="Kestrel CA")
    authority(left=20 * DAY, name="Another CA")
    assert at(day + 13 * HOUR) == (0, 1)
    told = Message.objects.get()
    assert "Kestrel CA" in told.text
    assert "Another CA" not in told.text
    assert at(day + DAY + 7 * HOUR) == (1, 0)


def test_there_is_one_such_mail_an_hour(operator: User) -> None:
    """Fails without BETWEEN_IMMEDIATE in mailing.send_immediate."""
    day = datetime(2026, 6, 15, tzinfo=UTC)
    at(day + 8 * HOUR)
    sent = []
    for minute in range(0, 120, 10):
        authority(left=timedelta(hours=12))
        sent.append(at(day + 13 * HOUR + timedelta(minutes=minute)))
    assert [number for number, each in enumerate(sent) if each == (0, 1)] == [0, 6]
    assert Delivery.objects.pending().count() == 5


def test_a_storm_is_one_line_with_a_link(operator: User, vendor: Vendor) -> None:
    by = authority(vendor, left=9 * YEAR, name="Kestrel CA 7")
    for _ in range(200):
        certificate(gateway(vendor), by, left=5 * DAY)
    assert at(NOW) == (1, 0)
    mail = Message.objects.get()
    assert mail.subject == "Kestrel Radio: 200 gateway certificates end, the first in 5 days"
    assert mail.text.count("\n* ") == 1
    assert f"/alerts/?kind=certificate&vendor={vendor.pk}&authority={by.pk}&threshold=7d" in mail.text
    assert "and 197 more" in mail.text


def test_an_authority_says_who_goes_down_with_it(operator: User, vendor: Vendor, other_vendor: Vendor) -> None:
    by = authority(None, left=20 * DAY)
    for whose in (vendor, vendor, other_vendor):
        certificate(gateway(whose), by, left=20 * DAY)
    at(NOW)
    assert f"3 gateways ({vendor.name} 2, {other_vendor.name} 1) will go off the air" in Message.objects.get().text


def test_a_vendor_reads_nothing_of_anothers_gateways(vendor: Vendor, vendor_user: User, other_vendor: Vendor) -> None:
    """Fails without composing._seen_by."""
    by = authority(vendor, left=20 * DAY)
    theirs = gateway(other_vendor, name="Secret mast")
    certificate(theirs, by, left=20 * DAY)
    certificate(gateway(vendor), by, left=20 * DAY)
    at(NOW)
    text = Message.objects.get(recipient=vendor_user.email).text
    assert "1 gateway loses access" in text
    assert other_vendor.name not in text
    assert theirs.eui not in text


def test_it_says_how_many_gateways_will_not_check_in_again(operator: User, vendor: Vendor) -> None:
    """Fails without NotBackBefore: the last one comes every ten days and was here four days ago."""
    by = authority(vendor, left=9 * YEAR)
    often: dict[str, Any] = {"first_seen_at": NOW - 10 * DAY, "last_seen_at": NOW - DAY, "sightings": 10}
    seldom: dict[str, Any] = {"first_seen_at": NOW - 104 * DAY, "last_seen_at": NOW - 4 * DAY, "sightings": 11}
    once: dict[str, Any] = {"first_seen_at": NOW, "last_seen_at": NOW, "sightings": 1}
    for seen in (often, seldom, once, {}):
        certificate(gateway(vendor, **seen), by, left=5 * DAY)
    at(NOW)
    assert "1 gateway will not check in again before it expires. Of 2 it is unknown." in Message.objects.get().text


def test_at_its_pace_one_gateway_will_be_back(operator: User, vendor: Vendor) -> None:
    seen: dict[str, Any] = {"first_seen_at": NOW - 10 * DAY, "last_seen_at": NOW - DAY, "sightings": 10}
    certificate(gateway(vendor, **seen), authority(vendor, left=9 * YEAR), left=5 * DAY)
    at(NOW)
    assert "At its pace it will check in before." in Message.objects.get().text


def test_what_is_most_urgent_comes_first_by_vendor_and_authority(operator: User) -> None:
    """The alphabet says otherwise: fails where vendors are sorted by their names."""
    zeta, ampere = Vendor.objects.create(name="Zeta"), Vendor.objects.create(name="Ampere")
    first, second = (authority(ampere, left=9 * YEAR) for _ in range(2))
    ends = [(zeta, authority(zeta, left=9 * YEAR), 4), (ampere, first, 5), (ampere, second, 13), (ampere, first, 29)]
    gateways = []
    for whose, by, left in ends:
        gateways.append(gateway(whose))
        certificate(gateways[-1], by, left=left * DAY)
    at(NOW)
    mail = Message.objects.get()
    for words in (mail.text, mail.html):
        places = [words.index(gateways[each].eui) for each in (0, 1, 3, 2)]
        assert places == sorted(places)


def test_no_heading_stands_over_nothing(operator: User, vendor: Vendor, other_vendor: Vendor) -> None:
    """What comes first in a digest stands at its top, and not again under its vendor."""
    for whose, left in ((vendor, 5), (other_vendor, 6)):
        certificate(gateway(whose), authority(whose, left=9 * YEAR), left=left * DAY)
    at(NOW)
    after = Message.objects.get().html.partition("After that")[2]
    assert f">{other_vendor.name}<" in after
    assert f">{vendor.name}<" not in after


def test_what_was_renewed_is_said_once_to_who_was_told(operator: User, vendor: Vendor, vendor_user: User) -> None:
    of, by = gateway(vendor), authority(vendor, left=9 * YEAR)
    certificate(of, by, left=5 * DAY)
    at(NOW)
    certificate(of, by, left=300 * DAY)
    Contact.objects.create(vendor=vendor, name="New", email="new@kestrel.example")
    assert at(NOW + DAY) == (2, 0)
    assert {mail.subject for mail in Message.objects.order_by("-pk")[:2]} == {f"Settled: {of.eui}: renewed"}
    assert at(NOW + 2 * DAY) == (0, 0)


def test_what_was_renewed_before_anybody_was_told_is_not_told(operator: User, vendor: Vendor) -> None:
    reader(operator.email, hour=23)
    of, by = gateway(vendor), authority(vendor, left=9 * YEAR)
    certificate(of, by, left=5 * DAY)
    assert at(NOW) == (0, 0)
    certificate(of, by, left=300 * DAY)
    assert at(NOW + 11 * HOUR) == (0, 0)
    assert set(Delivery.objects.values_list("state", "dropped_for")) == {("dropped", "closed")}


def test_wishes_are_kept(operator: User, second_operator: User) -> None:
    reader(operator.email, wants="nothing")
    reader(second_operator.email, wants="pressing")
    authority(left=20 * DAY)
    authority(left=timedelta(hours=6))
    assert at(NOW) == (1, 0)
    assert Message.objects.get().recipient == second_operator.email
    assert Delivery.objects.filter(dropped_for="unwanted").count() == 3


def test_who_left_meanwhile_is_not_told(operator: User, second_operator: User) -> None:
    """Fails without `left` in mailing._send."""
    reader(second_operator.email, hour=23)
    authority(left=20 * DAY)
    at(NOW)
    second_operator.is_active = False
    second_operator.save()
    assert at(NOW + 11 * HOUR) == (0, 0)
    assert Delivery.objects.get(recipient=second_operator.email).dropped_for == "left"


def test_who_bounces_is_shown_and_holds_nobody_up(operator: User, second_operator: User) -> None:
    authority(left=20 * DAY)
    at(NOW)
    theirs = Message.objects.filter(recipient=second_operator.email)
    theirs.update(state="refused", last_answer="550 no such mailbox")
    Message.objects.filter(recipient=operator.email).update(state="sent")
    authority(left=20 * DAY)
    assert at(NOW + DAY) == (2, 0)
    assert list(Recipient.objects.bouncing().values_list("email", "bounced_words")) == [
        (second_operator.email, "550 no such mailbox")
    ]
    Message.objects.filter(recipient=second_operator.email).update(state="sent")
    at(NOW + 2 * DAY)
    assert not Recipient.objects.bouncing().exists()


def test_a_subject_line_has_no_control_characters(operator: User) -> None:
    authority(left=20 * DAY, name="Bad\r\nBcc: x@y.example\u202ename")
    at(NOW)
    assert Message.objects.get().subject.isprintable()
