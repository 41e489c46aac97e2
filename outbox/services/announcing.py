"""From the audit record to deliveries: each endpoint reads the sealed chain behind its own cursor.

Records commit out of order, so that a cursor over their ids would pass by those that commit late. Seals stand in one
chain without gaps: what is before a position never changes.
"""

from django.db import transaction

from audit.models import Record, Seal
from core import clock
from outbox.events import actions_of, event_of, payload_of
from outbox.models import Endpoint, HookDelivery

CHUNK = 2000  # places in the chain that are looked at in one transaction
CHUNKS = 50  # of one endpoint in one run: then the others have their turn


def announce_pending() -> int:
    """Write what each endpoint is to be told, and return how much it is."""
    last = Seal.objects.order_by("-position").values_list("position", flat=True).first() or 0
    behind = Endpoint.objects.told().filter(position__lt=last).order_by("pk")
    return sum(_announce(endpoint, last) for endpoint in behind)


def _announce(endpoint: Endpoint, last: int) -> int:
    written = 0
    for _ in range(CHUNKS):
        end = min(endpoint.position + CHUNK, last)
        with transaction.atomic():
            here = Endpoint.objects.told().filter(pk=endpoint.pk, position=endpoint.position)
            if not here.update(position=end):
                break  # somebody else did it, or moved it back to tell all again
            written += _write(endpoint, end)
        endpoint.position = end
        if end == last:
            break
    return written


def _write(endpoint: Endpoint, end: int) -> int:
    records = Record.objects.filter(
        seal__position__gt=endpoint.position, seal__position__lte=end, action__in=actions_of(endpoint.events)
    )
    if endpoint.vendor_id is not None:
        records = records.of_vendor(endpoint.vendor_id)
    chosen = [
        row for row in records.select_related("seal").order_by("seal__position") if event_of(row) in endpoint.events
    ]
    rows = [_delivery(endpoint, row) for row in chosen]
    HookDelivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    return len(rows)


def _delivery(endpoint: Endpoint, row: Record) -> HookDelivery:
    """Its id follows from the record's seal: told again, even after it was forgotten here, it is the same."""
    now = clock.now()
    return HookDelivery(
        endpoint=endpoint,
        record_id=row.pk,
        hook_id=f"msg_{row.seal.hash[:32]}",
        event=event_of(row),
        about=row.subject_name,
        payload=payload_of(row),
        happened_at=row.at,
        begun_at=now,
        next_attempt_at=now,
    )
