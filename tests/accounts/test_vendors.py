"""Vendors and their contacts."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Contact, User, Vendor
from accounts.services import recipients, vendors
from audit.models import Record
from core.errors import Refused

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


def test_an_operator_creates_a_vendor(operator: User, client_of: SignIn) -> None:
    answer = client_of(operator).post("/vendors/new/", {"name": " Kestrel Radio ", "notes": ""})
    made = Vendor.objects.get()
    assert answer.headers["Location"] == f"/vendors/{made.pk}/"
    assert made.name == "Kestrel Radio"
    assert Record.objects.get(action="vendor.created").vendor_id == made.pk


def test_a_name_is_taken_in_any_case(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    answer = client_of(operator).post("/vendors/new/", {"name": "KESTREL RADIO"})
    assert answer.context["form"].errors["name"] == ["There is a vendor of this name already."]
    assert not Record.objects.exists()


def test_a_vendor_is_renamed(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    client_of(operator).post(f"/vendors/{vendor.pk}/edit/", {"name": "Kestrel", "notes": "Oslo"})
    vendor.refresh_from_db()
    assert (vendor.name, vendor.notes) == ("Kestrel", "Oslo")
    assert Record.objects.filter(action="vendor.changed").exists()


def test_a_vendor_is_not_renamed_to_another(
    operator: User, vendor: Vendor, other_vendor: Vendor, client_of: SignIn
) -> None:
    answer = client_of(operator).post(f"/vendors/{vendor.pk}/edit/", {"name": "ampere iot", "notes": ""})
    assert "name" in answer.context["form"].errors


def test_the_list_counts_what_each_vendor_has(
    operator: User, vendor: Vendor, vendor_user: User, other_vendor: Vendor, client_of: SignIn
) -> None:
    rows = client_of(operator).get("/vendors/").context["rows"]
    assert [(row["vendor"].name, row["people"], row["gateways"]) for row in rows] == [
        ("Ampere IoT", 0, 0),
        ("Kestrel Radio", 1, 0),
    ]


def test_the_page_of_a_vendor_shows_its_people_and_history(
    operator: User, vendor: Vendor, vendor_user: User, client_of: SignIn
) -> None:
    vendors.change_vendor(operator, vendor, name="Kestrel Radio AS", notes="")
    text = client_of(operator).get(f"/vendors/{vendor.pk}/").content.decode()
    assert vendor_user.email in text
    assert "Vendor Kestrel Radio AS changed" in text


def test_contacts_come_and_go(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    client = client_of(operator)
    client.post(f"/vendors/{vendor.pk}/contacts/", {"name": "Night desk", "email": "Night@kestrel.example"})
    contact = Contact.objects.get()
    assert contact.email == "night@kestrel.example"
    client.post(f"/vendors/{vendor.pk}/contacts/{contact.pk}/remove/")
    assert not Contact.objects.exists()
    acts = Record.objects.order_by("pk").values_list("action", flat=True)
    assert list(acts) == ["contact.added", "contact.removed"]


def test_a_contact_is_not_removed_through_another_vendor(
    operator: User, vendor: Vendor, other_vendor: Vendor, client_of: SignIn
) -> None:
    contact = vendors.add_contact(operator, vendor, name="Night desk", email="night@kestrel.example")
    assert client_of(operator).post(f"/vendors/{other_vendor.pk}/contacts/{contact.pk}/remove/").status_code == 404
    assert Contact.objects.exists()


def test_mails_for_a_vendor_go_to_contacts_and_active_people_once(
    operator: User, vendor: Vendor, vendor_user: User, other_vendor_user: User
) -> None:
    gone = User.objects.create_user("gone@kestrel.example", "x", name="G", role="vendor", vendor=vendor)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    vendors.add_contact(operator, vendor, name="Jonas", email="Jonas@kestrel.example")
    vendors.add_contact(operator, vendor, name="Night desk", email="night@kestrel.example")
    assert recipients.for_vendor(vendor) == ["jonas@kestrel.example", "night@kestrel.example"]


def test_an_auditor_reads_and_changes_nothing(auditor: User, vendor: Vendor, client_of: SignIn) -> None:
    client = client_of(auditor)
    assert client.get("/vendors/").status_code == 200
    assert client.get(f"/vendors/{vendor.pk}/").status_code == 200
    text = client.get(f"/vendors/{vendor.pk}/").content.decode()
    assert 'method="post"' not in text.replace('<form method="post" action="/logout/">', "")
    for address in ("new/", f"{vendor.pk}/edit/"):
        assert client.get(f"/vendors/{address}").status_code == 403
    for address in ("new/", f"{vendor.pk}/edit/", f"{vendor.pk}/contacts/", f"{vendor.pk}/contacts/1/remove/"):
        assert client.post(f"/vendors/{address}", {"name": "X", "email": "x@y.example"}).status_code == 403


READ = ["/vendors/", "/vendors/new/", "/vendors/{pk}/", "/vendors/{pk}/edit/"]


@pytest.mark.parametrize("address", READ)
def test_a_vendors_person_sees_no_vendors_not_even_the_own_one(
    address: str, vendor: Vendor, other_vendor: Vendor, vendor_user: User, client_of: SignIn
) -> None:
    answers = [client_of(vendor_user).get(address.format(pk=pk)).status_code for pk in (vendor.pk, other_vendor.pk, 99)]
    assert answers == [403, 403, 403]


@pytest.mark.parametrize("address", READ)
def test_anonymous_people_are_asked_to_sign_in(address: str, vendor: Vendor) -> None:
    assert Client().get(address.format(pk=vendor.pk)).headers["Location"].startswith("/login/")


def test_wrong_methods_are_refused(operator: User, vendor: Vendor, client_of: SignIn) -> None:
    client = client_of(operator)
    assert client.post("/vendors/").status_code == 405
    assert client.post(f"/vendors/{vendor.pk}/").status_code == 405
    assert client.get(f"/vendors/{vendor.pk}/contacts/").status_code == 405
    assert client.get(f"/vendors/{vendor.pk}/contacts/1/remove/").status_code == 405


def test_an_unknown_vendor_is_404(operator: User, client_of: SignIn) -> None:
    for address in ("/vendors/4711/", "/vendors/4711/edit/"):
        assert client_of(operator).get(address).status_code == 404


def test_markup_in_a_name_is_inert(operator: User, client_of: SignIn) -> None:
    made = vendors.create_vendor(operator, name="<script>alert(1)</script>", notes="<b>x</b>")
    for address in ("/vendors/", f"/vendors/{made.pk}/"):
        assert "<script>alert" not in client_of(operator).get(address).content.decode()


def test_a_vendor_keeps_its_own_contacts(vendor_user: User, vendor: Vendor, client_of: SignIn) -> None:
    client = client_of(vendor_user)
    client.post(f"/vendors/{vendor.pk}/contacts/", {"name": "Ops", "email": "ops@kestrel.example"})
    contact = vendor.contacts.get()
    assert "ops@kestrel.example" in client.get("/account/").content.decode()
    client.post(f"/vendors/{vendor.pk}/contacts/{contact.pk}/remove/")
    assert not vendor.contacts.exists()


def test_a_vendor_never_touches_anothers_contacts(vendor_user: User, other_vendor: Vendor, client_of: SignIn) -> None:
    """G11. Fails without `visible_to` in accounts.views.vendors."""
    contact = Contact.objects.create(vendor=other_vendor, name="Ops", email="ops@ampere.example")
    client = client_of(vendor_user)
    assert (
        client.post(f"/vendors/{other_vendor.pk}/contacts/", {"name": "x", "email": "x@y.example"}).status_code == 404
    )
    assert client.post(f"/vendors/{other_vendor.pk}/contacts/{contact.pk}/remove/").status_code == 404
    assert list(other_vendor.contacts.all()) == [contact]


def test_contacts_are_bounded(operator: User, vendor: Vendor) -> None:
    for number in range(vendors.MOST_CONTACTS):
        vendors.add_contact(operator, vendor, name="x", email=f"{number}@kestrel.example")
    with pytest.raises(Refused, match="20 contacts at most"):
        vendors.add_contact(operator, vendor, name="x", email="one@more.example")


def test_a_second_contact_is_told_only_where_nobody_has_answered(
    operator: User, vendor: Vendor, client_of: Callable[[User], Client]
) -> None:
    client = client_of(operator)
    client.post(f"/vendors/{vendor.pk}/contacts/", {"name": "Night", "email": "night@kestrel.example", "rank": "2"})
    assert "only where nobody has answered" in client.get(f"/vendors/{vendor.pk}/").text
    assert "night@kestrel.example" not in recipients.for_vendor(vendor)
    client.post(f"/vendors/{vendor.pk}/contacts/", {"name": "Day", "email": "day@kestrel.example"})
    assert "day@kestrel.example" in recipients.for_vendor(vendor)
