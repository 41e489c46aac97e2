"""Versions of profiles, and the pages on which operators make them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from audit.models import Record
from cas.models import Authority
from cas.profile_models import ProfileVersion
from cas.services.operate import Plan, create_issuing, create_root
from cas.services.profiles import current_profile, current_profiles, find_profile, offered, save_profile
from core import clock
from core.errors import Forbidden, Refused
from pki.errors import PkiError
from pki.facts import read_certificate
from pki.profiles import GATEWAY_CLIENT, ISSUING, OCSP_SIGNER, SHIPPED, TLS_SERVER, Naming, to_content

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
PAGE = "/profiles/"
FORM = {
    "lifetimes": "30, 90",
    "renew_at": "50",
    "key_types": ["P-256"],
    "key_usage": ["digitalSignature"],
    "extended_key_usage": ["clientAuth"],
    "is_offered": "on",
    "note": "Short lives for the pilot",
    "seen": "1",
}


def test_a_change_is_a_new_version_and_the_old_one_stays(operator: User) -> None:
    made = save_profile(operator, replace(GATEWAY_CLIENT, lifetimes=(timedelta(days=30),)))
    assert made.version == 2
    assert current_profile("gateway-client") == made
    assert find_profile("gateway-client", 1) == GATEWAY_CLIENT
    assert find_profile("gateway-client", 2) == made


def test_a_version_is_on_record_with_all_that_it_says(operator: User) -> None:
    made = save_profile(operator, replace(GATEWAY_CLIENT, name="pilot"))
    said = Record.objects.get(action="profile.made")
    assert said.actor_name == operator.name
    assert to_content(made).items() <= said.details.items()


@pytest.mark.parametrize(("name", "version"), [("gateway-client", 2), ("gateway", 1), ("", 0)])
def test_an_unknown_profile_is_named_in_the_error(name: str, version: int) -> None:
    with pytest.raises(PkiError, match=f"{name!r} in version {version}") as refusal:
        find_profile(name, version)
    assert refusal.value.code == "profile-unknown"


def test_the_same_again_is_no_new_version(operator: User) -> None:
    with pytest.raises(Refused) as refusal:
        save_profile(operator, GATEWAY_CLIENT)
    assert refusal.value.code == "profile-same"


def test_a_name_stays_with_its_kind(operator: User) -> None:
    with pytest.raises(Refused) as refusal:
        save_profile(operator, replace(TLS_SERVER, name="gateway-client"))
    assert refusal.value.code == "profile-kind"


def test_the_signer_of_ocsp_cannot_be_changed(operator: User) -> None:
    with pytest.raises(Refused):
        save_profile(operator, replace(OCSP_SIGNER, lifetimes=(timedelta(days=30),)))


def test_only_operators_make_versions(vendor_user: User, auditor: User) -> None:
    for person in (vendor_user, auditor):
        with pytest.raises(Forbidden):
            save_profile(person, replace(GATEWAY_CLIENT, name="pilot"))


def test_two_who_change_at_once_do_not_make_one_version_twice(operator: User) -> None:
    made = save_profile(operator, replace(GATEWAY_CLIENT, name="pilot"))
    with pytest.raises(IntegrityError), transaction.atomic():
        ProfileVersion.objects.create(name="pilot", version=made.version, content={})


def test_what_is_not_offered_is_known_and_makes_nothing_new(operator: User) -> None:
    save_profile(operator, replace(GATEWAY_CLIENT, name="pilot", is_offered=False))
    assert "pilot" in {profile.name for profile in current_profiles()}
    assert [profile.name for profile in offered(Naming.EUI)] == ["gateway-client"]


def test_authorities_are_made_by_the_newest_version(operator: User) -> None:
    both = frozenset({"clientAuth", "serverAuth"})
    save_profile(operator, replace(ISSUING, extended_key_usage=both))
    root = create_root(operator, Plan("Root", "", "P-256", 20, 1))
    issuing = create_issuing(operator, root, Plan("Issuing", "", "P-256", 10, 0))
    assert read_certificate(bytes(issuing.der)).extended_key_usage == both
    assert issuing.for_servers


def test_an_authority_of_servers_issues_for_no_gateway(operator: User) -> None:
    root = create_root(operator, Plan("Root", "", "P-256", 20, 1))
    made = create_issuing(operator, root, Plan("Servers", "", "P-256", 10, 0), for_servers=True)
    assert read_certificate(bytes(made.der)).extended_key_usage == frozenset({"serverAuth"})
    assert list(Authority.objects.usable_at(clock.now())) == []
    assert list(Authority.objects.usable_for_servers_at(clock.now())) == [made]


def test_vendors_do_not_see_the_authorities_of_servers(operator: User, vendor_user: User) -> None:
    root = create_root(operator, Plan("Root", "", "P-256", 20, 1))
    made = create_issuing(operator, root, Plan("Servers", "", "P-256", 10, 0), for_servers=True)
    assert made not in Authority.objects.visible_to(vendor_user)


# pages


def test_the_list_names_every_profile(auditor: User, client_of: SignIn) -> None:
    shown = client_of(auditor).get(PAGE).content.decode()
    assert all(profile.name in shown for profile in SHIPPED)


def test_an_operator_changes_a_profile_on_its_page(operator: User, client_of: SignIn) -> None:
    client = client_of(operator)
    assert client.post(f"{PAGE}gateway-client/change/", FORM).status_code == 302
    made = current_profile("gateway-client")
    assert (made.version, made.days, made.renew_at) == (2, (30, 90), 50)
    shown = client.get(f"{PAGE}gateway-client/").content.decode()
    assert "Short lives for the pilot" in shown
    assert "90 days, 1 year, 2 years" in shown, "what it was before"


def test_another_profile_is_made_like_one(operator: User, client_of: SignIn) -> None:
    client_of(operator).post(f"{PAGE}gateway-client/another/", {**FORM, "name": "gateway-short"})
    assert current_profile("gateway-short").naming == Naming.EUI


def test_whoever_saw_an_older_version_changes_nothing(operator: User, client_of: SignIn) -> None:
    client = client_of(operator)
    client.post(f"{PAGE}gateway-client/change/", FORM)
    late = {**FORM, "lifetimes": "60"}
    assert "Somebody else has just changed" in client.post(f"{PAGE}gateway-client/change/", late).content.decode()
    assert current_profile("gateway-client").days == (30, 90)
    assert client.post(f"{PAGE}gateway-client/change/", {**late, "seen": "2"}).status_code == 302


def test_another_profile_never_changes_one_that_is_there(operator: User, client_of: SignIn) -> None:
    page = f"{PAGE}gateway-client/another/"
    assert "already" in client_of(operator).post(page, {**FORM, "name": "gateway-client"}).content.decode()
    assert current_profile("gateway-client") == GATEWAY_CLIENT


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lifetimes": "soon"}, "Write days as numbers"),
        ({"lifetimes": "90, 30"}, "the shortest first"),
        ({"extended_key_usage": []}, "needs clientAuth"),
        ({"key_types": []}, "required"),
        ({"key_usage": ["keyAgreement"]}, "digitalSignature"),
    ],
)
def test_what_makes_no_sense_is_said_beside_its_field(
    operator: User, client_of: SignIn, change: dict[str, object], words: str
) -> None:
    answer = client_of(operator).post(f"{PAGE}gateway-client/change/", {**FORM, **change})
    assert words in answer.content.decode()
    assert not ProfileVersion.objects.exists()


@pytest.mark.parametrize("path", ["root/another/", "ocsp-signer/change/", "nothing/", "nothing/change/"])
def test_what_cannot_be_changed_has_no_form(operator: User, client_of: SignIn, path: str) -> None:
    assert client_of(operator).get(PAGE + path).status_code == 404
