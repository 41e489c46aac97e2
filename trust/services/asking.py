"""Asking the other operators to look at a draft that needs a second one."""

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Deployment, User
from audit.services import record
from core import clock
from outbox.services import queue_mail
from trust.services.drafts import Draft
from trust.services.groups import refuse_unless_operator


def ask_operators(actor: User, due: Draft) -> int:
    """Mail every other active operator, once for each state of the draft; return how many were asked."""
    refuse_unless_operator(actor)
    context = {
        "draft": due,
        "actor": actor,
        "at": clock.now(),
        "deployment": Deployment.objects.first(),
        "action_url": settings.PUBLIC_URL + _address(due),
        "action_label": "Look at the draft",
    }
    others = User.objects.active_operators().exclude(pk=actor.pk).values_list("email", flat=True)
    with transaction.atomic():
        for address in others:
            queue_mail(key=f"draft:{due.seal}:{address}", to=address, template="draft_review", context=context)
        record(actor, "draft.asked", subject=due.group, seal=due.seal, operators=len(others))
    return len(others)


def _address(due: Draft) -> str:
    """Where the other operator publishes it."""
    if due.repeats:
        return reverse("trust:return_to", args=[due.repeats.pk])
    return f"{reverse('trust:releases')}?group={due.group.name}"
