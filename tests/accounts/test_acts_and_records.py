"""G10: each act's record commits with the act, or neither does."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError
from django.forms.models import model_to_dict

from accounts.models import Contact, Deployment, Invitation, Role, User, Vendor
from accounts.services import deployment as deployments
from accounts.services import invitations, people, setup, vendors
from accounts.services.tokens import hash_of
from outbox.models import Message
from tests.append_only import no_record_can_be_written

WORLD = (Vendor, User, Contact, Invitation, Deployment, Message)
Act = Callable[[User, Vendor], Any]


def set_up_anew(operator: User, vendor: Vendor) -> None:
    User.objects.filter(pk=operator.pk).update(is_active=False)
    token = str(setup.setup_link()).split("/")[-2]
    before = snapshot()
    try:
        fields = {"email": "new@fjordnet.example", "name": "N", "password": "windmill-orchard-7"}
        setup.set_up(token, deployment=Deployment(name="Other", pk=Deployment.objects.get().pk), **fields)
    finally:
        assert snapshot() == before
        User.objects.filter(pk=operator.pk).update(is_active=True)


def rename_deployment(operator: User, vendor: Vendor) -> None:
    row = Deployment.objects.get()
    row.name = "Other"
    deployments.change_deployment(operator, row)


ACTS: dict[str, Act] = {
    "create a vendor": lambda operator, vendor: vendors.create_vendor(operator, name="New"),
    "change a vendor": lambda operator, vendor: vendors.change_vendor(operator, vendor, name="New", notes=""),
    "add a contact": lambda operator, vendor: vendors.add_contact(operator, vendor, name="N", email="n@x.example"),
    "remove a contact": lambda operator, vendor: vendors.remove_contact(operator, Contact.objects.get()),
    "invite": lambda operator, vendor: invitations.invite(
        operator, email="n@x.example", role=Role.VENDOR, vendor=vendor
    ),
    "revoke": lambda operator, vendor: invitations.revoke_invitation(operator, Invitation.objects.get()),
    "accept": lambda operator, vendor: invitations.accept("secret", name="N", password="windmill-orchard-7"),
    "rename oneself": lambda operator, vendor: people.rename(operator, name="New"),
    "reset a password": lambda operator, vendor: people.reset_password(operator, new="windmill-orchard-7"),
    "take access away": lambda operator, vendor: people.deactivate(operator, User.objects.get(role=Role.AUDITOR)),
    "give access back": lambda operator, vendor: people.activate(operator, User.objects.get(is_active=False)),
    "change the settings": rename_deployment,
    "set up": set_up_anew,
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ACTS)
def test_what_cannot_be_recorded_is_not_done(
    act: str, operator: User, auditor: User, vendor: Vendor, vendor_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G10. Fails without `with transaction.atomic():` in the service of the act, such as `create_vendor`."""
    User.objects.filter(pk=vendor_user.pk).update(is_active=False)
    vendors.add_contact(operator, vendor, name="Night desk", email="night@kestrel.example")
    monkeypatch.setattr(invitations, "new_token", lambda: ("secret", hash_of("secret")))
    invitations.invite(operator, email="open@kestrel.example", role=Role.VENDOR, vendor=vendor)
    before = snapshot()
    with no_record_can_be_written(), pytest.raises(DatabaseError):
        ACTS[act](operator, vendor)
    assert snapshot() == before


def snapshot() -> list[dict[str, Any]]:
    return [model_to_dict(row) for model in WORLD for row in model._default_manager.order_by("pk")]
