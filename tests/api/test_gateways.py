"""Gateways through the API."""

import pytest

from accounts.models import User, Vendor
from accounts.token_memory import MEMORY
from gateways.models import Claim, Dispute, Gateway
from gateways.services import register
from tests.api.conftest import EUI, ProgramOf

OUTSIDE = "0016C001F0123456"


def test_a_vendor_registers_inside_of_its_block(vendor_user: User, program_of: ProgramOf) -> None:
    answer = program_of(vendor_user).post("/gateways", {"eui": "58-a0-cb-ff-fe-80-11-d4", "name": "Mast"})
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/gateways/{EUI}"
    assert Gateway.objects.get(eui=EUI).name == answer.json()["name"] == "Mast"


def test_outside_of_its_blocks_it_becomes_a_claim(vendor_user: User, program_of: ProgramOf) -> None:
    program = program_of(vendor_user)
    answer = program.post("/gateways", {"eui": OUTSIDE})
    assert answer.status_code == 202
    assert Claim.objects.get().eui == OUTSIDE
    assert program.get(answer["Location"].removeprefix("/api/v1")).json()["state"] == "waiting"


def test_a_second_claim_is_a_dispute(gateway: Gateway, other_vendor_user: User, program_of: ProgramOf) -> None:
    """G12."""
    answer = program_of(other_vendor_user).post("/gateways", {"eui": EUI})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (409, "eui-taken", "eui")
    assert answer["Content-Type"] == "application/problem+json"
    assert Dispute.objects.open().count() == 1


@pytest.mark.parametrize(
    "written", [EUI, EUI.lower(), "58a0:cbff:fe80:11d4", "eui-58a0cbfffe8011d4", "58-A0-CB-80-11-D4"]
)
def test_every_notation_finds_it(written: str, gateway: Gateway, vendor_user: User, program_of: ProgramOf) -> None:
    assert program_of(vendor_user).get(f"/gateways/{written}").json()["eui"] == EUI


def test_an_operator_says_for_whom(operator: User, vendor: Vendor, program_of: ProgramOf) -> None:
    program = program_of(operator)
    assert program.post("/gateways", {"eui": EUI}).json()["code"] == "vendor-needed"
    assert program.post("/gateways", {"eui": EUI, "vendor_id": vendor.pk}).status_code == 201


def test_nobody_registers_for_others(vendor: Vendor, other_vendor_user: User, program_of: ProgramOf) -> None:
    answer = program_of(other_vendor_user).post("/gateways", {"eui": EUI, "vendor_id": vendor.pk})
    assert answer.status_code == 404
    assert not Claim.objects.exists()


def test_what_is_not_given_stays(gateway: Gateway, vendor_user: User, program_of: ProgramOf) -> None:
    answer = program_of(vendor_user).patch(f"/gateways/{EUI}", {"notes": "Key at the lodge"})
    assert (answer.json()["name"], answer.json()["notes"]) == ("Kvitfjell mast", "Key at the lodge")


def test_a_list_is_walked_by_cursor(operator: User, vendor: Vendor, vendor_user: User, program_of: ProgramOf) -> None:
    euis = [f"58A0CBFFFE80110{digit}" for digit in range(7)]
    for eui in euis:
        register(operator, vendor, eui)
    program, found, cursor = program_of(vendor_user), [], None
    while True:
        page = program.get("/gateways", sort="-eui", limit=3, **({"cursor": cursor} if cursor else {})).json()
        found += [each["eui"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == euis[::-1]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"cursor": "bm9uZQ"}, "cursor-refused"),
        ({"cursor": "%%"}, "cursor-refused"),
        ({"limit": 501}, "place-refused"),
        ({"sort": "notes"}, "sort-unknown"),
        ({"stat": "valid"}, "parameter-unknown"),
        ({"state": ["valid", "none"]}, "parameter-refused"),
        ({"state": "well"}, "filter-refused"),
        ({"vendor": 1}, "filter-refused"),  # a vendor sees one vendor's only
    ],
)
def test_what_a_list_does_not_understand_is_refused(
    query: dict[str, str], code: str, vendor_user: User, program_of: ProgramOf
) -> None:
    """A mistyped filter never means all."""
    answer = program_of(vendor_user).get("/gateways", **query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_list_costs_the_same_however_long(
    operator: User, vendor: Vendor, vendor_user: User, program_of: ProgramOf, django_assert_num_queries: object
) -> None:
    for digit in range(9):
        register(operator, vendor, f"58A0CBFFFE80110{digit}")
    program = program_of(vendor_user)
    program.get("/gateways")
    for limit in (1, 9):
        MEMORY.forget()
        with django_assert_num_queries(2):  # type: ignore[operator]  # a fixture of pytest-django
            assert len(program.get("/gateways", limit=limit).json()["items"]) == limit


def test_a_mac_address_is_asked_about(vendor_user: User, program_of: ProgramOf) -> None:
    program = program_of(vendor_user)
    refused = program.post("/gateways", {"eui": "58:A0:CB:80:11:D4"})
    assert (refused.status_code, refused.json()["code"]) == (422, "eui-ambiguous")
    assert "58A0CBFFFE8011D4" in refused.json()["detail"]
    made = program.post("/gateways", {"eui": "58:A0:CB:80:11:D4", "reads_mac": True})
    assert (made.status_code, made.json()["eui"]) == (201, "58A0CBFFFE8011D4")
