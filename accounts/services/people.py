"""People: their names, passwords and whether they may come in."""

from django.db import transaction

from accounts.models import Deployment, User
from accounts.services import recipients
from accounts.services.passwords import confirm_password
from audit.services import record
from core import clock
from core.errors import Refused
from outbox.services import queue_mail


def rename(actor: User, *, name: str) -> None:
    before = actor.name
    with transaction.atomic():
        User.objects.filter(pk=actor.pk).update(name=name.strip())
        actor.name = name.strip()
        record(actor, "person.renamed", subject=actor, vendor_id=actor.vendor_id, before=before)


def change_password(actor: User, *, old: str, new: str) -> None:
    """Every other session ends with it: sessions hold a hash of the password."""
    confirm_password(actor, old)
    with transaction.atomic():
        actor.set_password(new)
        actor.save(update_fields=["password"])
        act = record(actor, "person.password-changed", subject=actor, vendor_id=actor.vendor_id)
        context = {"at": clock.now(), "deployment": Deployment.objects.first()}
        queue_mail(key=f"password-changed:{act.pk}", to=actor.email, template="password_changed", context=context)


def deactivate(actor: User, person: User) -> None:
    """Take a person's access away. Never one's own, so that an operator always remains."""
    if actor.pk == person.pk:
        raise Refused("yourself", "You cannot take your own access away. Another operator can.")
    with transaction.atomic():
        if not User.objects.filter(pk=person.pk, is_active=True).update(is_active=False):
            return
        act = record(actor, "person.deactivated", subject=person, vendor_id=person.vendor_id)
        if person.is_operator:
            _tell_operators(actor, person, act.pk)


def activate(actor: User, person: User) -> None:
    with transaction.atomic():
        if User.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
            record(actor, "person.activated", subject=person, vendor_id=person.vendor_id)


def _tell_operators(actor: User, person: User, act: int) -> None:
    left = User.objects.active_operators().count()
    words = f"{left} operator{'s' if left != 1 else ''} remain{'s' if left == 1 else ''}."
    context = {"by": actor.name, "person": person.name, "at": clock.now(), "left": words}
    for address in {*recipients.operators(), person.email}:
        queue_mail(key=f"deactivated:{act}:{address}", to=address, template="operator_deactivated", context=context)
