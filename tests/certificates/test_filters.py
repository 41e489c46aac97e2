"""The filter of certificates: by what their gateways are too. Runs on both databases."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client

from accounts.models import User, Vendor
from certificates.filters import certificates, selected_certificates
from certificates.models import Certificate
from core import clock, keyset
from gateways.models import Gateway, Tag
from tests.alerts.rows import NOW, authority, certificate
from tests.conftest import PASSWORD

DAY = timedelta(days=1)


@pytest.fixture
def rows(vendor: Vendor, other_vendor: Vendor) -> list[Certificate]:
    """1 lasts, 2 ends soon, 3 is over, 4 is the other vendor's, 5 was left behind when its gateway moved."""
    by = authority(vendor, left=4000 * DAY)
    euis = ("58A0CBFFFE000001", "58A0CBFFFE000002", "58A0CB8000000003", "AC1F09FFFE000004", "58A0CBFFFE000005")
    made = []
    for eui, left in zip(euis, (400, 30, -3, 400, 400), strict=True):
        owner = other_vendor if eui.startswith("AC") else vendor
        model = "indoor" if eui[-1] in "24" else "outdoor"
        gateway = Gateway.objects.create(eui=eui, vendor=owner, model=model)
        made.append(certificate(gateway, by, left=left * DAY + timedelta(hours=1)))
    Gateway.objects.filter(eui=euis[4]).update(vendor=other_vendor, model="indoor")
    for number, days in ((0, 9), (1, 2), (4, 2)):
        Gateway.objects.filter(eui=euis[number]).update(last_seen_at=NOW - days * DAY)
    made[0].gateway.tags.add(Tag.objects.create(vendor=vendor, name="roof"))
    Gateway.objects.get(eui=euis[4]).tags.add(Tag.objects.create(vendor=other_vendor, name="secret"))
    return made


def last_digits(query: str, user: User) -> str:
    with clock.at(NOW):
        _, found = certificates(QueryDict(query), request=SimpleNamespace(user=user))
        return "".join(sorted(row.gateway.eui[-1] for row in found))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "12345"),
        ("block=58A0CBFFFE", "125"),
        ("model=indoor", "24"),
        ("tag=roof", "1"),
        ("days_max=30", "23"),
        ("days_max=29", "3"),
        ("days_min=31", "145"),
        ("profile=gateway-client", ""),
        ("seen=7", "2"),
        ("seen=over-7", "1"),
        ("state=current&block=58A0CB&days_max=100", "2"),
    ],
)
def test_each_part_chooses(query: str, expected: str, rows: list[Certificate], operator: User) -> None:
    assert last_digits(query, operator) == expected


def test_a_former_owner_learns_nothing_of_what_the_new_one_wrote(rows: list[Certificate], vendor_user: User) -> None:
    """Fails where the model or the tags of the gateway as it is now are looked at."""
    assert last_digits("model=indoor", vendor_user) == "2"
    assert last_digits("tag=secret", vendor_user) == ""
    assert last_digits("", vendor_user) == "1235"


def test_what_was_picked_is_chosen_out_of_the_filter(
    rows: list[Certificate], operator: User, vendor_user: User
) -> None:
    first, second, theirs = rows[0].pk, rows[1].pk, rows[3].pk
    assert last_digits(f"pick={first}&pick={theirs}", operator) == "14"
    assert last_digits(f"pick={first}&pick={theirs}", vendor_user) == "1"
    assert last_digits(f"model=indoor&pick={first}&pick={second}", operator) == "2"
    assert last_digits(f"model=indoor&pick={second}&everything=1", operator) == "24"
    assert last_digits("pick=one", operator) == ""


def test_what_was_picked_is_revoked_and_nothing_else(
    rows: list[Certificate], operator: User, client_of: Callable[[User], Client]
) -> None:
    address = f"/certificates/revoke/?pick={rows[0].pk}&pick={rows[4].pk}"
    with clock.at(NOW):
        client = client_of(operator)
        assert "were picked" in client.get(address).content.decode()
        client.post(address, {"reason": "cessationOfOperation", "typed": "2", "count": "2", "password": PASSWORD})
    assert [row.revoked_at is not None for row in Certificate.objects.order_by("pk")] == [True, *[False] * 3, True]


@pytest.mark.parametrize("query", ["days_max=soon", "block=zz", "authority=99999", "ends_before=never"])
def test_what_is_not_understood_chooses_nothing_to_revoke(query: str, rows: list[Certificate], operator: User) -> None:
    request = SimpleNamespace(user=operator)
    assert not selected_certificates(QueryDict(query), request=request).exists()
    assert selected_certificates(QueryDict(""), request=request).count() == 5


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has statistics")
def test_a_successor_is_looked_for_among_the_gateways_own(rows: list[Certificate]) -> None:
    """SQLite guesses. Where the vendor's index served it, a look at 5,000 certificates took 30 times as long."""
    assert "(gateway_id=? AND vendor_id=? AND not_after>?)" in Certificate.objects.with_successor(NOW).explain()


@pytest.mark.parametrize("sort", ["ends", "-ends", "made", "-made"])
def test_a_long_export_is_the_list_however_its_rest_is_read(
    sort: str,
    rows: list[Certificate],
    operator: User,
    client_of: Callable[[User], Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On PostgreSQL all but the first rows are written by COPY: the twin must not differ by a character."""
    certificate(rows[0].gateway, rows[0].authority, left=800 * DAY, life=900 * DAY)
    certificate(rows[1].gateway, rows[1].authority, left=900 * DAY, revoked_at=NOW - DAY)
    Gateway.objects.update(name="=mast, north")
    client = client_of(operator)
    with clock.at(NOW):
        whole = client.get(f"/certificates/export.csv?sort={sort}").getvalue().decode()
        monkeypatch.setattr(keyset, "FIRST_CHUNK", 1)
        assert client.get(f"/certificates/export.csv?sort={sort}").getvalue().decode() == whole
    assert whole.count("\r\n") == 8
    assert whole.count('"\'=mast, north"') == 6  # not that of the gateway that moved
    for word in ("Valid", "Ends soon", "Expired", "Superseded", "Revoked"):
        assert f",{word},Recorded" in whole
