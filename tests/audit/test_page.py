"""The audit page and its export."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from accounts.models import User, Vendor
from audit.models import Record
from audit.services import head, record, seal_pending
from core import clock
from tests.audit.acts import some_acts
from tests.audit.test_sealing import change

SignIn = Callable[[User], Client]


@pytest.fixture
def acts(vendor: Vendor, other_vendor: Vendor, operator: User) -> None:
    with clock.at(datetime(2026, 5, 13, 23, 59, tzinfo=UTC)):
        record(operator, "vendor.created", subject=vendor, vendor_id=vendor.pk)
    with clock.at(datetime(2026, 5, 14, 0, 0, tzinfo=UTC)):
        record(operator, "vendor.created", subject=other_vendor, vendor_id=other_vendor.pk)
    seal_pending()


@pytest.mark.parametrize("who", ["operator", "auditor"])
def test_it_shows_what_was_done_and_the_head(
    who: str, request: pytest.FixtureRequest, acts: None, client_of: SignIn
) -> None:
    answer = client_of(request.getfixturevalue(who)).get("/audit/")
    assert answer.status_code == 200
    assert "Vendor Kestrel Radio created" in answer.content.decode()
    assert head() in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", {"Kestrel Radio", "Ampere IoT"}),
        ("subject=kestrel", {"Kestrel Radio"}),
        ("who=ines", {"Kestrel Radio", "Ampere IoT"}),
        ("who=nobody", set()),
        ("action=vendor.created", {"Kestrel Radio", "Ampere IoT"}),
        ("action=vendor.changed", set()),
        ("since=2026-05-14", {"Ampere IoT"}),
        ("until=2026-05-13", {"Kestrel Radio"}),
        ("since=not-a-day&vendor=x", {"Kestrel Radio", "Ampere IoT"}),
        ("until=9999-12-31", {"Kestrel Radio", "Ampere IoT"}),
    ],
)
def test_it_is_narrowed_by_the_address(
    query: str, seen: set[str], acts: None, operator: User, client_of: SignIn
) -> None:
    rows = client_of(operator).get(f"/audit/?{query}").context["page"].rows
    assert {row.subject_name for row in rows} == seen


def test_it_is_narrowed_to_a_vendor(acts: None, vendor: Vendor, operator: User, client_of: SignIn) -> None:
    rows = client_of(operator).get(f"/audit/?vendor={vendor.pk}").context["page"].rows
    assert [row.vendor_id for row in rows] == [vendor.pk]


def test_the_fragment_brings_rows_only(acts: None, operator: User, client_of: SignIn) -> None:
    answer = client_of(operator).get("/audit/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in answer
    assert "Vendor Kestrel Radio created" in answer


def test_the_export_has_exactly_the_filter_shown(acts: None, operator: User, client_of: SignIn) -> None:
    answer = client_of(operator).get("/audit/export/?since=2026-05-14")
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [row["subject"] for row in rows] == ["Ampere IoT"]
    assert rows[0]["hash"] == head()


def test_no_cell_of_the_export_is_a_formula(operator: User, client_of: SignIn) -> None:
    record(operator, "vendor.created", subject=Vendor.objects.create(name='=HYPERLINK("http://x")'))
    text = client_of(operator).get("/audit/export/").getvalue().decode()
    assert "'=HYPERLINK" in text
    assert ",=HYPERLINK" not in text


def test_markup_in_a_name_is_inert(operator: User, client_of: SignIn) -> None:
    record(operator, "vendor.created", subject=Vendor.objects.create(name="<script>alert(1)</script>{subject}"))
    text = client_of(operator).get("/audit/").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_chain_is_verified_on_demand(acts: None, auditor: User, client_of: SignIn) -> None:
    assert client_of(auditor).post("/audit/verify/", {"head": head()}).context["verdict"].ok
    change("UPDATE audit_record SET actor_name = 'Somebody else'")
    answer = client_of(auditor).post("/audit/verify/")
    assert "seal 1" in answer.content.decode()


@pytest.mark.parametrize("address", ["/audit/", "/audit/export/"])
def test_anonymous_people_are_asked_to_sign_in(address: str, deployment: object) -> None:
    assert Client().get(address).headers["Location"] == f"/login/?next={address}"


@pytest.mark.parametrize("address", ["/audit/", "/audit/export/"])
def test_vendors_do_not_see_it(address: str, vendor_user: User, client_of: SignIn) -> None:
    assert client_of(vendor_user).get(address).status_code == 403
    assert client_of(vendor_user).post("/audit/verify/").status_code == 403


def test_wrong_methods_are_refused(operator: User, client_of: SignIn) -> None:
    client = client_of(operator)
    assert client.post("/audit/").status_code == 405
    assert client.post("/audit/export/").status_code == 405
    assert client.get("/audit/verify/").status_code == 405


def test_every_page_of_a_long_record_is_reached(vendor: Vendor, operator: User, client_of: SignIn) -> None:
    some_acts(vendor, 120)
    client, seen, address = client_of(operator), [], "/audit/"
    while address:
        found = client.get(address).context["page"]
        seen += [row.pk for row in found.rows]
        address = f"/audit/?after={found.after}" if found.after else ""
    assert seen == list(Record.objects.order_by("-pk").values_list("pk", flat=True))
