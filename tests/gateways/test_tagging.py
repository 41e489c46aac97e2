"""Tags for many gateways: the page, the act, its record. Runs on both databases."""

import hashlib
from collections.abc import Callable

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Vendor
from audit.models import Record
from core.errors import Refused
from gateways.models import Gateway, Tag
from gateways.services import tagging
from gateways.services.tagging import read_tags, tag_many

ClientOf = Callable[[User], Client]


@pytest.fixture
def fleet(vendor: Vendor, other_vendor: Vendor) -> list[Gateway]:
    """Three of one vendor, one of another."""
    euis = {"58A0CBFFFE000001": vendor, "58A0CBFFFE000002": vendor, "58A0CBFFFE000003": vendor}
    return Gateway.objects.bulk_create(
        Gateway(eui=eui, vendor=owner, name="Mast") for eui, owner in {**euis, "AC1F09FFFE000001": other_vendor}.items()
    )


def tags_of(gateway: Gateway) -> list[str]:
    return list(gateway.tags.values_list("name", flat=True))


def test_tags_are_read_between_commas() -> None:
    assert read_tags(" mast ,, North  side,Mast") == ["Mast", "North side"]
    assert read_tags("") == []
    for text, code in (
        ("a" * 41, "tag-too-long"),
        ("x\u202ey", "tag-not-printable"),
        ("a,b," * 9 + ",".join(map(str, range(20))), "too-many-tags"),
    ):
        with pytest.raises(Refused) as refusal:
            read_tags(text)
        assert refusal.value.code == code


def test_all_of_the_filter_get_it_and_nothing_else(fleet: list[Gateway], operator: User) -> None:
    count = tag_many(Gateway.objects.filter(eui__gt="58A0CBFFFE000001"), actor=operator, add=["north"], remove=[])
    assert count == 3
    assert [tags_of(each) for each in fleet] == [[], ["north"], ["north"], ["north"]]
    assert Tag.objects.filter(name="north").count() == 2  # one of each vendor


def test_it_is_told_once_to_each_vendor_with_a_hash_over_the_members(fleet: list[Gateway], operator: User) -> None:
    tag_many(Gateway.objects.all(), actor=operator, add=["north"], remove=["old"])
    told = {record.vendor_id: record for record in Record.objects.filter(action="gateways.tagged")}
    assert set(told) == {fleet[0].vendor_id, fleet[3].vendor_id}
    own = told[fleet[0].vendor_id]
    members = "\n".join(each.eui for each in fleet[:3])
    assert own.details["members_sha256"] == hashlib.sha256(members.encode()).hexdigest()
    assert own.sentence == "3 gateways of Kestrel Radio tagged: +north, -old"


def test_twice_changes_nothing_and_off_takes_it_off(fleet: list[Gateway], vendor_user: User) -> None:
    mine = Gateway.objects.filter(vendor=vendor_user.vendor)
    for _ in range(2):
        tag_many(mine, actor=vendor_user, add=["Roof", "north"], remove=[])
    tag_many(mine, actor=vendor_user, add=["roof"], remove=[])  # known in another case
    assert tags_of(fleet[0]) == ["Roof", "north"]
    tag_many(mine.filter(pk=fleet[0].pk), actor=vendor_user, add=["solar"], remove=["ROOF"])
    assert tags_of(fleet[0]) == ["north", "solar"]
    assert tags_of(fleet[1]) == ["Roof", "north"]


def test_a_tag_that_no_gateway_has_any_more_is_forgotten(fleet: list[Gateway], vendor_user: User) -> None:
    mine = Gateway.objects.filter(pk=fleet[0].pk)
    tag_many(mine, actor=vendor_user, add=["roof"], remove=[])
    tag_many(mine, actor=vendor_user, add=[], remove=["roof"])
    assert not Tag.objects.exists()


def test_a_vendor_tags_its_own_only(fleet: list[Gateway], vendor_user: User) -> None:
    with pytest.raises(Refused, match="your own"):
        tag_many(Gateway.objects.all(), actor=vendor_user, add=["mine"], remove=[])
    assert not Tag.objects.exists()


@pytest.mark.parametrize(("add", "remove", "code"), [([], [], "tags-needed"), (["a", "b"], ["B"], "tag-on-and-off")])
def test_what_makes_no_sense_is_refused(
    add: list[str], remove: list[str], code: str, fleet: list[Gateway], operator: User
) -> None:
    with pytest.raises(Refused) as refusal:
        tag_many(Gateway.objects.all(), actor=operator, add=add, remove=remove)
    assert refusal.value.code == code


