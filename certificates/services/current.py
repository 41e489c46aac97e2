"""What lists say of a gateway without looking at its certificates."""

from django.db.models import F
from django.db.models.functions import Least

from certificates.models import Certificate
from core import clock
from gateways.models import Gateway


def refresh_current(gateway_id: int) -> None:
    """Write down which of its owner's certificates in force lasts longest, and until when: a gateway is off the air
    when its certificate ends, and also when the authority does."""
    best = (
        Certificate.objects.filter(gateway_id=gateway_id, vendor_id=F("gateway__vendor_id"))
        .in_force(clock.now())
        .annotate(accepted_until=Least("not_after", "authority__not_after"))
        .order_by("-accepted_until", "-pk")
        .values_list("authority_id", "accepted_until")
        .first()
    )
    authority_id, end = best or (None, None)
    Gateway.objects.filter(pk=gateway_id).update(current_authority_id=authority_id, current_not_after=end)
