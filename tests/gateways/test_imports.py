"""What an import does to the registry: services, on both databases."""

from datetime import timedelta

import pytest
from django.db import transaction
from pytest_django import Settings

from accounts.models import User, Vendor
from audit.models import Record
from core import clock
from core.errors import Forbidden, Refused, TooMany
from gateways.models import Claim, Gateway, Import, Tag, WorkFile, WorkPart
from gateways.services import imports, register
from gateways.services.imports import working
from gateways.services.imports.judging import Judged, Known, Verdict
from gateways.services.imports.lines import Line
from tests.gateways.importing import applied, checked, counts, hand_in, lines, reasons, worked, worked_on

pytestmark = pytest.mark.django_db(transaction=True)
State = Import.State


def test_it_registers_what_the_file_says(vendor: Vendor, vendor_user: User) -> None:
    text = (
        'eui,name,model,tags\n58-A0-CB-FF-FE-80-11-D4,Kvitfjell mast,Kerlink,"north, leased"\n58a0:cbff:fe80:11d5,,,\n'
    )
    made = checked(vendor_user, vendor, text)
    assert (made.state, counts(made)) == (State.CHECKED, {"new": 2})
    assert not Gateway.objects.exists()
    made = applied(made, vendor_user)
    assert (made.state, counts(made)) == (State.DONE, {"new": 2})
    first, second = Gateway.objects.order_by("eui")
    assert (first.eui, first.name, first.model) == ("58A0CBFFFE8011D4", "Kvitfjell mast", "Kerlink")
    assert sorted(first.tags.values_list("name", flat=True)) == ["leased", "north"]
    assert (second.eui, second.vendor, second.registered_by, second.registered_in) == (
        "58A0CBFFFE8011D5",
        vendor,
        vendor_user,
        made,
    )


def test_the_same_file_again_changes_nothing(vendor: Vendor, vendor_user: User) -> None:
    applied(checked(vendor_user, vendor, lines(30)), vendor_user)
    before = list(Gateway.objects.order_by("pk").values_list())
    again = checked(vendor_user, vendor, lines(30), key="again", updates=True)
    assert counts(again) == {"same": 30}
    with pytest.raises(Refused, match="No line of this file changes anything"):
        imports.apply_import(again, actor=vendor_user)
    assert list(Gateway.objects.order_by("pk").values_list()) == before


def test_it_says_line_by_line_what_is_wrong(vendor: Vendor, vendor_user: User, other_vendor: Vendor) -> None:
    long = "x" * 121
    text = f"""eui,name
58A0CBFFFE000001,good
nonsense,
58A0CBFFFE000001,again
58A0CBFFFE000002,{long}
58A0CB000003,a MAC address
58A0CBFFFE000004,hid\u202eden
"""
    made = checked(vendor_user, vendor, text)
    assert counts(made) == {"new": 1, "errors": 5}
    said = reasons(made)
    assert [(number, field) for number, field, _ in said] == [
        (3, "EUI"), (4, "EUI"), (5, "Name"), (6, "EUI"), (7, "Name"),
    ]  # fmt: skip
    assert "line 2" in said[1][2]
    assert "58A0CBFFFE000003" in said[3][2]


def test_mac_addresses_are_asked_about_once_for_the_file(vendor: Vendor, vendor_user: User) -> None:
    made = checked(vendor_user, vendor, "mac\n58:A0:CB:00:00:03\n58:A0:CB:00:00:04\n", reads_macs=True)
    applied(made, vendor_user)
    assert set(Gateway.objects.values_list("eui", flat=True)) == {"58A0CBFFFE000003", "58A0CBFFFE000004"}


def test_what_is_registered_is_changed_only_where_asked(vendor: Vendor, vendor_user: User) -> None:
    register(vendor_user, vendor, "58A0CBFFFE000001", "Old name", model="Kept")
    text = "eui,name,model,tags\n58A0CBFFFE000001,New name,,fresh\n"
    assert counts(checked(vendor_user, vendor, text)) == {"same": 1}
    applied(checked(vendor_user, vendor, text, key="again", updates=True), vendor_user)
    gateway = Gateway.objects.get()
    assert (gateway.name, gateway.model, [tag.name for tag in gateway.tags.all()]) == ("New name", "Kept", ["fresh"])


