"""What one vendor may do to itself and to others."""

from datetime import timedelta

from django.conf import settings

from accounts.models import User, Vendor
from core import clock
from core.errors import Forbidden, TooMany

DAY = timedelta(days=1)


def refuse_foreign(actor: User, vendor: Vendor) -> None:
    if actor.is_vendor and actor.vendor_id != vendor.pk:
        raise Forbidden("not-your-vendor", "You can do this for your own company only.")


def refuse_mass(actor: User, vendor: Vendor) -> None:
    """Bound what one vendor can claim, and find out about others by that, in a day. Operators know what they do."""
    if not actor.is_operator and claims_left(vendor) <= 0:
        raise TooMany(
            "too-many-claims",
            f"{settings.GATEWAYS_PER_DAY} gateways a day can be claimed outside of your blocks. Go on tomorrow, or ask "
            "an operator to write down your block.",
        )


def claims_left(vendor: Vendor) -> int:
    """How many EUIs outside of its blocks, and how many of others, the vendor may still ask for today."""
    since = clock.now() - DAY
    begun = vendor.claims.filter(claimed_at__gt=since).count() + vendor.disputes.filter(claimed_at__gt=since).count()
    return max(settings.GATEWAYS_PER_DAY - begun, 0)