def test_too_many_are_refused_and_none_is_tagged(
    fleet: list[Gateway], operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagging, "MOST", 3)
    assert tagging.preview(Gateway.objects.all()).is_too_many
    with pytest.raises(Refused, match="At most 3"):
        tag_many(Gateway.objects.all(), actor=operator, add=["north"], remove=[])
    assert not Tag.objects.exists()


def test_more_gateways_take_no_more_queries(fleet: list[Gateway], vendor: Vendor, operator: User) -> None:
    with CaptureQueriesContext(connection) as few:
        tag_many(Gateway.objects.filter(vendor=vendor), actor=operator, add=["north"], remove=["old"])
    Gateway.objects.bulk_create(Gateway(eui=f"58A0CBFFFE1{number:05X}", vendor=vendor) for number in range(300))
    with CaptureQueriesContext(connection) as many:
        tag_many(Gateway.objects.filter(vendor=vendor), actor=operator, add=["south"], remove=["old"])
    assert len(many) == len(few)


def test_the_page_shows_what_is_meant_and_does_it(fleet: list[Gateway], vendor_user: User, client_of: ClientOf) -> None:
    client = client_of(vendor_user)
    address = f"/gateways/tag/?q=mast&pick={fleet[0].pk}&pick={fleet[3].pk}&sort=-eui"
    page = client.get(address).content.decode()
    assert "Tag 1 gateway" in page
    assert fleet[0].eui in page
    assert fleet[3].eui not in page
    answer = client.post(address, {"add": "north, roof", "remove": ""})
    assert (answer.status_code, answer["Location"]) == (302, "/gateways/?q=mast&sort=-eui")
    assert [tags_of(each) for each in fleet] == [["north", "roof"], [], [], []]


def test_mistakes_stand_on_the_page(fleet: list[Gateway], vendor_user: User, client_of: ClientOf) -> None:
    client = client_of(vendor_user)
    assert "Write a tag" in client.post("/gateways/tag/", {"add": "", "remove": " , "}).content.decode()
    assert "at most 40" in client.post("/gateways/tag/", {"add": "x" * 50}).content.decode()
    assert "No gateway fits" in client.get("/gateways/tag/?q=nowhere").content.decode()


def test_who_may_not_is_refused(
    fleet: list[Gateway], auditor: User, operator: User, other_vendor_user: User, client_of: ClientOf
) -> None:
    assert Client().get("/gateways/tag/").status_code == 302
    assert client_of(auditor).get("/gateways/tag/").status_code == 403
    assert client_of(operator).put("/gateways/tag/").status_code == 405
    answer = client_of(other_vendor_user).post(f"/gateways/tag/?pick={fleet[0].pk}", {"add": "mine"})
    assert "No gateway fits" in answer.content.decode()
    assert tags_of(fleet[0]) == []


def test_one_gateways_tags_are_edited_on_its_page(fleet: list[Gateway], vendor_user: User, client_of: ClientOf) -> None:
    client, gateway = client_of(vendor_user), fleet[0]
    written = {"name": "Top", "model": "outdoor", "notes": "", "tags": "north, roof"}
    client.post(f"/gateways/{gateway.pk}/edit/", written)
    page = client.get(f"/gateways/{gateway.pk}/edit/").content.decode()
    assert 'value="north, roof"' in page
    assert 'value="outdoor"' in page
    client.post(f"/gateways/{gateway.pk}/edit/", {**written, "tags": "roof"})
    assert tags_of(gateway) == ["roof"]
    assert Record.objects.filter(action="gateway.described").latest("pk").details["tags"] == "roof"
    assert not Tag.objects.filter(name="north").exists()


def test_rows_show_tags_and_the_filter_finds_them(fleet: list[Gateway], vendor_user: User, client_of: ClientOf) -> None:
    tag_many(Gateway.objects.filter(pk=fleet[1].pk), actor=vendor_user, add=["<b>n"], remove=[])
    page = client_of(vendor_user).get("/gateways/", QueryDict("tag=<b>n")).content.decode()
    assert "&lt;b&gt;n" in page
    assert "<b>n" not in page
    assert page.count('class="c-eui"') == 1