def test_an_eui_of_somebody_else_is_left_out_and_its_owner_not_named(
    operator: User, vendor: Vendor, vendor_user: User, other_vendor: Vendor
) -> None:
    register(operator, other_vendor, "58A0CBFFFE000001")
    made = checked(vendor_user, vendor, lines(3))
    assert counts(made) == {"new": 2, "errors": 1}
    (said,) = reasons(made)
    assert "singly" in said[2]
    assert other_vendor.name not in said[2]


def test_outside_of_its_blocks_a_vendor_claims_and_only_so_many(
    vendor: Vendor, vendor_user: User, settings: Settings
) -> None:
    settings.GATEWAYS_PER_DAY = 3
    made = checked(vendor_user, vendor, lines(5, prefix="0016C0FFFE"))
    assert counts(made) == {"claims": 3, "errors": 2}
    applied(made, vendor_user)
    assert Claim.objects.waiting().count() == 3
    assert not Gateway.objects.exists()
    assert Record.objects.filter(action="claim.made").count() == 3
    assert counts(checked(vendor_user, vendor, lines(5, prefix="0016C0FFFE"), key="2")) == {"same": 3, "errors": 2}


def test_nobody_finds_out_by_many_files_what_others_have(vendor: Vendor, vendor_user: User, settings: Settings) -> None:
    """Row 15. Fails when each file has an allowance of its own."""
    settings.GATEWAYS_PER_DAY = 3
    checked(vendor_user, vendor, lines(3, prefix="0016C0FFFE"))
    second = checked(vendor_user, vendor, lines(3, first=9, prefix="0016C0FFFE"), key="2")
    assert counts(second) == {"errors": 3}
    assert {words for _, _, words in reasons(second)} == {
        "It lies outside of your blocks. Ask an operator to write down your block."
    }


def test_an_answered_file_is_not_asked_about_another_column(vendor: Vendor, vendor_user: User) -> None:
    made = checked(vendor_user, vendor, lines(3, prefix="0016C0FFFE"))
    with pytest.raises(Refused, match="answered once"):
        imports.choose_again(made, actor=vendor_user)


def test_an_operator_registers_freely_and_settles_the_claims(operator: User, vendor: Vendor, vendor_user: User) -> None:
    applied(checked(vendor_user, vendor, lines(2, prefix="0016C0FFFE")), vendor_user)
    applied(checked(operator, vendor, lines(5, prefix="0016C0FFFE"), key="2"), operator)
    assert Gateway.objects.filter(vendor=vendor).count() == 5
    assert not Claim.objects.waiting().exists()


def test_a_vendor_does_not_write_what_an_operator_handed_in(operator: User, vendor: Vendor, vendor_user: User) -> None:
    made = checked(operator, vendor, lines(2, prefix="0016C0FFFE"))
    with pytest.raises(Forbidden):
        imports.apply_import(made, actor=vendor_user)


def test_a_sighting_counts_where_it_is_later(operator: User, vendor: Vendor) -> None:
    old, late = clock.now() - timedelta(days=9), clock.now() - timedelta(days=1)
    gateway = register(operator, vendor, "58A0CBFFFE000001")
    Gateway.objects.filter(pk=gateway.pk).update(last_seen_at=late, first_seen_at=late, sightings=1)
    leaf = "ab" * 32
    text = f"eui,last_seen,sha256\n58A0CBFFFE000001,{old.isoformat()},\n58A0CBFFFE000002,{old.isoformat()},{leaf}\n"
    made = applied(checked(operator, vendor, text), operator)
    assert counts(made) == {"new": 1, "same": 1}
    fresh = Gateway.objects.get(eui="58A0CBFFFE000002")
    assert (fresh.first_seen_at, fresh.last_seen_at, fresh.last_seen_sha256, fresh.sightings) == (old, old, leaf, 1)
    later = clock.now() - timedelta(hours=1)
    text = f"eui,last_seen\n58A0CBFFFE000001,{later.isoformat()}\n"
    made = applied(checked(operator, vendor, text, key="2"), operator)
    assert counts(made) == {"same": 1, "sightings": 1}
    gateway.refresh_from_db()
    assert (gateway.last_seen_at, gateway.first_seen_at, gateway.sightings) == (later, late, 2)


