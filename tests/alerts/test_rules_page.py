"""Rules: who is told at which thresholds, and what a rule would do before it stands."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from html import unescape
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Vendor
from alerts.models import Alert, Delivery, Kind, Notice, Recipient, Rule
from alerts.services.preview import Preview, preview
from alerts.services.rule_changes import read_numbers
from audit.models import Record
from core import clock
from core.errors import Refused
from gateways.models import Tag
from outbox.models import Message
from tests.alerts.rows import DAY, NOW, authority, certificate, gateway

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
NEW, LIST = "/alerts/rules/new/", "/alerts/rules/"
TYPED = {"kind": "certificate", "vendor": "", "tag": "", "days": "30, 7", "shares": "", "escalation_days": ""}


@pytest.fixture
def at_now() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def fleet(vendor: Vendor, other_vendor: Vendor, operator: User, vendor_user: User, at_now: None) -> None:
    """Two gateways of Kestrel end in 40 days, one of Ampere in 10."""
    by = authority(left=900 * DAY)
    for owner, left in ((vendor, 40), (vendor, 40), (other_vendor, 10)):
        certificate(gateway(owner), by, left=left * DAY)


def days_of(found: Preview) -> dict[date, dict[str, int]]:
    return {day.date: dict(day.thresholds) for week in found.weeks for day in week if day.total}


def rule(**values: object) -> Rule:
    return Rule(**{"kind": Kind.CERTIFICATE, "days": [30, 7], "shares": [], **values})


def test_it_lists_the_rules_and_the_usual_thresholds(client_of: SignIn, operator: User, vendor: Vendor) -> None:
    Rule.objects.create(kind="certificate", vendor=vendor, days=[45, 10], shares=[25])
    page = client_of(operator).get(LIST).content.decode()
    assert "25% of its life, 45, 10 days, the end" in page
    assert "180, 90, 60, 30, 14, 7, 3, 1 days, the end" in page


def test_an_auditor_reads_them_and_changes_nothing(client_of: SignIn, auditor: User, vendor: Vendor) -> None:
    made = Rule.objects.create(kind="certificate", days=[45])
    client = client_of(auditor)
    assert client.get(LIST).status_code == 200
    for url in (NEW, f"{LIST}{made.pk}/"):
        assert client.get(url).status_code == 403
        assert client.post(url, TYPED).status_code == 403
    assert client.post(f"{LIST}{made.pk}/remove/").status_code == 403
    assert Rule.objects.get() == made


def test_nobody_else_sees_them(client_of: SignIn, vendor_user: User) -> None:
    assert client_of(vendor_user).get(LIST).status_code == 403
    assert Client().get(LIST).status_code == 302
    assert client_of(vendor_user).get(NEW).status_code == 403


def test_a_look_ahead_changes_nothing(client_of: SignIn, operator: User, fleet: None) -> None:
    answer = client_of(operator).get(f"{NEW}?{urlencode(TYPED)}")
    assert answer.status_code == 200
    assert "8 notices in 90 days" in answer.content.decode()
    assert not any(model.objects.exists() for model in (Rule, Alert, Notice, Delivery, Message, Recipient))


def test_crossings_stand_on_their_days(fleet: None) -> None:
    found = preview(rule(), NOW)
    assert days_of(found) == {
        date(2026, 6, 18): {"7d": 1},  # Ampere's, which crossed 30 days before
        date(2026, 6, 25): {"expired": 1, "30d": 2},
        date(2026, 7, 18): {"7d": 2},
        date(2026, 7, 25): {"expired": 2},
    }
    assert (found.subjects, found.notices) == (3, 8)
    assert found.first == date(2026, 6, 18)


def test_the_calendar_has_whole_weeks_and_ninety_days(fleet: None) -> None:
    weeks = preview(rule(), NOW).weeks
    assert all(len(week) == 7 and week[0].date.weekday() == 0 for week in weeks)
    assert sum(day.is_inside for week in weeks for day in week) == 90


def test_a_share_of_the_life_has_its_day(fleet: None) -> None:
    found = days_of(preview(rule(days=[], shares=[10]), NOW))
    assert found[date(2026, 6, 19)] == {"10%": 2}  # 36.5 of 365 days before the 25th of July


def test_a_vendors_rule_is_about_the_vendor(fleet: None, vendor: Vendor) -> None:
    assert preview(rule(vendor=vendor), NOW).subjects == 2


def test_a_tags_rule_is_about_what_carries_it(fleet: None, vendor: Vendor) -> None:
    tagged = gateway(vendor)
    tagged.tags.add(Tag.objects.create(vendor=vendor, name="tunnel"))
    certificate(tagged, authority(left=900 * DAY), left=20 * DAY)
    assert preview(rule(tag="tunnel"), NOW).subjects == 1


def test_what_a_more_specific_rule_is_about_is_left_out(fleet: None, vendor: Vendor) -> None:
    Rule.objects.create(kind="certificate", vendor=vendor, days=[5], shares=[])
    assert preview(rule(), NOW).subjects == 1


def test_a_rule_that_is_changed_stands_in_its_own_place(fleet: None, vendor: Vendor) -> None:
    made = Rule.objects.create(kind="certificate", vendor=vendor, days=[5], shares=[])
    changed = rule(vendor=vendor, pk=made.pk)
    assert preview(changed, NOW).subjects == 2


def test_it_says_who_would_get_how_much(
    fleet: None, operator: User, vendor_user: User, other_vendor_user: User, second_operator: User
) -> None:
    Recipient.objects.create(email=second_operator.email, wants="nothing")
    Recipient.objects.create(email=other_vendor_user.email, wants="pressing")
    readers = {each.email: (each.notices, each.digests, each.at_once) for each in preview(rule(), NOW).readers}
    assert readers == {
        operator.email: (8, 3, 2),
        vendor_user.email: (6, 2, 1),
        other_vendor_user.email: (1, 0, 1),
        second_operator.email: (0, 0, 0),
    }


def test_the_first_mail_is_shown(client_of: SignIn, operator: User, vendor: Vendor, fleet: None) -> None:
    answer = client_of(operator).get(f"{NEW}?{urlencode({**TYPED, 'vendor': vendor.pk})}")
    mail = answer.context["mail"]
    assert "2 gateway certificates end" in mail.subject + mail.text
    assert "a contact of Kestrel Radio" in mail.text
    shown = client_of(operator).get(answer.context["mail_url"])
    assert shown.status_code == 200
    assert "2 gateway certificates" in shown.content.decode()
    assert "sandbox" in shown["Content-Security-Policy"]
    assert "script-src" not in shown["Content-Security-Policy"]
    assert not Message.objects.exists()


def test_the_mail_of_each_day_is_a_click_away(client_of: SignIn, operator: User, vendor: Vendor, at_now: None) -> None:
    by = authority(left=4000 * DAY)
    for left in (35, 40):
        certificate(gateway(vendor), by, left=left * DAY)
    client = client_of(operator)
    page = client.get(f"{NEW}?{urlencode({**TYPED, 'days': '30', 'shares': ''})}").content.decode()
    addresses = [unescape(each) for each in re.findall(r'href="([^"]+&amp;day=[-0-9]+)"', page)]
    assert len(addresses) == 4  # of each gateway its threshold and its end
    mails = {client.get(each).content.decode() for each in addresses}
    assert len(mails) == len(addresses)
    for nothing in ("2031-01-01", "2026-02-30", "soon"):
        address = re.sub(r"day=.*", f"day={nothing}", addresses[0])
        assert client.get(address).status_code == 404


def test_a_mail_about_an_authority_says_who_goes_down(
    client_of: SignIn, operator: User, vendor: Vendor, at_now: None
) -> None:
    by = authority(left=40 * DAY, name="Kestrel CA 9")
    certificate(gateway(vendor), by, left=35 * DAY)
    mail = client_of(operator).get(f"{NEW}?{urlencode({**TYPED, 'kind': 'authority'})}").context["mail"]
    assert "1 gateway loses access" in mail.text


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_can_be_looked_ahead_at(client_of: SignIn, operator: User, fleet: None, kind: str) -> None:
    typed = {**TYPED, "kind": kind, "days": "30", "shares": "50, 33"}
    assert client_of(operator).get(f"{NEW}?{urlencode(typed)}").status_code == 200


def test_without_anything_to_tell_there_is_no_mail(client_of: SignIn, operator: User) -> None:
    answer = client_of(operator).get(f"{NEW}?{urlencode(TYPED)}")
    assert answer.context["mail"] is None
    assert client_of(operator).get(answer.context["mail_url"]).status_code == 404
    assert client_of(operator).get("/alerts/rules/mail/?kind=nonsense").status_code == 404


def test_a_rule_is_saved_changed_and_removed(client_of: SignIn, operator: User, vendor: Vendor) -> None:
    client = client_of(operator)
    typed = {**TYPED, "vendor": vendor.pk, "tag": "tunnel", "days": "7 30,90", "shares": "33", "escalation_days": 3}
    assert client.post(NEW, typed)["Location"] == LIST
    made = Rule.objects.get()
    assert (made.vendor, made.tag, made.days, made.shares) == (vendor, "tunnel", [90, 30, 7], [33])
    assert (made.escalation_days, made.changed_by) == (3, operator)
    assert client.get(f"{LIST}{made.pk}/").context["form"]["days"].value() == "90, 30, 7"
    assert client.post(f"{LIST}{made.pk}/", {**typed, "days": "14"})["Location"] == LIST
    made.refresh_from_db()
    assert made.days == [14]
    assert client.post(f"{LIST}{made.pk}/remove/")["Location"] == LIST
    assert not Rule.objects.exists()
    actions = Record.objects.filter(action__startswith="alert-rule.").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["alert-rule.set", "alert-rule.set", "alert-rule.removed"]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"kind": "nonsense"}, "kind"),
        ({"days": "soon"}, "days"),
        ({"days": "0"}, "days"),
        ({"days": "9999999999"}, "days"),
        ({"days": ",".join(map(str, range(1, 20)))}, "days"),
        ({"shares": "100"}, "shares"),
        ({"escalation_days": "-1"}, "escalation_days"),
        ({"kind": "server", "tag": "tunnel"}, "tag"),
        ({"vendor": "999999"}, "vendor"),
    ],
)
def test_what_cannot_be_stands_beside_the_field(
    client_of: SignIn, operator: User, typed: dict[str, str], field: str
) -> None:
    answer = client_of(operator).post(NEW, {**TYPED, **typed})
    assert answer.status_code == 400
    assert answer.context["form"].errors[field]
    assert not Rule.objects.exists()


def test_servers_are_no_vendors(client_of: SignIn, operator: User, vendor: Vendor) -> None:
    answer = client_of(operator).post(NEW, {**TYPED, "kind": "server", "vendor": vendor.pk})
    assert answer.context["form"].errors["vendor"]


def test_there_is_one_rule_for_the_same_things(client_of: SignIn, operator: User, vendor: Vendor) -> None:
    Rule.objects.create(kind="certificate", vendor=vendor, days=[5])
    answer = client_of(operator).post(NEW, {**TYPED, "vendor": vendor.pk})
    assert answer.status_code == 400
    assert "There is a rule" in str(answer.context["form"].errors["kind"])
    Rule.objects.create(kind="certificate", days=[5])
    assert client_of(operator).post(NEW, TYPED).status_code == 400


def test_numbers_are_read_as_people_write_them() -> None:
    assert read_numbers(" 7;30, 90 7", most=100, unit="days", field="days") == [90, 30, 7]
    assert read_numbers("", most=100, unit="days", field="days") == []
    for text in ("seven", "7.5", "-7", "²", "101"):
        with pytest.raises(Refused):
            read_numbers(text, most=100, unit="days", field="days")


def test_a_look_ahead_costs_the_same_queries_at_any_size(
    client_of: SignIn, operator: User, vendor: Vendor, fleet: None
) -> None:
    client, counts = client_of(operator), []
    for more in (0, 30):
        for number in range(more):
            certificate(gateway(vendor), authority(left=900 * DAY), left=(40 + number) * DAY)
        with CaptureQueriesContext(connection) as queries:
            client.get(f"{NEW}?{urlencode(TYPED)}")
        counts.append(len(queries))
    assert counts[0] == counts[1]
