"""The list of gateways: filters in the address, order, pages, and the same rows as CSV."""

import csv as python_csv
import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.db.models.expressions import RawSQL
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock, keyset, patience
from gateways.models import Gateway, GatewayQuerySet, Tag
from pki.facts import read_certificate
from tests.pki import makers

ClientOf = Callable[[User], Client]
DAYS = {"58A0CBFFFE800001": None, "58A0CBFFFE800002": 400, "58A0CBFFFE800003": 20, "58A0CBFFFE800004": -3}


@pytest.fixture
def authority(vendor: Vendor) -> Authority:
    facts = read_certificate(makers.make_issuing(makers.make_root(), "Kestrel Gateway CA").der)
    row = Authority.from_facts(facts, origin="uploaded", vendor=vendor, state="approved")
    row.save()
    return row


@pytest.fixture
def fleet(vendor: Vendor, other_vendor: Vendor, authority: Authority) -> list[Gateway]:
    """Four gateways of one vendor, one in each state, and one of another."""
    now = clock.now()
    rows = [
        Gateway(
            eui=eui,
            vendor=vendor,
            name=f"Mast {eui[-1]}",
            current_authority=authority if days is not None else None,
            current_not_after=now + timedelta(days=days, hours=1) if days is not None else None,
        )
        for eui, days in DAYS.items()
    ]
    return Gateway.objects.bulk_create([*rows, Gateway(eui="AC1F09FFFE000001", vendor=other_vendor, name="Theirs")])


def euis(answer: Any) -> list[str]:
    """The EUIs of the rows, in their order."""
    return re.findall(r'class="c-eui" href="/gateways/\d+/">([0-9A-F]{16})<', answer.content.decode())


def test_a_vendor_sees_its_own_only(fleet: list[Gateway], vendor_user: User, client_of: ClientOf) -> None:
    assert euis(client_of(vendor_user).get("/gateways/")) == sorted(DAYS)


@pytest.mark.parametrize(
    ("query", "last_digits"),
    [
        ({}, "12341"),
        ({"state": "none"}, "11"),
        ({"state": "valid"}, "2"),
        ({"state": "soon"}, "3"),
        ({"state": "expired"}, "4"),
        ({"q": "58-a0-cb-ff-fe-80-00-03"}, "3"),
        ({"q": "58a0:cbff:fe80:3"}, "3"),
        ({"q": "0002"}, "2"),
        ({"q": "mast 4"}, "4"),
        ({"q": "nothing like it"}, ""),
        ({"sort": "-eui"}, "14321"),
        ({"sort": "ends"}, "43211"),
        ({"sort": "-ends"}, "11234"),
        ({"sort": "; drop table", "state": "no such state"}, "12341"),
        ({"q": "\x00"}, "12341"),
    ],
)
def test_filters_and_order_are_in_the_address(
    query: dict[str, str], last_digits: str, fleet: list[Gateway], operator: User, client_of: ClientOf
) -> None:
    assert "".join(eui[-1] for eui in euis(client_of(operator).get("/gateways/", query))) == last_digits


def test_vendor_and_authority_filter(
    fleet: list[Gateway], authority: Authority, other_vendor: Vendor, operator: User, client_of: ClientOf
) -> None:
    client = client_of(operator)
    assert euis(client.get("/gateways/", {"vendor": other_vendor.pk})) == ["AC1F09FFFE000001"]
    assert len(euis(client.get("/gateways/", {"authority": authority.pk}))) == 3


def test_a_vendor_filters_by_no_other_vendor(
    fleet: list[Gateway], other_vendor: Vendor, vendor_user: User, client_of: ClientOf
) -> None:
    page = client_of(vendor_user).get("/gateways/", {"vendor": other_vendor.pk})
    assert euis(page) == sorted(DAYS)
    assert other_vendor.name not in page.content.decode()


