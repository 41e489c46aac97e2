"""Lists of revoked certificates in the stores: beside each release, and following each new list."""

from datetime import timedelta

import pytest
import yaml
from cryptography import x509

from accounts.models import User
from cas.models import Authority
from cas.services.operate import Plan, create_issuing, create_root
from cas.services.revocation_lists import newest_list, renew_list
from core import clock
from core.store import ObjectStore, StoreError
from tests.cas.test_revocation_lists import revoked as revoke_one
from tests.trust.test_publication import Faulty
from trust.models import Group, Store
from trust.services import publication, revoked
from trust.services.checking import check_store
from trust.services.groups import add_to_group, remove_from_group
from trust.services.releases import publish_release
from trust.tasks import publish, sweep

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = {"common/crls.pem", "common/envoy-crl.yaml", "common/revoked.map"}


@pytest.fixture
def issuing(operator: User) -> Authority:
    root = create_root(operator, Plan("Fjordnet Root", "Fjordnet", "P-256", 20, 1))
    made = create_issuing(operator, root, Plan("Fjordnet Gateways", "Fjordnet", "P-256", 10, 0))
    renew_list(made.pk)
    return made


@pytest.fixture
def published(operator: User, group: Group, store: Store, issuing: Authority) -> Store:
    add_to_group(operator, group, issuing)
    publish(publish_release(operator, group).publications.get().pk)
    return store


def revoke(issuing: Authority) -> str:
    """Revoke, and make the list; return the serial number as nginx writes it."""
    row = revoke_one(issuing)
    assert renew_list(issuing.pk) is not None
    return row.serial.upper()


def serials(objects: ObjectStore) -> list[str]:
    """On the one list in the store."""
    crl = x509.load_pem_x509_crl(objects.get("common/crls.pem") or b"")
    return [f"{each.serial_number:X}" for each in crl]


def test_a_release_brings_the_lists_of_the_day(published: Store, objects: ObjectStore) -> None:
    assert set(objects.list("common/")) >= NAMES
    assert serials(objects) == []


def test_a_new_list_reaches_the_store_without_a_release(
    published: Store, objects: ObjectStore, issuing: Authority
) -> None:
    """Fails without `follow_lists` in the sweep."""
    serial = revoke(issuing)
    sweep()
    assert serials(objects) == [serial]
    assert f"\n{serial} 1;\n" in (objects.get("common/revoked.map") or b"").decode()
    context = yaml.safe_load(objects.get("common/envoy-crl.yaml") or b"")["resources"][0]["validation_context"]
    assert context["crl"]["inline_string"].encode() == objects.get("common/crls.pem")
    plain = yaml.safe_load(objects.get("common/envoy.yaml") or b"")["resources"][0]["validation_context"]
    assert context["trusted_ca"] == plain["trusted_ca"]


def test_a_store_is_left_alone_while_nothing_is_new(
    published: Store, issuing: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without `lists_state`: a bucket would be read every 20 seconds."""
    monkeypatch.setattr(publication, "open_store", lambda _: pytest.fail("the store was opened"))
    sweep()


def test_a_store_that_fails_gets_the_lists_later(
    published: Store, objects: ObjectStore, issuing: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial = revoke(issuing)
    with monkeypatch.context() as patched:
        faulty = Faulty(objects, at=2, error=StoreError("No."), after=False)
        patched.setattr(publication, "open_store", lambda _: faulty)
        sweep()
    sweep()
    assert serials(objects) == [serial]
    assert serial in (objects.get("common/revoked.map") or b"").decode()


def test_the_files_are_ours_to_a_check_and_put_right_by_it(published: Store, objects: ObjectStore) -> None:
    objects.put("common/revoked.map", b"# nobody\n")
    check_store(published.pk)
    published.refresh_from_db()
    assert published.trouble == ""
    assert (objects.get("common/revoked.map") or b"").startswith(b"# revoked")


def test_the_list_of_what_was_taken_out_stays(
    published: Store, objects: ObjectStore, issuing: Authority, operator: User, second_operator: User, group: Group
) -> None:
    """Who puts the authority back has its list at once."""
    serial = revoke(issuing)
    remove_from_group(operator, group, issuing, reason="out of service")
    publish(publish_release(second_operator, group).publications.first().pk)  # type: ignore[union-attr]
    assert serials(objects) == [serial]


def test_the_list_of_an_authority_that_has_ended_is_left_out(published: Store, issuing: Authority) -> None:
    before = revoked.state()
    with clock.at(issuing.not_after + timedelta(days=1)):
        assert (before != "", revoked.state()) == (True, "")


def test_lists_that_are_too_long_for_a_store_stay_out_of_it(
    published: Store, objects: ObjectStore, issuing: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revoked, "ROOM", 100)
    revoke(issuing)
    sweep()
    assert serials(objects) == []
    made = newest_list(issuing)
    assert made is not None
    assert made.entries == 1
