"""The one chain over all committed records. Sealing happens apart from the acts, so that no act waits for another."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC

from django.db import IntegrityError, transaction

from audit.models import Record, Seal
from core import clock

GENESIS = "0" * 64  # what the first seal has before it
CHUNK = 500
COVERED = (
    "id",
    "actor_kind",
    "actor_id",
    "actor_name",
    "action",
    "subject_kind",
    "subject_id",
    "subject_name",
    "vendor_id",
    "details",
)


def canonical(record: Record) -> bytes:
    """Return every column of `record` as JSON with one possible spelling."""
    columns = {name: getattr(record, name) for name in COVERED}
    columns["at"] = record.at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(columns, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def link(previous_hash: str, position: int, record: Record) -> str:
    """Return the hash that chains `record` at `position` to the hash before it."""
    return hashlib.sha256(f"{previous_hash}\n{position}\n".encode() + canonical(record)).hexdigest()


def head() -> str:
    """Return the hash of the last seal: whoever notes it can later prove that nothing before it changed."""
    last = _last()
    return last.hash if last else GENESIS


def seal_pending() -> int:
    """Seal what is committed and not sealed yet, in chunks, and return how many records this call sealed.

    Of two sealers at once one finds its positions taken and leaves the rest to the other, or to the next run.
    """
    sealed = 0
    while records := list(Record.objects.unsealed().order_by("pk")[:CHUNK]):
        try:
            with transaction.atomic():
                _append(records)
        except IntegrityError:
            break
        sealed += len(records)
    return sealed


def _append(records: Sequence[Record]) -> None:
    last = _last()
    position, previous = (last.position, last.hash) if last else (0, GENESIS)
    seals = []
    for record in records:
        position += 1
        own = link(previous, position, record)
        seals.append(Seal(position=position, record=record, previous_hash=previous, hash=own, sealed_at=clock.now()))
        previous = own
    Seal.objects.bulk_create(seals)


def _last() -> Seal | None:
    return Seal.objects.order_by("-position").first()