def test_the_filter_answers_with_the_rows_alone(fleet: list[Gateway], operator: User, client_of: ClientOf) -> None:
    answer = client_of(operator).get("/gateways/", {"state": "valid"}, headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()
    assert 'id="count"' in answer.content.decode()
    assert "/gateways/export.csv?state=valid" in answer.content.decode()


@pytest.mark.parametrize("sort", ["eui", "-eui", "ends", "-ends"])
def test_pages_go_forth_and_back_and_miss_none(
    sort: str, fleet: list[Gateway], vendor: Vendor, operator: User, client_of: ClientOf
) -> None:
    now = clock.now()
    Gateway.objects.bulk_create(
        Gateway(
            eui=f"58A0CBFFFE9{number:05X}",
            vendor=vendor,
            current_not_after=now + timedelta(days=number // 3) if number % 5 else None,
        )
        for number in range(120)
    )
    client = client_of(operator)
    pages = walk(client, f"/gateways/?sort={sort}", "Next")
    assert [len(page) for page in pages] == [50, 50, 25]
    assert len({eui for page in pages for eui in page}) == 125
    last = f"/gateways/?sort={sort}"
    while following := link(client.get(last), "Next"):
        last = following
    assert walk(client, last, "Previous") == pages[::-1]


def walk(client: Client, address: str | None, words: str) -> list[list[str]]:
    pages = []
    while address:
        answer = client.get(address)
        pages.append(euis(answer))
        address = link(answer, words)
    return pages


def link(answer: Any, words: str) -> str | None:
    """The address behind `Next` or `Previous`."""
    for found in re.finditer(r'<a class="btn c-btn c-btn-sm" href="([^"]+)">(.*?)</a>', answer.content.decode()):
        if words in found[2]:
            return "/gateways/" + found[1].replace("&amp;", "&")
    return None


@pytest.mark.parametrize("cursor", ["~", "x~y", "~99999999999999999999", "2026-99-99~1", "a~1~", "\x00~1"])
def test_a_made_up_cursor_breaks_nothing(
    cursor: str, fleet: list[Gateway], operator: User, client_of: ClientOf
) -> None:
    for sort in ("eui", "ends"):
        for name in ("after", "before"):
            assert client_of(operator).get("/gateways/", {name: cursor, "sort": sort}).status_code == 200


def test_the_number_of_queries_does_not_grow(
    fleet: list[Gateway], vendor: Vendor, operator: User, client_of: ClientOf, django_assert_num_queries: Any
) -> None:
    """On PostgreSQL the limits of time and the planner's guess are queries too."""

    def add(first: int, last: int) -> None:
        rows = [Gateway(eui=f"58A0CBFFFE9{number:05X}", vendor=vendor) for number in range(first, last)]
        tag, _ = Tag.objects.get_or_create(vendor=vendor, name=f"of {first}")
        for row in Gateway.objects.bulk_create(rows):
            row.tags.add(tag)

    client = client_of(operator)
    add(0, 60)
    client.get("/gateways/")
    with CaptureQueriesContext(connection) as few:
        client.get("/gateways/")
    add(60, 180)
    with django_assert_num_queries(len(few)):
        client.get("/gateways/")
    assert len(few) <= 30


def exported(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode()
    return list(python_csv.DictReader(StringIO(text)))


def test_the_export_has_exactly_the_rows_of_the_filter(
    fleet: list[Gateway], operator: User, client_of: ClientOf
) -> None:
    client = client_of(operator)
    query = {"state": "none", "sort": "-eui"}
    rows = exported(client.get("/gateways/export.csv", query))
    assert [row["EUI"] for row in rows] == euis(client.get("/gateways/", query))
    assert [row["State"] for row in rows] == ["No certificate", "No certificate"]


def test_the_export_runs_nothing_in_a_spreadsheet(gateway: Gateway, operator: User, client_of: ClientOf) -> None:
    Gateway.objects.update(name="=HYPERLINK(1)")
    assert exported(client_of(operator).get("/gateways/export.csv"))[0]["Name"] == "'=HYPERLINK(1)"


def test_a_vendor_exports_its_own_only(fleet: list[Gateway], vendor_user: User, client_of: ClientOf) -> None:
    assert {row["Vendor"] for row in exported(client_of(vendor_user).get("/gateways/export.csv"))} == {"Kestrel Radio"}


def test_an_empty_list_says_what_it_is_for(vendor_user: User, client_of: ClientOf) -> None:
    assert "Register the first gateway" in client_of(vendor_user).get("/gateways/").content.decode()


def test_what_was_never_seen_is_not_known_and_never_called_silent(
    fleet: list[Gateway], vendor_user: User, client_of: ClientOf
) -> None:
    Gateway.objects.filter(pk=fleet[0].pk).update(last_seen_at=clock.now() - timedelta(days=3))
    page = client_of(vendor_user).get("/gateways/").content.decode()
    assert page.count("not known</span>") == 3
    assert ">3 d</time>" in page
    assert "silent" not in page.lower()


def test_what_is_retired_is_shown_where_it_is_asked_for(
    fleet: list[Gateway], vendor_user: User, client_of: ClientOf
) -> None:
    Gateway.objects.filter(pk=fleet[0].pk).update(retired_at=clock.now())
    client = client_of(vendor_user)
    assert fleet[0].eui not in client.get("/gateways/").content.decode()
    assert euis(client.get("/gateways/?state=retired")) == [fleet[0].eui]


def test_chips_say_what_is_in_use_and_lead_to_a_list_without_it(
    fleet: list[Gateway], vendor: Vendor, operator: User, client_of: ClientOf
) -> None:
    page = client_of(operator).get(f"/gateways/?q=mast&vendor={vendor.pk}&days_max=30&sort=ends").content.decode()
    assert "Vendor: Kestrel Radio" in page
    assert "Days left, at most: 30" in page
    assert f'href="?q=mast&amp;vendor={vendor.pk}&amp;sort=ends"' in page


def test_a_filter_that_is_not_understood_says_so(fleet: list[Gateway], operator: User, client_of: ClientOf) -> None:
    page = client_of(operator).get("/gateways/?block=zz").content.decode()
    assert "Write the digits that its EUIs begin with" in page


def test_rows_can_be_picked_and_the_filter_goes_with_them(
    fleet: list[Gateway], operator: User, auditor: User, client_of: ClientOf
) -> None:
    """What stands in the form of the selection is the filter without pages and earlier picks."""
    page = client_of(operator).get("/gateways/?q=mast&after=zz&pick=7&pick=8&everything=1&state=").content.decode()
    form = re.search(r'<form id="picking".*?</form>', page, re.DOTALL)
    assert form is not None
    assert re.findall(r'name="(\w+)"', form[0]) == ["q"]
    for name in ("gateways:tag", "certificates:new_batch", "certificates:transfer", "certificates:retire"):
        assert f'formaction="{reverse(name)}"' in page
    assert "/gateways/tag/" not in client_of(auditor).get("/gateways/").content.decode()


def test_the_address_is_pushed_without_empty_parts(fleet: list[Gateway], operator: User, client_of: ClientOf) -> None:
    answer = client_of(operator).get("/gateways/?q=&vendor=&state=valid", headers={"HX-Request": "true"})
    assert answer["HX-Push-Url"] == "/gateways/?state=valid"
    assert "HX-Push-Url" not in client_of(operator).get("/gateways/?state=valid")


def test_a_question_that_takes_too_long_is_explained(
    fleet: list[Gateway], operator: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page, its part and the export; what is asked for is stopped by the database, on both."""
    monkeypatch.setattr(patience, "LIMIT", 0.05)
    monkeypatch.setattr(patience, "STEPS", 100)
    monkeypatch.setattr(GatewayQuerySet, "listed", _endless)
    monkeypatch.setattr(GatewayQuerySet, "in_use", _endless)
    client = client_of(operator)
    for address, headers in (("/gateways/?q=x", {}), ("/gateways/?q=x", {"HX-Request": "true"})):
        answer = client.get(address, headers=headers)
        assert answer.status_code == 503
        assert "This takes too long" in answer.content.decode()
    answer = client.get("/gateways/export.csv?q=x")
    assert answer.status_code == 503
    assert "was stopped" in answer.content.decode()


def _endless(rows: GatewayQuerySet) -> GatewayQuerySet:
    """The rows, for which the database counts to infinity first."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0"
    return rows.filter(pk__gte=RawSQL(endless, []))


@pytest.mark.parametrize("sort", ["eui", "-eui", "ends", "-ends", "seen", "-seen"])
def test_a_long_export_is_the_list_however_its_rest_is_read(
    sort: str, operator: User, vendor: Vendor, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL all but the first rows are written by COPY: the twin must not differ by a character."""
    now, names = clock.now(), ["=1+1", "a,b", 'say "x"', "line\nbreak", "", "Ålesund", "+47"]
    rows = [
        Gateway(
            eui=f"58A0CB{number:010X}",
            vendor=vendor,
            name=names[number % len(names)],
            model="KR-8",
            current_not_after=now + timedelta(days=number * 9 - 20) if number % 3 else None,
            last_seen_at=now - timedelta(hours=number) if number % 4 else None,
        )
        for number in range(40)
    ]
    made = Gateway.objects.bulk_create(rows)
    for name in ("roof", "mast"):
        tag = Tag.objects.create(vendor=vendor, name=name)
        for gateway in made[::5]:
            gateway.tags.add(tag)
    client = client_of(operator)
    with clock.at(now):
        whole = client.get(f"/gateways/export.csv?sort={sort}").getvalue().decode()
        monkeypatch.setattr(keyset, "FIRST_CHUNK", 4)
        assert client.get(f"/gateways/export.csv?sort={sort}").getvalue().decode() == whole
    assert whole.count("58A0CB") == 40
    assert "'=1+1" in whole
    assert "mast, roof" in whole