def test_only_an_operator_says_where_gateways_were_seen(vendor: Vendor, vendor_user: User) -> None:
    made = hand_in(vendor_user, vendor, "eui,last_seen\n58A0CBFFFE000001,2026-01-01\n")
    assert made.columns == {"eui": 0}
    with pytest.raises(Refused, match="Only an operator"):
        imports.check_import(made, actor=vendor_user, columns={"eui": 0, "seen": 1})


def test_one_record_is_written_for_all_of_them(vendor: Vendor, vendor_user: User) -> None:
    made = applied(checked(vendor_user, vendor, lines(40)), vendor_user)
    record = Record.objects.get(action="import.applied")
    assert (record.subject_id, record.actor_name, record.vendor_id) == (str(made.pk), vendor_user.name, vendor.pk)
    assert record.details["new"] == 40
    assert record.details["sha256"] == made.sha256
    assert len(record.details["members_sha256"]) == 64
    assert not Record.objects.filter(action="gateway.registered").exists()


def test_the_same_form_twice_makes_one_import(vendor: Vendor, vendor_user: User) -> None:
    first = hand_in(vendor_user, vendor, lines(2))
    assert hand_in(vendor_user, vendor, lines(2)) == first
    assert WorkFile.objects.count() == 1
    with pytest.raises(Refused, match="another file"):
        hand_in(vendor_user, vendor, lines(3))
    assert WorkFile.objects.count() == 1


def test_what_was_registered_meanwhile_is_looked_at_again(vendor: Vendor, vendor_user: User) -> None:
    made = checked(vendor_user, vendor, lines(5))
    register(vendor_user, vendor, "58A0CBFFFE000003")
    made = applied(made, vendor_user)
    assert (made.state, Gateway.objects.count()) == (State.CHECKING, 1)
    made = worked_on(made)
    assert (made.state, counts(made)) == (State.CHECKED, {"new": 4, "same": 1})
    assert "Nothing" in made.notice or "nothing" in made.notice
    assert applied(made, vendor_user).state == State.DONE


