"""When people want their mails of alerts, and whom mails do not reach."""

from django.db import transaction

from accounts.models import User
from alerts.models import Recipient
from audit.services import record
from core.errors import Forbidden, Refused


def recipient_of(user: User) -> Recipient:
    """The person's own wishes; the usual ones where there are none yet, not saved."""
    email = user.email.lower()
    return Recipient.objects.filter(email=email).first() or Recipient(email=email)


def set_wishes(actor: User, *, hour: int, zone: str, wants: str) -> Recipient:
    """Mail the person at this hour of this zone, and only what is wanted."""
    values = {"hour": hour, "zone": zone, "wants": wants}
    with transaction.atomic():
        recipient, _ = Recipient.objects.update_or_create(email=actor.email.lower(), defaults=values)
        record(actor, "recipient.changed", subject=recipient, vendor_id=actor.vendor_id, **values)
    return recipient


def clear_bounce(actor: User, recipient: Recipient) -> None:
    """Somebody saw to it that the address works again. The next mail tells whether it does."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator can do this.")
    with transaction.atomic():
        bouncing = Recipient.objects.bouncing().filter(pk=recipient.pk)
        if not bouncing.update(bounced_since=None, bounced_words="", last_key=""):
            raise Refused("not-bouncing", "Mails to this address are not refused any more. Reload the page.")
        record(actor, "recipient.cleared", subject=recipient)
