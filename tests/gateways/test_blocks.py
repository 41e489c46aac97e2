"""Blocks of EUIs: whose an EUI is, and that no two vendors own the same one."""

from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User, Vendor
from audit.models import Record
from core.errors import Forbidden, Refused
from gateways.models import EuiBlock
from gateways.services import add_block, register, remove_block
from gateways.services.blocks import Blocks, _boundaries, holder_of
from pki.eui_blocks import read_block

ClientOf = Callable[[User], Client]
PAGE = "/gateways/blocks/"


def test_a_block_stands_with_its_bounds_and_its_name(operator: User, vendor: Vendor) -> None:
    block = add_block(operator, vendor, "70-B3-D5-F2-1", note="IEEE, 2019")
    assert (block.first, block.last, block.name) == ("70B3D5F210000000", "70B3D5F21FFFFFFF", "MA-S")
    assert Record.objects.get(action="block.added").details["vendor"] == vendor.name


def test_the_euis_of_its_mac_addresses_are_a_block_too(operator: User, vendor: Vendor, vendor_user: User) -> None:
    add_block(operator, vendor, "70B3D5F21", with_macs=True)
    assert register(vendor_user, vendor, "70B3D5FFFEF21007").pk
    assert register(vendor_user, vendor, "70B3D5F210000007").pk
    with pytest.raises(Refused, match="outside of your blocks"):
        register(vendor_user, vendor, "70B3D5FFFEF22007")


@pytest.mark.parametrize("text", ["58A0CB1", "58A0CB", "58A0"])
def test_two_vendors_do_not_own_the_same_euis(text: str, operator: User, vendor: Vendor, other_vendor: Vendor) -> None:
    with pytest.raises(Refused) as refusal:
        add_block(operator, other_vendor, text)
    assert refusal.value.code in ("block-overlaps", "block-taken")
    assert EuiBlock.objects.count() == 2


def test_a_part_that_was_given_away_is_the_others(
    operator: User, vendor: Vendor, other_vendor: Vendor, vendor_user: User, other_vendor_user: User
) -> None:
    part = add_block(operator, other_vendor, "58A0CB1", granted=True)
    assert part.granted_from == EuiBlock.objects.get(vendor=vendor)
    assert register(other_vendor_user, other_vendor, "58A0CB1000000001").pk
    with pytest.raises(Refused, match="outside"):
        register(vendor_user, vendor, "58A0CB1000000002")
    with pytest.raises(Refused, match="Parts of this block"):
        remove_block(part.granted_from, actor=operator)


def test_a_block_around_anothers_is_given_only_where_that_is_granted(
    operator: User, vendor: Vendor, other_vendor: Vendor
) -> None:
    around = add_block(operator, other_vendor, "58A0", granted=True)
    inner = EuiBlock.objects.get(vendor=vendor)
    assert inner.granted_from == around
    assert holder_of("58A0CB0000000001") == vendor.pk
    assert holder_of("58A0CC0000000001") == other_vendor.pk


def test_what_a_vendor_owns_already_is_said(operator: User, vendor: Vendor) -> None:
    with pytest.raises(Refused, match="owns already"):
        add_block(operator, vendor, "58A0CB12")


def test_without_its_block_a_vendor_claims(operator: User, vendor: Vendor, vendor_user: User) -> None:
    remove_block(EuiBlock.objects.get(vendor=vendor), actor=operator)
    with pytest.raises(Refused) as refusal:
        register(vendor_user, vendor, "58A0CBFFFE8011D4")
    assert refusal.value.code == "eui-outside-blocks"


def test_only_an_operator_says_whose_a_block_is(vendor_user: User, auditor: User, vendor: Vendor) -> None:
    for person in (vendor_user, auditor):
        with pytest.raises(Forbidden):
            add_block(person, vendor, "70B3D5")
        with pytest.raises(Forbidden):
            remove_block(EuiBlock.objects.get(vendor=vendor), actor=person)


def test_all_at_once_say_the_same_as_one_by_one(operator: User, vendor: Vendor, other_vendor: Vendor) -> None:
    add_block(operator, other_vendor, "58A0CB1", granted=True)
    add_block(operator, vendor, "58A0CB1FF", granted=True)
    euis = [
        "0000000000000001", "58A0CAFFFFFFFFFF", "58A0CB0000000000", "58A0CB0FFFFFFFFF", "58A0CB1000000000",
        "58A0CB1FEFFFFFFF", "58A0CB1FF0000000", "58A0CB1FFFFFFFFF", "58A0CB2000000000", "58A0CBFFFFFFFFFF",
        "58A0CC0000000000", "AC1F090000000000", "FFFFFFFFFFFFFFFF",
    ]  # fmt: skip
    held = Blocks.load()
    assert {eui: held.holder_of(eui) for eui in euis} == {eui: holder_of(eui) for eui in euis}


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(56, 64)), max_size=12), st.integers(0, 255))
@settings(max_examples=200)
def test_the_smallest_block_around_an_eui_decides(blocks: list[tuple[int, int]], eui: int) -> None:
    """All in the last octet; each block's vendor is its place in the list of different ones."""
    found = {
        str(block): block
        for block in (read_block(f"{value >> 64 - bits << 64 - bits:016X}/{bits}") for value, bits in blocks)
    }
    rows = [(int(each.first, 16), int(each.last, 16), number) for number, each in enumerate(found.values(), 1)]
    around = [(last - first, number) for first, last, number in rows if first <= eui <= last]
    expected = min(around)[1] if around else None
    held = Blocks(list(_boundaries(sorted(rows, key=lambda row: (row[0], -row[1])))))
    assert held.holder_of(f"{eui:016X}") == expected


def test_each_sees_its_own_blocks(vendor_user: User, auditor: User, other_vendor: Vendor, client_of: ClientOf) -> None:
    assert "AC1F09" not in client_of(vendor_user).get(PAGE).text
    assert "58A0CB" in client_of(vendor_user).get(PAGE).text
    assert "AC1F09" in client_of(auditor).get(PAGE).text


def test_an_operator_gives_and_takes_on_the_page(operator: User, vendor: Vendor, client_of: ClientOf) -> None:
    client = client_of(operator)
    client.post(PAGE, {"vendor": vendor.pk, "block": "70:b3:d5", "with_macs": "on"})
    block = EuiBlock.objects.get(first="70B3D50000000000")
    client.post(f"{PAGE}{block.pk}/remove/")
    assert not EuiBlock.objects.filter(pk=block.pk).exists()


def test_the_page_says_what_is_wrong_beside_the_field(operator: User, vendor: Vendor, client_of: ClientOf) -> None:
    page = client_of(operator).post(PAGE, {"vendor": vendor.pk, "block": "nonsense"}).text
    assert "Write the digits that its EUIs begin with" in page


def test_nobody_else_gives(vendor_user: User, auditor: User, vendor: Vendor, client_of: ClientOf) -> None:
    for person in (vendor_user, auditor):
        assert client_of(person).post(PAGE, {"vendor": vendor.pk, "block": "70B3D5"}).status_code == 403
    assert Client().post(PAGE).status_code == 302
    assert EuiBlock.objects.count() == 1
