"""People: their names, passwords and whether they may come in."""

from django.db import transaction
from django.db.models import F

from accounts.models import Deployment, Invitation, User
from accounts.services import recipients
from accounts.services.invitations import revoke_invitation
from accounts.services.passwords import confirm_password
from accounts.token_memory import MEMORY
from audit.services import record
from core import clock
from core.errors import Forbidden, Refused
from outbox.services import queue_mail


def rename(actor: User, *, name: str) -> None:
    before, after = actor.name, name.strip()
    if before == after:
        return
    with transaction.atomic():
        User.objects.filter(pk=actor.pk).update(name=after)
        actor.name = after
        record(actor, "person.renamed", subject=actor, vendor_id=actor.vendor_id, before=before)


def change_password(actor: User, *, old: str, new: str) -> None:
    """Every other session ends with it: sessions hold a hash of the password."""
    confirm_password(actor, old, field="old")
    _set_password(actor, new, act="person.password-changed")


def reset_password(person: User, *, new: str) -> None:
    """For who followed the link in a mail. All sessions end with it."""
    _set_password(person, new, act="person.password-reset")


def _set_password(person: User, new: str, *, act: str) -> None:
    with transaction.atomic():
        person.set_password(new)
        person.save(update_fields=["password"])
        done = record(person, act, subject=person, vendor_id=person.vendor_id)
        context = {"at": clock.now(), "deployment": Deployment.objects.first()}
        queue_mail(key=f"password-changed:{done.pk}", to=person.email, template="password_changed", context=context)


def deactivate(actor: User, person: User) -> None:
    """Take a person's access away, and what they could come back with. Never one's own, nor the last operator's."""
    if actor.pk == person.pk:
        raise Refused("yourself", "You cannot take your own access away. Another operator can.")
    with transaction.atomic():
        _one_at_a_time()
        _refuse_unless_operator(actor)
        if not User.objects.filter(pk=person.pk, is_active=True).update(is_active=False):
            return
        act = record(actor, "person.deactivated", subject=person, vendor_id=person.vendor_id)
        transaction.on_commit(MEMORY.forget)
        for invitation in Invitation.objects.open_at(clock.now()).filter(invited_by=person):
            revoke_invitation(actor, invitation)
        if person.is_operator:
            _tell_operators("operator_deactivated", actor, person, act.pk)


def activate(actor: User, person: User) -> None:
    with transaction.atomic():
        if User.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
            act = record(actor, "person.activated", subject=person, vendor_id=person.vendor_id)
            if person.is_operator:
                _tell_operators("operator_activated", actor, person, act.pk)


def _one_at_a_time() -> None:
    """Touch the one row that all changes of who operates touch: two operators cannot put each other out at once."""
    Deployment.objects.update(name=F("name"))


def _refuse_unless_operator(actor: User) -> None:
    if not User.objects.active_operators().filter(pk=actor.pk).exists():
        raise Forbidden("not-for-your-role", "Only an active operator can take somebody's access away.")


def _tell_operators(template: str, actor: User, person: User, act: int) -> None:
    left = User.objects.active_operators().count()
    context = {
        "deployment": Deployment.objects.first(),
        "by": actor.name,
        "person": person.name,
        "at": clock.now(),
        "left": "1 operator remains." if left == 1 else f"{left} operators remain.",
    }
    for address in {*recipients.operators(), person.email}:
        queue_mail(key=f"{template}:{act}:{address}", to=address, template=template, context=context)
