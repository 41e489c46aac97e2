"""Writes what is due and queues the mails about it, in one transaction: a notice that exists was told."""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import Vendor
from accounts.services import recipients
from alerts.models import Delivery, Notice
from alerts.services.digest import compose
from alerts.services.due import Due, find_due
from audit.services import SYSTEM, record
from core import clock
from outbox.services import queue_mail

JOB = "send due notices"  # the heartbeat that each run leaves
BATCH = 500
Share = tuple[tuple[int, ...], str]  # the notices that somebody is told, and what as


@dataclass(frozen=True, slots=True)
class Sent:
    """What one run did."""

    notices: int = 0
    mails: int = 0


def send_due() -> Sent:
    """Write a notice for everything that crossed a threshold, and one mail for each person that it concerns."""
    now = clock.now()
    due = find_due(now)
    if not due:
        return Sent()
    with transaction.atomic():
        written = _write(due, now)
        return Sent(len(written), _tell(written, now))


def _write(due: Sequence[Due], now: datetime) -> dict[int, Due]:
    """Insert the notices and return, by their id, those that this run inserted: another run may have been faster."""
    run = uuid.uuid4()
    rows = [_notice(one, run, now) for one in due]
    Notice.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
    by_key = {one.key: one for one in due}
    ours = Notice.objects.filter(run=run).order_by("pk")
    return {
        pk: by_key[kind, subject_id, threshold]
        for pk, kind, subject_id, threshold in ours.values_list("pk", "subject_kind", "subject_id", "threshold")
    }


def _notice(due: Due, run: uuid.UUID, now: datetime) -> Notice:
    return Notice(
        subject_kind=due.kind.value,
        subject_id=due.subject_id,
        threshold=due.threshold,
        subject_name=due.name,
        vendor_id=due.vendor_id,
        not_after=due.not_after,
        crossed_at=due.crossed_at,
        noticed_at=now,
        run=run,
    )


def _tell(written: Mapping[int, Due], now: datetime) -> int:
    """Queue one mail for each recipient, and say which notices it told."""
    shares = _shares(written)
    deliveries: list[Delivery] = []
    for (ids, reason), addresses in shares.items():
        context = compose([written[pk] for pk in ids], now) | {"reason": reason}
        for address in addresses:
            key = _message_key(address, [written[pk] for pk in ids])
            queue_mail(key=key, to=address, template="due_notices", context=context)
            deliveries += [Delivery(notice_id=pk, recipient=address, message_key=key) for pk in ids]
    Delivery.objects.bulk_create(deliveries, batch_size=BATCH)
    _record(written, shares)
    return sum(map(len, shares.values()))


def _shares(written: Mapping[int, Due]) -> dict[Share, list[str]]:
    """Who is told what: operators everything, the people and contacts of a vendor what is that vendor's."""
    if not written:
        return {}
    operators = sorted({address.lower() for address in recipients.operators()})
    shares: dict[Share, list[str]] = {(tuple(written), "an operator"): operators}
    theirs: dict[str, list[Vendor]] = defaultdict(list)
    for vendor in Vendor.objects.filter(pk__in={due.vendor_id for due in written.values()}):
        for address in {address.lower() for address in recipients.for_vendor(vendor)}.difference(operators):
            theirs[address].append(vendor)
    for address, vendors in sorted(theirs.items()):
        shares.setdefault(_share_of(vendors, written), []).append(address)
    return shares


def _share_of(vendors: Sequence[Vendor], written: Mapping[int, Due]) -> Share:
    known = {vendor.pk for vendor in vendors}
    ids = tuple(pk for pk, due in written.items() if due.vendor_id in known)
    return ids, f"a contact of {' and '.join(vendor.name for vendor in vendors)}"


def _message_key(recipient: str, dues: Iterable[Due]) -> str:
    """The same news for the same person have the same key, so a repeat finds the message that is there."""
    content = [recipient, *sorted(":".join(map(str, due.key)) for due in dues)]
    return f"due-notices:{hashlib.sha256(chr(10).join(content).encode()).hexdigest()}"


def _record(written: Mapping[int, Due], shares: Mapping[Share, list[str]]) -> None:
    """One record for each vendor whose things end, and one for the deployment's own."""
    groups: dict[int | None, list[int]] = defaultdict(list)
    for pk, due in written.items():
        groups[due.vendor_id].append(pk)
    firsts = Notice.objects.select_related("vendor").in_bulk([ids[0] for ids in groups.values()])
    for vendor_id, ids in groups.items():
        told = sum(len(addresses) for (theirs, _), addresses in shares.items() if not set(ids).isdisjoint(theirs))
        subject = firsts[ids[0]].vendor or firsts[ids[0]]
        record(SYSTEM, "notices.sent", subject=subject, vendor_id=vendor_id, notices=len(ids), recipients=told)
