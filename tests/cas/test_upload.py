"""The upload page: what was understood is shown first, and all of it is kept or nothing."""

import re
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority, TestLeaf
from core import clock
from outbox.models import Message
from tests.pki.makers import EUI, NOW, Made, at, make_issuing, make_leaf, make_root

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
URL = "/authorities/upload/"


@pytest.fixture(autouse=True)
def _at_a_fixed_instant() -> "Callable[[], None]":  # type: ignore[misc]  # a generator fixture
    with clock.at(NOW):
        yield


@pytest.fixture
def root() -> Made:
    return make_root()


@pytest.fixture
def issuing(root: Made) -> Made:
    return make_issuing(root)


@pytest.fixture
def vendor_client(vendor_user: User, client_of: SignIn) -> Client:
    return client_of(vendor_user)


def test_the_first_step_asks_for_files(vendor_client: Client) -> None:
    page = vendor_client.get(URL)
    assert page.status_code == 200
    assert "Drop certificate files here" in page.content.decode()


def test_an_anonymous_person_is_asked_to_sign_in(client: Client) -> None:
    assert client.get(URL).status_code == 302
    assert client.post(URL).status_code == 302


def test_an_auditor_hands_nothing_in(auditor: User, client_of: SignIn) -> None:
    assert client_of(auditor).get(URL).status_code == 403


def test_other_methods_are_refused(vendor_client: Client) -> None:
    assert vendor_client.put(URL).status_code == 405


def test_what_was_understood_is_shown_and_nothing_is_kept(vendor_client: Client, root: Made, issuing: Made) -> None:
    page = vendor_client.post(URL, {"files": _file(root, issuing, make_leaf(issuing))}).content.decode()
    assert "The Things Stack would accept this gateway" in page
    assert all(name in page for name in ("Acme Root CA", "Acme Gateway CA", EUI))
    assert "Hand in 2 authorities" in page
    assert not Authority.objects.exists()
    assert not Record.objects.filter(action="authority.handed-in").exists()


def test_handing_in_keeps_authorities_and_leaves_and_tells_the_operators(
    vendor_client: Client, operator: User, vendor: Vendor, root: Made, issuing: Made
) -> None:
    page = vendor_client.post(URL, {"files": _file(root, issuing, make_leaf(issuing))})
    vendor_client.post(URL, _carried(page.content.decode()) | {"hand_in": "yes"})
    kept = {each.name: each for each in Authority.objects.all()}
    assert set(kept) == {"Acme Root CA", "Acme Gateway CA"}
    assert {each.state for each in kept.values()} == {Authority.State.SUBMITTED}
    assert {each.vendor for each in kept.values()} == {vendor}
    assert kept["Acme Gateway CA"].parent == kept["Acme Root CA"]
    assert TestLeaf.objects.get().authority == kept["Acme Gateway CA"]
    assert Record.objects.filter(action="authority.handed-in").count() == 2
    assert Message.objects.get().recipient == operator.email


def test_several_files_and_pasted_text_are_read_together(vendor_client: Client, root: Made, issuing: Made) -> None:
    files = [SimpleUploadedFile("root.der", root.der)]
    page = vendor_client.post(URL, {"files": files, "pasted": issuing.pem.decode()}).content.decode()
    assert "root.der" in page
    assert "pasted text" in page
    assert "Hand in 2 authorities" in page


def test_a_root_alone_warns_that_no_intermediate_is_used(vendor_client: Client, root: Made) -> None:
    page = vendor_client.post(URL, {"files": _file(root)}).content.decode()
    assert "Is this the CA that signs your gateways?" in page
    assert "root-alone" in page


def test_a_leaf_alone_is_refused(vendor_client: Client, issuing: Made) -> None:
    page = vendor_client.post(URL, {"files": _file(make_leaf(issuing)), "hand_in": "yes"}).content.decode()
    assert "leaf-alone" in page
    assert "Nothing is handed in" in page
    assert not Authority.objects.exists()


def test_one_refused_certificate_refuses_the_whole_upload(vendor_client: Client, root: Made) -> None:
    files = _file(root, make_root("Old CA", not_before=at(2015), not_after=at(2020)))
    page = vendor_client.post(URL, {"files": files, "hand_in": "yes"}).content.decode()
    assert "expired" in page
    assert not Authority.objects.exists()


def test_what_is_refused_can_be_left_out(vendor_client: Client, root: Made) -> None:
    old = make_root("Old CA", not_before=at(2015), not_after=at(2020))
    page = vendor_client.post(URL, {"files": _file(root, old)}).content.decode()
    page = vendor_client.post(URL, _carried(page) | {"leave_out": old.sha256}).content.decode()
    assert "Old CA" not in page
    assert "Hand in 1 authority" in page


def test_a_file_can_be_taken_out_again(vendor_client: Client, root: Made, issuing: Made) -> None:
    files = [SimpleUploadedFile("root.der", root.der), SimpleUploadedFile("issuing.der", issuing.der)]
    page = vendor_client.post(URL, {"files": files}).content.decode()
    page = vendor_client.post(URL, _carried(page) | {"leave_out_file": "0"}).content.decode()
    assert "root.der" not in page
    assert "issuing.der" in page


