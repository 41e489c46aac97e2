"""Batches: handed in, checked line by line, approved as a whole, and issued in chunks."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import F, Min, Window

from accounts.models import User, Vendor
from accounts.services.four_eyes import decide
from audit.services import SYSTEM, Machine, record
from certificates.models import Batch, Chunk, Line
from certificates.services import mails
from certificates.services.policy import (
    is_automatic,
    issuing_authority,
    profile_for,
    refuse_key_type,
    refuse_unusable,
)
from certificates.services.requests import BY_ITSELF, KEY_TYPES, refuse_lifetime
from core import bulk, clock
from core.errors import Forbidden, Refused
from pki.profiles import GATEWAY_CLIENT

MAX_LINES = 100_000
CHUNK = 1_000  # lines that are checked, and issued, in one go: some 5 MB in hand
State = Batch.State


@dataclass(frozen=True, slots=True)
class Entry:
    """A line as it was handed in: an EUI in any notation, or the name of a file and the CSR in it."""

    text: str
    csr: bytes | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a batch asks for. `key_type` is of keys that are made here; it is empty where the entries have CSRs."""

    source: str
    lifetime_days: int
    key_type: str = ""
    profile: str = GATEWAY_CLIENT.name


def create_batch(
    actor: User | Machine, vendor: Vendor, entries: Sequence[Entry], wish: Wish, *, idempotency_key: str
) -> Batch:
    """Hand in a batch. Ring `certificates.tasks.work_on_chunk` for its chunks afterwards: first they are checked.

    The same `idempotency_key` gives the same batch, however often it is sent (G3).
    """
    _refuse_unfit(actor, vendor, entries, wish)
    if found := Batch.objects.filter(idempotency_key=_key(vendor, idempotency_key)).first():
        return _same(found, entries, wish)
    authority = issuing_authority(vendor)
    profile = profile_for(vendor, wish.profile)
    refuse_lifetime(wish.lifetime_days, profile, authority)
    if wish.key_type:
        refuse_key_type(wish.key_type, profile, field="key_type")
    batch = Batch(
        vendor=vendor,
        authority=authority,
        idempotency_key=_key(vendor, idempotency_key),
        source=wish.source[:300],
        profile=profile.name,
        profile_version=profile.version,
        lifetime_days=wish.lifetime_days,
        key_type=wish.key_type,
        lines_sha256=_hash(entries),
        requested_by=actor if isinstance(actor, User) else None,
    )
    try:
        with transaction.atomic():
            batch.save(force_insert=True)
            _write_lines(batch, entries)
            details = {"lines": len(entries), "source": batch.source, "sha256": batch.lines_sha256}
            record(actor, "batch.made", subject=batch, vendor_id=vendor.pk, **details)
    except IntegrityError:
        found = Batch.objects.filter(idempotency_key=batch.idempotency_key).first()
        if found is None:
            raise
        return _same(found, entries, wish)
    return batch


def _refuse_unfit(actor: User | Machine, vendor: Vendor, entries: Sequence[Entry], wish: Wish) -> None:
    if isinstance(actor, User) and not (actor.is_operator or actor.vendor_id == vendor.pk):
        raise Forbidden("not-your-vendor", "You can do this for your own company only.")
    if not entries:
        raise Refused("batch-empty", "There is not a single gateway in it.", field="source")
    if len(entries) > MAX_LINES:
        raise Refused("batch-too-large", f"A batch has at most {MAX_LINES:,} lines. Split it.", field="source")
    _refuse_mixed(entries, wish)


def approve_batch(batch: Batch, *, actor: User, expected_sha256: str, password: str = "", reason: str = "") -> Batch:
    """Approve what `actor` has seen. Ring `certificates.tasks.work_on_chunk` for its chunks afterwards."""
    with transaction.atomic():
        batch = _locked(batch, State.CHECKED)
        is_alone = decide(actor, authors=[batch.requested_by], password=password, reason=reason)
        if expected_sha256 != batch.lines_sha256:
            raise Refused("batch-changed", "This batch is not the one that you saw. Look at it again.")
        refuse_unusable(batch.authority)
        _start(batch, actor=actor, reason=reason, is_alone=is_alone)
        record(actor, "batch.approved", subject=batch, vendor_id=batch.vendor_id, reason=reason, single_handed=is_alone)
    return batch


