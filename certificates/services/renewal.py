"""Renewal by itself, for vendors whose policy says so: what has lived as much of its life as its profile says, two
thirds usually, gets a successor in time, of the profile's newest version.

A key that was made here is made anew; a gateway that left a CSR keeps its key. Each day's renewals of a vendor are a
batch, which goes the way of any batch: approved by the policy, or by an operator. The old certificate is not revoked:
it is superseded, and both are accepted until it ends.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from accounts.models import Vendor
from audit.services import SYSTEM
from cas.services.profiles import current_profiles
from certificates.models import Batch, Certificate, IssuingPolicy, Line, Request
from certificates.services.batches import Entry, Wish, create_batch
from core import clock
from core.errors import Refused

log = logging.getLogger(__name__)

Kind = tuple[str, int, str]  # the profile, the lifetime in days, and the type of the key that is made here or nothing


def renew_due() -> list[Batch]:
    """Hand in a batch for each vendor and kind that has something to renew today. Ring for their chunks afterwards."""
    now, made = clock.now(), []
    for policy in IssuingPolicy.objects.filter(renews=True, authority__isnull=False).select_related("vendor"):
        for kind, entries in _due(policy.vendor, now).items():
            batch = _hand_in(policy.vendor, kind, entries, now)
            made += [batch] if batch else []
    return made


def due_certificates(vendor: Vendor, now: datetime) -> Iterable[Certificate]:
    """Issued here, current, with enough of their life behind them, and nothing on its way for their gateways."""
    asked = Request.objects.open().filter(gateway_id=OuterRef("gateway_id"), vendor_id=OuterRef("vendor_id"))
    states = [Batch.State.CHECKING, Batch.State.CHECKED, Batch.State.RUNNING]
    in_batch = Line.objects.accepted().filter(gateway_id=OuterRef("gateway_id"), chunk__batch__state__in=states)
    issued = Certificate.objects.filter(
        vendor=vendor, gateway__vendor=vendor, origin=Certificate.Origin.ISSUED, request__isnull=False
    )
    kinds = issued.order_by().values_list("request__profile", "request__lifetime_days").distinct()
    renew_at = {profile.name: profile.renew_at for profile in current_profiles()}
    for profile, days in kinds:
        left = timedelta(days=days) * (100 - renew_at[profile]) / 100
        alike = issued.filter(request__profile=profile, request__lifetime_days=days)
        late = alike.current(now).filter(not_after__lte=now + left)
        waiting = late.filter(~Exists(asked), ~Exists(in_batch))
        yield from waiting.select_related("request", "gateway").order_by("gateway__eui").iterator(2000)


def _due(vendor: Vendor, now: datetime) -> dict[Kind, list[Entry]]:
    found: dict[Kind, list[Entry]] = defaultdict(list)
    for certificate in due_certificates(vendor, now):
        request = certificate.request
        if request is None:
            continue
        csr = None if request.csr is None else bytes(request.csr)
        kind = request.profile, request.lifetime_days, "" if csr else request.key_type
        found[kind].append(Entry(certificate.gateway.eui, csr))
    return found


def _hand_in(vendor: Vendor, kind: Kind, entries: list[Entry], now: datetime) -> Batch | None:
    profile, days, key_type = kind
    wish = Wish(f"renewal of what ends soon, {now:%Y-%m-%d}", days, key_type, profile)
    key = ":".join(("renewal", f"{now:%Y-%m-%d}", *map(str, kind)))
    try:
        return create_batch(SYSTEM, vendor, entries, wish, idempotency_key=key)
    except Refused as refusal:  # nothing can be issued for this vendor now: its alerts say what ends
        log.warning("Nothing is renewed for %s (%s, %s days): %s", vendor, profile, days, refusal.message)
        return None
