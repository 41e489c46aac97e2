"""The one filter of gateways: each part alone, together, and what was picked by hand. Runs on both databases."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock
from gateways.filters import filtered, selected
from gateways.models import Gateway, Tag
from tests.alerts.rows import authority, certificate

DAY = timedelta(days=1)


@pytest.fixture
def issuer(vendor: Vendor) -> Authority:
    return authority(vendor, left=4000 * DAY)


@pytest.fixture
def fleet(vendor: Vendor, other_vendor: Vendor, issuer: Authority) -> list[Gateway]:
    """1 has all, 2 is of its vendor's CA, 3 is over, 4 never had a certificate, 5 is retired, and 6 is another's."""
    now = clock.now()
    ours = {"current_authority": issuer, "current_profile": "gateway-client"}
    rows = Gateway.objects.bulk_create(
        [
            Gateway(eui="58A0CBFFFE000001", vendor=vendor, name="Mast 1", model="outdoor",
                    current_not_after=now + 30 * DAY + timedelta(hours=1), last_seen_at=now - DAY / 12, **ours),
            Gateway(eui="58A0CBFFFE000002", vendor=vendor, name="Mast 2", model="indoor", current_authority=issuer,
                    current_not_after=now + 400 * DAY, last_seen_at=now - 10 * DAY),
            Gateway(eui="58A0CB8000000003", vendor=vendor, name="Tunnel", model="indoor",
                    current_not_after=now - DAY, last_seen_at=now - 100 * DAY, **ours),
            Gateway(eui="58A0CB8000000004", vendor=vendor, name="Roof 7 \\ 100%"),
            Gateway(eui="58A0CBFFFE000005", vendor=vendor, name="Mast 5", retired_at=now),
            Gateway(eui="AC1F09FFFE000006", vendor=other_vendor, name="Theirs"),
        ]
    )  # fmt: skip
    for row in rows[:3]:
        certificate(row, issuer, left=(row.current_not_after or now) - now)
    roof, theirs = (Tag.objects.create(vendor=each, name="roof") for each in (vendor, other_vendor))
    rows[0].tags.add(roof)
    rows[5].tags.add(theirs)
    return rows


def last_digits(query: str, user: User) -> str:
    request = SimpleNamespace(user=user)
    _, found = filtered(QueryDict(query), request=request)
    return "".join(sorted(row.eui[-1] for row in found))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "12346"),
        ("state=retired", "5"),
        ("block=58A0CB8", "34"),
        ("block=58-a0-cb/24", "1234"),
        ("block=AC1F09", "6"),
        ("model=indoor", "23"),
        ("tag=roof", "16"),
        ("tag=Roof", "16"),
        ("tag=cellar", ""),
        ("profile=gateway-client", "13"),
        ("profile=own-ca", "2"),
        ("days_max=30", "13"),
        ("days_max=29", "3"),
        ("days_min=30", "12"),
        ("days_min=31", "2"),
        ("days_min=0&days_max=365", "1"),
        ("seen=1", "1"),
        ("seen=30", "12"),
        ("seen=over-7", "23"),
        ("seen=over-90", "3"),
        ("seen=unknown", "46"),
        ("certified=never", "46"),
        ("state=none&certified=never&tag=roof", "6"),
        ("model=indoor&state=expired&seen=over-30", "3"),
        ("q=100%25", "4"),
        ("q=0000 03", "3"),
    ],
)
def test_each_part_chooses(query: str, expected: str, fleet: list[Gateway], operator: User) -> None:
    assert last_digits(query, operator) == expected


def test_a_vendor_chooses_among_its_own(fleet: list[Gateway], vendor_user: User, other_vendor: Vendor) -> None:
    assert last_digits("tag=roof", vendor_user) == "1"
    assert last_digits(f"vendor={other_vendor.pk}", vendor_user) == "1234"
    assert last_digits(f"pick={fleet[5].pk}", vendor_user) == ""


def test_what_was_picked_is_chosen_out_of_the_filter(fleet: list[Gateway], operator: User) -> None:
    first, second, third = (row.pk for row in fleet[:3])
    assert last_digits(f"pick={first}&pick={third}", operator) == "13"
    assert last_digits(f"model=indoor&pick={first}&pick={second}", operator) == "2"
    assert last_digits(f"model=indoor&pick={second}&everything=1", operator) == "23"
    assert last_digits("pick=one", operator) == ""
    assert last_digits(f"pick={first}&pick=%C2%B2", operator) == ""


@pytest.mark.parametrize(
    "query", ["state=gone", "block=zz", "days_max=soon", "vendor=999999", "authority=0", "seen=ever", "profile=x"]
)
def test_what_is_not_understood_chooses_nothing_to_act_on(query: str, fleet: list[Gateway], operator: User) -> None:
    """The list shows the rest; an act on "the rest" would be an act on everything."""
    assert not selected(QueryDict(query), request=SimpleNamespace(user=operator)).exists()
    assert selected(QueryDict(""), request=SimpleNamespace(user=operator)).count() == 5


def test_it_takes_plain_values_too(fleet: list[Gateway], operator: User) -> None:
    data: dict[str, Any] = {"model": "indoor", "pick": [str(fleet[1].pk)]}
    _, found = filtered(data, request=SimpleNamespace(user=operator))
    assert [row.pk for row in found] == [fleet[1].pk]


def test_what_one_may_write_is_proposed_out_of_what_one_sees(
    client_of: Callable[[User], Client], operator: User, vendor_user: User, vendor: Vendor, other_vendor: Vendor
) -> None:
    for owner, eui, model in ((vendor, "58A0CBFFFE0000A1", "mine"), (other_vendor, "58A0CBFFFE0000A2", "theirs")):
        gateway = Gateway.objects.create(eui=eui, vendor=owner, model=model)
        gateway.tags.add(Tag.objects.create(vendor=owner, name=f"{model} too"))
    for user, seen in ((operator, {"mine", "mine too", "theirs", "theirs too"}), (vendor_user, {"mine", "mine too"})):
        page = client_of(user).get("/gateways/proposals/").content.decode()
        assert {word for word in ("mine", "mine too", "theirs", "theirs too") if f'value="{word}"' in page} == seen


@pytest.mark.parametrize("typed", ["58A0CBFFFE80", "58-A0-CB-FF-FE-80", "58:a0:cb:ff", "58A0CBFFFE8011D4"])
def test_who_is_still_typing_an_eui_keeps_seeing_its_gateway(typed: str, vendor: Vendor, operator: User) -> None:
    """Twelve digits are a MAC address too, and four groups an ID6."""
    Gateway.objects.create(eui="58A0CBFFFE8011D4", vendor=vendor)
    _, found = filtered(QueryDict(mutable=True) | {"q": typed}, request=SimpleNamespace(user=operator))
    assert [each.eui for each in found] == ["58A0CBFFFE8011D4"]