def refuse_batch(batch: Batch, *, actor: User, reason: str) -> Batch:
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator decides on batches.")
    if not reason.strip():
        raise Refused("reason-needed", "Say why: whoever asked reads these words.", field="reason")
    with transaction.atomic():
        batch = _locked(batch, State.CHECKED)
        now = clock.now()
        _update(batch, state=State.REFUSED, decided_by=actor, decided_at=now, decision_reason=reason, ended_at=now)
        record(actor, "batch.refused", subject=batch, vendor_id=batch.vendor_id, reason=reason)
        mails.tell_about_batch(batch, template="batch_refused")
    return batch


def cancel_batch(batch: Batch, *, actor: User) -> Batch:
    """Begin nothing new. What is reserved already is finished, and what was issued stays."""
    if not (actor.is_operator or actor.vendor_id == batch.vendor_id):
        raise Forbidden("not-your-vendor", "You can do this for your own company only.")
    with transaction.atomic():
        batch = _locked(batch, State.CHECKING, State.CHECKED, State.RUNNING)
        _update(batch, state=State.CANCELLED, ended_at=clock.now())
        record(actor, "batch.cancelled", subject=batch, vendor_id=batch.vendor_id)
    return batch


def resume_batch(batch: Batch, *, actor: User) -> Batch:
    """Go on with a cancelled batch that was approved, or with chunks that were set aside. Ring for its chunks."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator goes on with a batch.")
    with transaction.atomic():
        batch = _locked(batch, State.CANCELLED, State.RUNNING, State.DONE)
        if batch.decided_at is None:
            raise Refused("batch-not-approved", "It was never approved. Make a new one.")
        refuse_unusable(batch.authority)
        for chunk in batch.chunks.filter(state=Chunk.State.ASIDE):
            _take_up(chunk)
        _update(batch, state=State.RUNNING, ended_at=None)
        record(actor, "batch.resumed", subject=batch, vendor_id=batch.vendor_id)
    settle(batch.pk)
    batch.refresh_from_db()
    return batch


def settle(batch_id: int) -> None:
    """Move a batch on when its last chunk has: checked ones wait for approval or start, issued ones are done."""
    with transaction.atomic():
        batch = (
            Batch.objects.select_for_update(of=("self",))
            .select_related("vendor", "requested_by", "decided_by")
            .get(pk=batch_id)
        )
        states = set(batch.chunks.values_list("state", flat=True).distinct())
        if batch.state == State.CHECKING and Chunk.State.NEW not in states:
            _refuse_twins(batch)
            _update(batch, state=State.CHECKED)
            if not Line.objects.filter(chunk__batch=batch).accepted().exists():
                _update(batch, state=State.DONE, ended_at=clock.now())
            elif is_automatic(batch.vendor, batch.profile):
                _start(batch, actor=None, reason=BY_ITSELF, is_alone=False)
                record(SYSTEM, "batch.approved", subject=batch, vendor_id=batch.vendor_id, reason=BY_ITSELF)
        elif batch.state == State.RUNNING and states <= {Chunk.State.DONE, Chunk.State.ASIDE}:
            _update(batch, state=State.DONE, ended_at=clock.now())
            counts = batch.chunks.counts()
            record(SYSTEM, "batch.done", subject=batch, vendor_id=batch.vendor_id, **counts)
            mails.tell_about_batch(batch, template="batch_done", **counts)


def settle_all() -> None:
    """Move on what its last worker left behind, who died after its chunk and before this."""
    for pk in Batch.objects.filter(state__in=[State.CHECKING, State.RUNNING]).values_list("pk", flat=True):
        settle(pk)


def work_left(batch: Batch) -> list[int]:
    """The chunks that wait for a worker."""
    return list(batch.chunks.due(clock.now()).values_list("pk", flat=True))


def _refuse_mixed(entries: Sequence[Entry], wish: Wish) -> None:
    if wish.key_type:
        if wish.key_type not in KEY_TYPES:
            raise Refused("key-type-refused", f"Choose one of {' or '.join(KEY_TYPES)}.", field="key_type")
        if any(entry.csr is not None for entry in entries):
            raise Refused("key-and-csr", "These lines have CSRs, so no keys are made here.", field="key_type")
    elif any(entry.csr is None for entry in entries):
        raise Refused("csr-missing", "Some of these lines have no CSR.", field="source")


def _hash(entries: Sequence[Entry]) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        for part in (entry.text.encode(errors="replace"), entry.csr or b""):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _write_lines(batch: Batch, entries: Sequence[Entry]) -> None:
    sizes = [min(CHUNK, len(entries) - first) for first in range(0, len(entries), CHUNK)]
    chunks = Chunk.objects.bulk_create([Chunk(batch=batch, lines=size) for size in sizes])
    ids = bulk.take_ids(Line, len(entries))  # before rows flow: nothing else can be asked meanwhile
    rows = _rows(entries, ids, [chunk.pk for chunk in chunks])
    bulk.insert(Line, ("id", "chunk_id", "number", "text", "csr"), rows)


def _rows(entries: Sequence[Entry], ids: Sequence[int], chunks: Sequence[int]) -> Iterator[tuple[object, ...]]:
    for place, (pk, entry) in enumerate(zip(ids, entries, strict=True)):
        text = entry.text.replace("\0", "�").encode(errors="replace").decode()[:200]
        yield pk, chunks[place // CHUNK], place + 1, text, entry.csr


def _key(vendor: Vendor, idempotency_key: str) -> str:
    return f"{vendor.pk}:{idempotency_key}"[:100]


def _same(found: Batch, entries: Sequence[Entry], wish: Wish) -> Batch:
    """Refuse where the form was sent before with other values: nobody shall get what was not asked for."""
    made = (found.lines_sha256, found.lifetime_days, found.key_type, found.profile)
    if made != (_hash(entries), wish.lifetime_days, wish.key_type, wish.profile):
        raise Refused("asked-otherwise", "This form was sent before with other values. Open it anew.")
    return found


def _locked(batch: Batch, *states: str) -> Batch:
    found = Batch.objects.select_for_update(of=("self",)).select_related("vendor", "authority", "requested_by")
    fresh = found.get(pk=batch.pk)
    if fresh.state not in states:
        raise Refused("batch-moved-on", f"This batch is {fresh.get_state_display().lower()} by now. Reload the page.")
    return fresh


def _start(batch: Batch, *, actor: User | None, reason: str, is_alone: bool) -> None:
    now = clock.now()
    decision = {"decided_by": actor, "decided_at": now, "decision_reason": reason, "single_handed": is_alone}
    _update(batch, state=State.RUNNING, started_at=now, **decision)
    batch.chunks.update(attempts=0, lease_owner="", lease_until=None)


def _take_up(chunk: Chunk) -> None:
    """A chunk that was set aside goes on where it stood; what of it was finished one by one counts as issued."""
    requests = chunk.requests.all()
    state = Chunk.State.RESERVED if requests.exists() else Chunk.State.CHECKED
    again = {"attempts": 0, "failure": "", "lease_owner": "", "lease_until": None}
    issued = requests.filter(state="issued").count()
    Chunk.objects.filter(pk=chunk.pk).update(state=state, issued=issued, **again)


def _update(batch: Batch, **values: object) -> None:
    Batch.objects.filter(pk=batch.pk).update(**values)
    for name, value in values.items():
        setattr(batch, name, value)


def _refuse_twins(batch: Batch) -> None:
    """Of two lines with one gateway, or with one key, the first counts."""
    twins = {
        "gateway": ("gateway-twice", "This gateway stands in an earlier line. Take one of them out."),
        "spki_sha256": ("key-twice", "An earlier line has the same key. Make a key on each gateway."),
    }
    for field, (code, words) in twins.items():
        lines = Line.objects.filter(chunk__batch=batch).accepted().exclude(**_empty(field))
        first = Window(Min("number"), partition_by=[F(field)])
        later = list(lines.annotate(first=first).filter(number__gt=F("first")).values_list("pk", "chunk"))
        Line.objects.filter(pk__in=[pk for pk, _ in later]).update(code=code, words=words)
        for chunk, count in Counter(chunk for _, chunk in later).items():
            Chunk.objects.filter(pk=chunk).update(refused=F("refused") + count)


def _empty(field: str) -> dict[str, object]:
    return {"gateway__isnull": True} if field == "gateway" else {field: ""}
