"""Mails about authorities, each decided once."""

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from accounts.models import Deployment, User, Vendor
from accounts.services import recipients
from cas.models import Authority
from core import clock
from outbox.services import queue_mail


def tell_vendor(authority: Authority, template: str) -> None:
    """Queue `template` for everybody who stands for the vendor; a decision that is made anew is told anew."""
    if authority.vendor is None:
        return
    context = {
        "authority": authority,
        "deployment": _deployment(),
        "action_url": f"{settings.PUBLIC_URL}{reverse('cas:detail', args=[authority.pk])}",
        "action_label": "Open the authority",
    }
    for address in recipients.for_vendor(authority.vendor):
        key = f"{template}:{authority.pk}:{authority.decided_at:%Y%m%dT%H%M%S}:{address}"
        reply_to = authority.vendor.reply_to
        queue_mail(key=key, to=address, template=template, context=context, reply_to=reply_to)


def tell_operators(authorities: Sequence[Authority], *, vendor: Vendor, submitter: User) -> None:
    """Queue one mail to each operator about all that was handed in together."""
    context = {
        "authorities": authorities,
        "vendor": vendor,
        "submitter": submitter.name,
        "at": clock.now(),
        "deployment": _deployment(),
        "action_url": f"{settings.PUBLIC_URL}{reverse('cas:list')}?state=submitted",
        "action_label": "Review",
    }
    for address in recipients.operators():
        key = f"authority_submitted:{authorities[0].pk}:{address}"
        queue_mail(key=key, to=address, template="authority_submitted", context=context)


def _deployment() -> str:
    deployment = Deployment.objects.first()
    return deployment.name if deployment else ""