def test_pasted_text_that_is_no_certificate_is_kept_for_mending(vendor_client: Client) -> None:
    assert (
        "not yet a certificate</textarea>"
        in vendor_client.post(URL, {"pasted": "not yet a certificate"}).content.decode()
    )


def test_a_good_test_leaf_has_no_warning(vendor_client: Client, root: Made, issuing: Made) -> None:
    page = vendor_client.post(URL, {"files": _file(root, issuing, make_leaf(issuing))})
    leaf = page.context["understood"].entries[-1].certificate
    assert {finding.severity for finding in leaf.findings} == {"good"}


def test_nothing_sent_says_so(vendor_client: Client) -> None:
    assert "Nothing came" in vendor_client.post(URL, {}).content.decode()


def test_a_tampered_second_step_is_inspected_again(vendor_client: Client, issuing: Made) -> None:
    leaf = make_leaf(issuing)
    form = {"carried_name": "a.pem", "carried_pem": leaf.pem.decode(), "hand_in": "yes"}
    assert "leaf-alone" in vendor_client.post(URL, form).content.decode()
    assert not Authority.objects.exists()


# Duplicates (guarantee row 7)


def test_an_exact_duplicate_adds_nothing_and_says_so(vendor_client: Client, root: Made) -> None:
    for _ in range(2):
        page = vendor_client.post(URL, {"files": _file(root), "hand_in": "yes"}, follow=True).content.decode()
    assert "on record already" in page
    assert Authority.objects.count() == 1


def test_a_certificate_of_another_vendor_is_on_record_and_nobody_learns_whose(
    vendor_client: Client, other_vendor_user: User, client_of: SignIn, root: Made
) -> None:
    client_of(other_vendor_user).post(URL, {"files": _file(root), "hand_in": "yes"})
    page = vendor_client.post(URL, {"files": _file(root), "hand_in": "yes"}, follow=True).content.decode()
    assert "on record already" in page
    assert "Ampere" not in page
    assert Authority.objects.get().vendor == other_vendor_user.vendor


def test_a_test_leaf_for_an_authority_on_record_is_kept_with_it(
    vendor_client: Client, root: Made, issuing: Made
) -> None:
    vendor_client.post(URL, {"files": _file(root, issuing), "hand_in": "yes"})
    vendor_client.post(URL, {"files": _file(make_leaf(issuing)), "hand_in": "yes"})
    assert TestLeaf.objects.get().authority.name == "Acme Gateway CA"


def test_the_same_key_in_another_certificate_of_another_vendor_is_not_told(
    vendor_client: Client, other_vendor_user: User, client_of: SignIn, root: Made
) -> None:
    client_of(other_vendor_user).post(URL, {"files": _file(root), "hand_in": "yes"})
    renewed = make_root(serial=7, not_after=at(2050))
    page = vendor_client.post(URL, {"files": _file(renewed)}).content.decode()
    assert "same-key" not in page


# Operators


def test_an_operator_hands_in_for_a_chosen_vendor(
    operator: User, vendor: Vendor, client_of: SignIn, root: Made
) -> None:
    client_of(operator).post(URL, {"vendor": vendor.pk, "files": _file(root), "hand_in": "yes"})
    authority = Authority.objects.get()
    assert (authority.vendor, authority.submitted_by) == (vendor, operator)


def test_without_a_vendor_nothing_is_kept_and_the_files_are_carried_on(
    operator: User, vendor: Vendor, client_of: SignIn, root: Made
) -> None:
    client = client_of(operator)
    page = client.post(URL, {"files": _file(root), "hand_in": "yes"}).content.decode()
    assert not Authority.objects.exists()
    assert "required" in page
    client.post(URL, _carried(page) | {"vendor": vendor.pk, "hand_in": "yes"})
    assert Authority.objects.get().vendor == vendor


def test_the_vendor_chosen_is_kept_when_the_files_are_refused(
    operator: User, vendor: Vendor, client_of: SignIn
) -> None:
    page = client_of(operator).post(URL, {"vendor": vendor.pk, "pasted": "no certificate"}).content.decode()
    assert f'value="{vendor.pk}" selected' in page


def test_a_vendor_cannot_hand_in_for_another(vendor_client: Client, other_vendor: Vendor, root: Made) -> None:
    vendor_client.post(URL, {"vendor": other_vendor.pk, "files": _file(root), "hand_in": "yes"})
    assert Authority.objects.get().vendor != other_vendor


def test_a_double_click_hands_in_once(vendor_client: Client, operator: User, root: Made, issuing: Made) -> None:
    form = {"pasted": (root.pem + issuing.pem).decode(), "hand_in": "yes"}
    vendor_client.post(URL, form)
    vendor_client.post(URL, form)
    assert Authority.objects.count() == 2
    assert Message.objects.count() == 1


def test_the_page_is_at_the_address_that_the_navigation_knows() -> None:
    assert reverse("cas:upload") == URL


def _file(*certificates: Made) -> SimpleUploadedFile:
    return SimpleUploadedFile("chain.pem", b"".join(each.pem for each in certificates))


def _carried(page: str) -> dict[str, object]:
    """The fields that the check step carries on, as a browser would send them."""
    names = re.findall(r'name="carried_name" value="([^"]*)"', page)
    pems = re.findall(r'<textarea name="carried_pem" hidden>([^<]*)</textarea>', page)
    return {"carried_name": names, "carried_pem": pems}
