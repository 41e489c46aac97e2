"""Drafts that take much off the air, reviews that are bound to what was seen, returns, ends, and several groups."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority
from core import clock
from core.errors import Refused
from core.store import DirectoryStore
from gateways.models import Gateway
from outbox.models import Message
from pki.bundle import read_groups, read_index
from pki.release_manifest import check_chain, check_signature, read_manifest
from tests.pki.makers import Made, make_issuing
from trust.models import Group, Membership, Release, Review, Store
from trust.services import layout
from trust.services.asking import ask_operators
from trust.services.checking import check_store
from trust.services.drafts import draft, draft_of_return
from trust.services.groups import add_to_group, create_group, remove_from_group, set_end
from trust.services.publication import publish_to
from trust.services.releases import publish_release, review_draft, roll_back
from trust.services.stores import choose_groups
from trust.tasks import publish

APPROVES, OBJECTS = Review.Verdict.APPROVES, Review.Verdict.OBJECTS
PASSWORD = "lantern-harbour-42"


@pytest.fixture
def heavy(operator: User, group: Group, trusted: Authority, other_authority: Authority, vendor: Vendor) -> Group:
    """A draft of the first operator that takes half of the fleet off the air."""
    add_to_group(operator, group, other_authority)
    publish_release(operator, group)
    ends = clock.now() + timedelta(days=90)
    for number, authority in enumerate((trusted, other_authority)):
        Gateway.objects.create(
            eui=f"58A0CB000000000{number}", vendor=vendor, current_authority=authority, current_not_after=ends
        )
    remove_from_group(operator, group, trusted, reason="Its key leaked.")
    return group


def test_whoever_changed_a_heavy_draft_does_not_publish_it(operator: User, second_operator: User, heavy: Group) -> None:
    """Row 16. Falls with: `four_eyes.decide` in trust.services.releases._publish."""
    with pytest.raises(Refused, match="another operator decides: ask Tomas Lind"):
        publish_release(operator, heavy)
    assert publish_release(second_operator, heavy).number == 2


def test_an_approval_lets_its_author_publish_and_is_kept_with_the_release(
    operator: User, second_operator: User, heavy: Group
) -> None:
    review_draft(second_operator, heavy, seen=draft(heavy).seal, verdict=APPROVES, note="Confirmed by phone.")
    release = publish_release(operator, heavy)
    assert release.approved_by == second_operator
    assert [review.note for review in release.reviews.all()] == ["Confirmed by phone."]
    assert not release.single_handed


def test_an_approval_of_ones_own_changes_counts_for_nothing(
    operator: User, second_operator: User, heavy: Group
) -> None:
    """Row 16. Falls with: `each.by_id not in hands` in trust.services.drafts.Draft.approvals."""
    review_draft(operator, heavy, seen=draft(heavy).seal, verdict=APPROVES)
    with pytest.raises(Refused, match="another operator decides"):
        publish_release(operator, heavy)


def test_a_changed_draft_has_no_approval(
    operator: User, second_operator: User, heavy: Group, other_authority: Authority
) -> None:
    """Row 16. Falls with: binding a review to the seal."""
    review_draft(second_operator, heavy, seen=draft(heavy).seal, verdict=APPROVES)
    set_end(operator, heavy, other_authority, clock.now() + timedelta(days=9))
    assert draft(heavy).reviews == ()
    with pytest.raises(Refused, match="another operator decides"):
        publish_release(operator, heavy)


def test_what_was_not_seen_is_not_approved(second_operator: User, heavy: Group) -> None:
    with pytest.raises(Refused, match="has changed since you looked"):
        review_draft(second_operator, heavy, seen="0" * 64, verdict=APPROVES)


def test_an_objection_says_why(second_operator: User, heavy: Group) -> None:
    with pytest.raises(Refused, match="Say what is wrong"):
        review_draft(second_operator, heavy, seen=draft(heavy).seal, verdict=OBJECTS)
    review_draft(second_operator, heavy, seen=draft(heavy).seal, verdict=OBJECTS, note="Wait for Monday.")
    review_draft(second_operator, heavy, seen=draft(heavy).seal, verdict=OBJECTS, note="Wait for Tuesday.")
    assert [review.note for review in draft(heavy).objections] == ["Wait for Tuesday."]


def test_a_single_operator_publishes_after_the_password_and_a_reason(operator: User, heavy: Group) -> None:
    with pytest.raises(Refused, match="say why you decide"):
        publish_release(operator, heavy)
    with pytest.raises(Refused):
        publish_release(operator, heavy, reason="The key leaked.", password="wrong")
    release = publish_release(operator, heavy, "Kestrel out", reason="The key leaked.", password=PASSWORD)
    assert release.single_handed
    assert release.note == "Kestrel out\nThe key leaked."


def test_a_command_publishes_nothing_heavy(heavy: Group) -> None:
    from audit.services import Machine  # noqa: PLC0415  only here

    with pytest.raises(Refused, match=r"1 gateways off the air, 50.0% of all"):
        publish_release(Machine("command", "test"), heavy)


def test_below_the_share_nobody_else_is_needed(operator: User, heavy: Group, settings: Settings) -> None:
    settings.LOSS_SHARE = 0.6
    assert publish_release(operator, heavy).number == 2


def test_the_others_are_asked_once_for_each_state_of_the_draft(
    operator: User, second_operator: User, heavy: Group
) -> None:
    assert ask_operators(operator, draft(heavy)) == 1
    ask_operators(operator, draft(heavy))
    mail = Message.objects.get(key__startswith="draft:")
    assert mail.recipient == second_operator.email
    assert "50.0 %" in mail.text


def test_a_return_is_a_new_release_with_the_old_content(
    operator: User, second_operator: User, heavy: Group, trusted: Authority
) -> None:
    first = Release.objects.get(number=1)
    publish_release(second_operator, heavy)
    back = roll_back(operator, first, "It was too early")
    assert (back.number, back.repeats, back.bundle_sha256) == (3, first, first.bundle_sha256)
    assert Membership.objects.present().filter(group=heavy, authority=trusted).exists()
    assert draft(heavy).difference.is_empty


def test_a_return_leaves_out_what_has_ended_since(
    operator: User, group: Group, trusted: Authority, root: Made, authority_of: Callable[..., Authority]
) -> None:
    ending = authority_of(make_issuing(root, "Ending CA", not_after=clock.now() + timedelta(days=2)))
    add_to_group(operator, group, ending)
    first = publish_release(operator, group)
    with clock.at(clock.now() + timedelta(days=3)):
        due = draft_of_return(first)
    assert [each.authority for each in due.trusted] == [trusted]


def test_a_return_that_takes_much_off_the_air_needs_a_second_operator(
    operator: User, second_operator: User, group: Group, trusted: Authority, other_authority: Authority, vendor: Vendor
) -> None:
    first = publish_release(operator, group)
    add_to_group(operator, group, other_authority)
    publish_release(operator, group)
    ends = clock.now() + timedelta(days=9)
    Gateway.objects.create(
        eui="58A0CB0000000009", vendor=vendor, current_authority=other_authority, current_not_after=ends
    )
    with pytest.raises(Refused, match="another operator decides"):
        roll_back(operator, first)
    assert Membership.objects.present().filter(authority=other_authority).exists()


def test_an_end_is_a_change_and_takes_the_authority_out_when_it_comes(
    operator: User, group: Group, trusted: Authority
) -> None:
    publish_release(operator, group)
    end = clock.now() + timedelta(days=5)
    set_end(operator, group, trusted, end)
    (change,) = draft(group).difference.changed
    assert (change.before, change.after) == (None, end)
    publish_release(operator, group)
    assert draft(group).difference.is_empty
    with clock.at(end):
        assert draft(group).difference.removed == (trusted,)


def test_an_end_in_the_past_is_refused(operator: User, group: Group, trusted: Authority) -> None:
    with pytest.raises(Refused, match="a date to come"):
        set_end(operator, group, trusted, clock.now() - timedelta(days=1))


def test_a_root_without_the_authority_that_its_gateways_need_is_found(
    operator: User, group: Group, root: Made, authority: Authority, authority_of: Callable[..., Authority]
) -> None:
    above = authority_of(root)
    Authority.objects.filter(pk=authority.pk).update(parent=above)
    add_to_group(operator, group, above)
    (finding,) = draft(group).findings
    assert finding.code == "root-without-issuing"
    assert "Kestrel Issuing CA" in finding.message


def test_releases_are_chained_signed_and_say_who_when_and_why(
    operator: User, group: Group, trusted: Authority, other_authority: Authority
) -> None:
    first = publish_release(operator, group, "Kestrel in")
    add_to_group(operator, group, other_authority)
    second = publish_release(operator, group)
    check_chain([first.manifest.encode(), second.manifest.encode()])
    manifest = read_manifest(second.manifest.encode())
    assert (manifest.previous, manifest.released_by) == (first.manifest_sha256, operator.name)
    assert read_manifest(first.manifest.encode()).note == "Kestrel in"
    for release in (first, second):
        assert release.key is not None
        check_signature(release.manifest.encode(), bytes(release.signature or b""), bytes(release.key.public_key))
    assert first.key == second.key


def _carried(objects: DirectoryStore) -> dict[str, tuple[str, ...]]:
    return read_groups(objects.get("index.yml") or b"")


def test_a_store_carries_several_groups_in_one_index(
    operator: User, group: Group, trusted: Authority, other_authority: Authority, directory: Store, tmp_path: Path
) -> None:
    proxies = create_group(operator, "proxies", "Envoy at the edge")
    choose_groups(operator, directory, [group, proxies])
    add_to_group(operator, proxies, other_authority)
    for release in (publish_release(operator, group), publish_release(operator, proxies)):
        publish(release.publications.get().pk)
    objects = DirectoryStore(Path(directory.directory))
    assert set(_carried(objects)) == {"common", "proxies"}
    assert list(read_index(objects.get("index.yml") or b"")) == ["common"]  # all that The Things Stack sees
    assert objects.get("proxies/proxies.pem")
    assert check_store(directory.pk) is None
    assert not Store.objects.get(pk=directory.pk).complaint


def test_a_group_that_a_store_no_longer_carries_leaves_its_index(
    operator: User, group: Group, trusted: Authority, other_authority: Authority, directory: Store
) -> None:
    proxies = create_group(operator, "proxies")
    choose_groups(operator, directory, [group, proxies])
    add_to_group(operator, proxies, other_authority)
    for release in (publish_release(operator, group), publish_release(operator, proxies)):
        publish(release.publications.get().pk)
    choose_groups(operator, directory, [group])
    publish_to(directory.pk)
    assert set(_carried(DirectoryStore(Path(directory.directory)))) == {"common"}


def test_a_missing_file_of_any_group_is_noticed_and_put_back(
    operator: User, group: Group, trusted: Authority, other_authority: Authority, directory: Store
) -> None:
    proxies = create_group(operator, "proxies")
    choose_groups(operator, directory, [group, proxies])
    add_to_group(operator, proxies, other_authority)
    made = [publish_release(operator, group), publish_release(operator, proxies)]
    for release in made:
        publish(release.publications.get().pk)
    objects = DirectoryStore(Path(directory.directory))
    name = layout.bundle_name(made[1]) or ""
    objects.delete(name)
    repair = check_store(directory.pk)
    assert repair
    publish(repair.pk)
    assert objects.get(name) == bytes(made[1].bundle)


def test_a_group_of_the_same_name_is_refused(operator: User, group: Group) -> None:
    with pytest.raises(Refused, match="a group common already"):
        create_group(operator, "common")


def test_each_act_is_on_record(operator: User, second_operator: User, heavy: Group) -> None:
    review_draft(second_operator, heavy, seen=draft(heavy).seal, verdict=APPROVES)
    publish_release(operator, heavy)
    actions = list(Record.objects.order_by("id").values_list("action", flat=True))
    assert actions[-3:] == ["authority.untrusted", "draft.reviewed", "release.published"]
    details = Record.objects.get(action="release.published", details__approved_by="Tomas Lind").details
    assert details["lost"] == 1
    assert json.dumps(details)


def test_the_pages_lead_from_asking_to_the_return(
    operator: User, second_operator: User, heavy: Group, client_of: Callable[[User], Client]
) -> None:
    first, client = Release.objects.get(number=1), client_of(operator)
    publish_release(second_operator, heavy)
    with_less = Release.objects.get(number=2)
    roll_back(operator, first)
    page = client.get(f"/trust/releases/{with_less.pk}/return/").content.decode()
    assert "A second operator decides" in page
    client.post("/trust/releases/ask/", {"group": "common", "returning": with_less.pk})
    assert f"/trust/releases/{with_less.pk}/return/" in Message.objects.get(key__startswith="draft:").text