def test_it_is_cancelled_while_it_is_written(
    vendor: Vendor, vendor_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = checked(vendor_user, vendor, lines(5))
    walk = working._walk

    def cancelled_meanwhile(*arguments: object) -> object:
        yield from walk(*arguments)  # type: ignore[arg-type]  # handed on
        Import.objects.filter(pk=made.pk).update(state=State.CANCELLED)

    monkeypatch.setattr(working, "_walk", cancelled_meanwhile)
    applied(made, vendor_user)
    assert not Gateway.objects.exists()


def test_a_cancelled_import_leaves_no_file(vendor: Vendor, vendor_user: User) -> None:
    made = checked(vendor_user, vendor, lines(5) + "nonsense,,,\n")
    imports.cancel_import(made, actor=vendor_user)
    assert (worked(made).state, WorkFile.objects.count(), WorkPart.objects.count()) == (State.CANCELLED, 0, 0)
    with pytest.raises(Refused, match="cancelled by now"):
        imports.apply_import(made, actor=vendor_user)


def test_a_file_is_gone_after_a_day(vendor: Vendor, vendor_user: User) -> None:
    made = checked(vendor_user, vendor, lines(5))
    with clock.at(clock.now() + timedelta(hours=25)):
        imports.expire_imports()
    assert worked(made).state == State.CANCELLED
    assert "Nobody went on" in worked(made).failure
    assert not WorkPart.objects.exists()


def test_the_right_is_asked_for_again_when_it_is_written(vendor: Vendor, vendor_user: User) -> None:
    """Row 20. Fails when the task trusts whoever pressed the button."""
    made = checked(vendor_user, vendor, lines(5))
    imports.apply_import(made, actor=vendor_user)
    User.objects.filter(pk=vendor_user.pk).update(is_active=False)
    made = worked_on(made)
    assert (made.state, Gateway.objects.count()) == (State.FAILED, 0)


def test_a_file_that_crashes_its_worker_is_given_up(
    vendor: Vendor, vendor_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hand_in(vendor_user, vendor, lines(5))
    imports.check_import(made, actor=vendor_user, columns=made.columns)
    Import.objects.filter(pk=made.pk).update(attempts=working.MAX_ATTEMPTS)
    assert worked_on(made).state == State.FAILED


def test_a_worker_that_dies_leaves_it_to_the_next(
    vendor: Vendor, vendor_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = checked(vendor_user, vendor, lines(5))
    imports.apply_import(made, actor=vendor_user)
    monkeypatch.setattr(working, "_finish_apply", _die)
    with pytest.raises(KeyboardInterrupt):
        imports.work_on(made.pk)
    assert not Gateway.objects.exists()
    monkeypatch.undo()
    assert worked_on(made).state == State.APPLYING  # its lease goes on for a while
    with clock.at(clock.now() + timedelta(minutes=5)):
        assert worked_on(made).state == State.DONE
    assert Gateway.objects.count() == 5


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_too_many_lines_are_refused(vendor: Vendor, vendor_user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "most_lines", lambda: 10)
    made = checked(vendor_user, vendor, lines(11))
    assert (made.state, made.failure) == (State.FAILED, "The file has more than 10 lines. Split it.")
    assert WorkFile.objects.count() == 1  # the report is not left behind


def test_only_some_imports_of_a_vendor_are_open(vendor: Vendor, vendor_user: User) -> None:
    for number in range(5):
        hand_in(vendor_user, vendor, lines(1), key=str(number))
    with pytest.raises(TooMany):
        hand_in(vendor_user, vendor, lines(1), key="one more")
    assert WorkFile.objects.count() == 5


def test_nobody_imports_for_another_vendor(vendor_user: User, other_vendor: Vendor, auditor: User) -> None:
    for actor in (vendor_user, auditor):
        with pytest.raises(Forbidden):
            hand_in(actor, other_vendor, lines(1))
    assert not WorkFile.objects.exists()


def test_a_tag_is_one_whatever_its_case(vendor: Vendor, vendor_user: User) -> None:
    Tag.objects.create(vendor=vendor, name="north")
    text = 'eui,tags\n58A0CBFFFE000001,"North, north, Ålesund"\n58A0CBFFFE000002,ålesund\n'
    applied(checked(vendor_user, vendor, text), vendor_user)
    named = {tag.name.lower() for tag in Tag.objects.filter(vendor=vendor)}
    assert named == {"north", "ålesund"}
    assert {gateway.tags.count() for gateway in Gateway.objects.all()} == {1, 2}


def test_tags_that_exist_are_used(vendor: Vendor, vendor_user: User, other_vendor: Vendor) -> None:
    own = Tag.objects.create(vendor=vendor, name="alpha")
    Tag.objects.create(vendor=other_vendor, name="alpha")
    applied(checked(vendor_user, vendor, lines(3)), vendor_user)
    assert Tag.objects.count() == 2
    assert own.gateways.count() == 3


def test_what_moved_since_it_was_judged_gets_none_of_the_importers_words(
    vendor: Vendor, vendor_user: User, other_vendor: Vendor
) -> None:
    """Fails without the rows being held first: the new owner read the former one's notes."""
    gateway = Gateway.objects.create(eui="58A0CBFFFE000001", vendor=other_vendor)
    made = checked(vendor_user, vendor, lines(1, first=9))
    known = Known(gateway.pk, vendor.pk, "", "", "", seen_later=False)
    judged = [Judged(1, [], Verdict.CHANGED, line=Line(gateway.eui, notes="under the mat"), known=known)]
    with pytest.raises(working._Moved), transaction.atomic():
        working._describe(made, judged, {})
    gateway.refresh_from_db()
    assert gateway.notes == ""
