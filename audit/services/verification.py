"""Judging the chain: does every seal still say what it said when it was made?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from audit.models import Record, Seal
from audit.services.sealing import GENESIS, link
from core import clock

CHUNK = 1000
PATIENCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`first_bad` names the first row that is wrong: `seal 17` or `record 4711`; empty where all is well."""

    ok: bool
    code: str
    message: str
    sealed: int
    head: str
    first_bad: str = ""


@dataclass(slots=True)
class _Walk:
    position: int = 0
    head: str = GENESIS
    met: bool = False  # the head that somebody noted earlier


def verify(head: str | None = None) -> Verdict:
    """Walk the whole chain; then look for what was never sealed, and for `head` among the hashes."""
    walk = _Walk(met=head in (None, GENESIS))
    for seal in _seals():
        complaint = _complaint(seal, walk)
        if complaint:
            return _bad(walk, "broken-chain", complaint, row=f"seal {seal.position}")
        walk.position, walk.head = seal.position, seal.hash
        walk.met = walk.met or seal.hash == head
    forgotten = _forgotten()
    if forgotten is not None:
        message = f"Record {forgotten.pk} of {forgotten.at:%Y-%m-%d %H:%M} UTC has no seal. Does the sealer run?"
        return _bad(walk, "unsealed", message, row=f"record {forgotten.pk}")
    if not walk.met:
        message = "The head that was noted is not on this chain: records were removed or the chain was rewritten."
        return _bad(walk, "unknown-head", message, row=f"head {head}")
    message = f"All {walk.position} records are as they were sealed."
    return Verdict(ok=True, code="good", message=message, sealed=walk.position, head=walk.head)


def _bad(walk: _Walk, code: str, message: str, *, row: str) -> Verdict:
    return Verdict(ok=False, code=code, message=message, sealed=walk.position, head=walk.head, first_bad=row)


def _seals() -> Iterator[Seal]:
    """Every seal with its record, in the order of the chain."""
    last = None
    while True:
        query = Seal.objects.order_by("position")
        chunk = list(query.filter(position__gt=last)[:CHUNK] if last is not None else query[:CHUNK])
        records = Record.objects.in_bulk([seal.record_id for seal in chunk])
        for seal in chunk:
            if seal.record_id in records:
                seal.record = records[seal.record_id]
            yield seal
        if len(chunk) < CHUNK:
            return
        last = chunk[-1].position


def _complaint(seal: Seal, walk: _Walk) -> str:
    if seal.position != walk.position + 1:
        return f"After seal {walk.position} comes seal {seal.position}: what stood between them was removed."
    if seal.previous_hash != walk.head:
        return f"Seal {seal.position} does not follow the seal before it: one of the two was changed."
    if "record" not in seal._state.fields_cache:
        return f"Record {seal.record_id}, sealed at {seal.position}, was removed."
    if seal.hash != link(walk.head, seal.position, seal.record):
        return f"Record {seal.record_id}, sealed at {seal.position}, was changed after it was sealed."
    return ""


def _forgotten() -> Record | None:
    """Return the first record that the sealer should have sealed by now, or that claims to be of the future."""
    now = clock.now()
    late = Q(at__lt=now - PATIENCE) | Q(at__gt=now + PATIENCE)
    return Record.objects.unsealed().filter(late).order_by("pk").first()
