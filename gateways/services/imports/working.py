"""The two long steps of an import: looking at every line, and writing all of them."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg import errors as postgres

from accounts.models import User
from audit.services import Act, record, record_many
from core import bulk, clock
from core.errors import Refused
from core.leases import TakenOver
from gateways import import_bulk
from gateways.import_models import ImportQuerySet
from gateways.models import Claim, Gateway, Import, Tag
from gateways.services.claims import settle_own
from gateways.services.imports.judging import Judge, Judged, Read, Tally, Verdict
from gateways.services.imports.lines import line_reader
from gateways.services.imports.tables import Row, open_table
from gateways.services.imports.work_store import Reader, Writer, gone
from gateways.sighting_bulk import Seen, write_seen

log = logging.getLogger(__name__)
State = Import.State
MOST_LINES = 500_000
MOST_LINES_SQLITE = 100_000  # one transaction there keeps everybody else from writing
MAX_ATTEMPTS = 3
LARGE = 50_000  # rows after which the database looks at the table anew
MOVED = "What is registered has changed since this file was looked at, so nothing was written. Look at it again."


class _Moved(Exception):
    """What was agreed to is not what would be written."""


def work_on(import_id: int) -> None:
    """Check or write an import, whatever it waits for."""
    owner = Import.objects.working().claim(import_id, seconds=settings.LEASE_SECONDS)
    if owner is None:
        return None
    with Import.objects.forgiven(import_id, owner):
        made = Import.objects.listed().select_related("file").get(pk=import_id)
        if made.attempts > MAX_ATTEMPTS:
            return _fail(made, owner, "Its file could not be worked on to its end. Nothing was written.")
        try:
            _check(made, owner) if made.state == State.CHECKING else _apply(made, owner)
        except Refused as refusal:
            _fail(made, owner, refusal.message)
        except TakenOver:
            log.info("%s was cancelled, or is another worker's by now", made)
    return None


def most_lines() -> int:
    return MOST_LINES if connection.vendor == "postgresql" else MOST_LINES_SQLITE


def _check(made: Import, owner: str) -> None:
    """Judge every line, and keep what is wrong with which."""
    report, judge, tally = Writer(f"report of {made}"), Judge.of(made), Tally()
    try:
        for judged, share in _walk(made, judge):
            tally.add(judged)
            _write_problems(report, judged)
            _prolong(made, owner, tally, share)
        _finish_check(made, owner, tally, probed=judge.answered, report=report)
    except BaseException:
        report.drop()
        raise


def _finish_check(made: Import, owner: str, tally: Tally, *, probed: int, report: Writer) -> None:
    counts = {name: getattr(tally, name) for name in tally.__slots__}
    moved = _held(made, owner).update(
        state=State.CHECKED,
        total=tally.lines,
        done=tally.lines,
        probed=max(probed, made.probed),
        report=report.finish(),
        ended_at=clock.now(),
        **counts,
        **_LET_GO,
    )
    if not moved:
        raise TakenOver


_LET_GO = {"lease_owner": "", "lease_until": None, "attempts": 0}


def _apply(made: Import, owner: str) -> None:
    """Write all of it, or nothing."""
    _refuse_without_right(made)
    seconds = settings.LEASE_SECONDS
    try:
        with import_bulk.telling(made.pk, owner, seconds=seconds) as tell, transaction.atomic():
            import_bulk.wait_for_turn(tell)
            _write_all(made, owner, tell)
    except (_Moved, IntegrityError, postgres.IntegrityError):
        return _check_again(made, owner)
    except (OperationalError, postgres.OperationalError):
        if not connection.is_usable():
            raise
        log.warning("%s waits: others write the same rows", made)  # a deadlock, which the database ended
        return Import.objects.let_go(owner)  # the schedule takes it up again
    if made.new > LARGE and connection.vendor == "postgresql":
        bulk.refresh_statistics(Gateway)
    return None


def _write_all(made: Import, owner: str, tell: import_bulk.Told) -> None:
    judge, tally, members = Judge.of(made), Tally(), hashlib.sha256()
    tag_ids: dict[str, int] = {}
    has_claims = Claim.objects.waiting().filter(vendor=made.vendor).exists()
    for judged, _ in _walk(made, judge):
        tally.add(judged)
        _write_some(made, judged, tag_ids, settles=has_claims)
        for each in judged:
            if each.line and each.verdict in (Verdict.NEW, Verdict.CHANGED, Verdict.CLAIM):
                members.update(f"{each.verdict} {each.line.eui}\n".encode())
        tell(tally.lines)
    if tally.promised != (made.new, made.changed, made.claims, made.errors):
        raise _Moved
    _finish_apply(made, owner, tally, members.hexdigest())


def _finish_apply(made: Import, owner: str, tally: Tally, members: str) -> None:
    end = {"done": tally.lines, "sightings": tally.sightings, "ended_at": clock.now(), "notice": ""}
    if not _held(made, owner).update(state=State.DONE, **end, **_LET_GO):
        raise TakenOver
    about = {"file": made.name, "sha256": made.sha256, "members_sha256": members, "errors": tally.errors}
    counts = {"new": tally.new, "changed": tally.changed, "claims": tally.claims, "sightings": tally.sightings}
    record(_actor(made), "import.applied", subject=made, vendor_id=made.vendor_id, **about, **counts)


def _write_some(made: Import, judged: Sequence[Judged], tag_ids: dict[str, int], *, settles: bool) -> None:
    by_verdict: dict[Verdict, list[Judged]] = {verdict: [] for verdict in Verdict}
    for each in judged:
        by_verdict[each.verdict].append(each)
    new, changed = by_verdict[Verdict.NEW], by_verdict[Verdict.CHANGED]
    _learn_tags(made, [*new, *changed], tag_ids)
    if new:
        _insert(made, new, tag_ids, settles=settles)
    if changed:
        _describe(made, changed, tag_ids)
    _claim(made, by_verdict[Verdict.CLAIM])
    seen = [(each.line, each.known) for each in judged if each.line and each.known and each.known.seen_later]
    write_seen([Seen(line.eui, line.seen, line.leaf) for line, _ in seen if line.seen])


def _insert(made: Import, new: Sequence[Judged], tag_ids: dict[str, int], *, settles: bool) -> None:
    lines = [each.line for each in new if each.line]
    ids = bulk.take_ids(Gateway, len(lines))
    now, by = clock.now(), made.applied_by_id
    import_bulk.insert_gateways(
        (
            pk, line.eui, made.vendor_id, line.name, line.model, line.notes, by, now, made.pk,
            line.seen, line.seen, line.leaf if line.seen else "", 1 if line.seen else 0,
        )
        for pk, line in zip(ids, lines, strict=True)
    )  # fmt: skip
    _tag([(pk, tag_ids[tag.lower()]) for pk, line in zip(ids, lines, strict=True) for tag in line.tags])
    if settles:
        settle_own(made.vendor, [line.eui for line in lines], actor=_actor(made))


def _describe(made: Import, changed: Sequence[Judged], tag_ids: dict[str, int]) -> None:
    """Held first: what moved to another vendor since it was judged gets none of this one's words."""
    rows = [(each.line, each.known) for each in changed if each.line and each.known]
    own = Gateway.objects.filter(pk__any_of=[old.pk for _, old in rows], vendor=made.vendor).order_by("pk")
    if len(own.select_for_update().values_list("pk", flat=True)) < len(rows):
        raise _Moved
    import_bulk.describe_gateways(
        [(old.pk, new.name or old.name, new.model or old.model, new.notes or old.notes) for new, old in rows]
    )
    tagged = [(old.pk, new.tags) for new, old in rows if new.tags]
    Gateway.tags.through.objects.filter(gateway__any_of=[pk for pk, _ in tagged]).delete()
    _tag([(pk, tag_ids[tag.lower()]) for pk, tags in tagged for tag in tags])


def _claim(made: Import, judged: Sequence[Judged]) -> None:
    lines = [each.line for each in judged if each.line]
    if not lines:
        return
    actor = _actor(made)
    rows = [
        Claim(vendor=made.vendor, eui=line.eui, name=line.name, model=line.model, claimed_by=actor) for line in lines
    ]
    claims = Claim.objects.bulk_create(rows)
    acts = [Act("claim", each.pk, str(each), made.vendor_id, {"eui": each.eui}) for each in claims]
    record_many(actor, "claim.made", acts)


def _learn_tags(made: Import, judged: Sequence[Judged], tag_ids: dict[str, int]) -> None:
    """Make the tags that the vendor has not yet, whatever their case, and remember their ids."""
    wanted = {tag.lower(): tag for each in judged if each.line for tag in each.line.tags}
    missing = {folded: tag for folded, tag in wanted.items() if folded not in tag_ids}
    if not missing:
        return
    own = Tag.objects.named(missing.values()).filter(vendor=made.vendor)
    known = {name.lower() for name in own.values_list("name", flat=True)}
    rows = [Tag(vendor=made.vendor, name=tag) for folded, tag in sorted(missing.items()) if folded not in known]
    Tag.objects.bulk_create(rows, ignore_conflicts=True)
    tag_ids.update((name.lower(), pk) for name, pk in own.values_list("name", "pk"))


def _tag(pairs: Sequence[tuple[int, int]]) -> None:
    if pairs:
        bulk.insert(Gateway.tags.through, ("gateway_id", "tag_id"), pairs)


def _walk(made: Import, judge: Judge) -> Iterator[tuple[list[Judged], float]]:
    """The lines in their order, some at a time, each time with the share of the file that is read by then."""
    file = made.file
    if file is None:
        raise gone()
    raw = Reader(file)
    with raw.buffered() as buffered:
        table = open_table(buffered, file.kind, file.encoding)
        for judged in judge.judge(_read(made, table.rows)):
            yield judged, raw.given / max(made.size, 1)


def _read(made: Import, rows: Iterator[Row]) -> Iterator[Read]:
    read = line_reader(made.columns, reads_macs=made.reads_macs, now=clock.now())
    most = most_lines()
    for count, (number, cells) in enumerate(rows, 1):
        if count > most:
            raise Refused("too-many-lines", f"The file has more than {most:,} lines. Split it.")
        yield number, read(cells), cells


def _write_problems(report: Writer, judged: Sequence[Judged]) -> None:
    for each in judged:
        if each.problem:
            report.write(json.dumps([each.number, *each.problem]).encode() + b"\n")


def _prolong(made: Import, owner: str, tally: Tally, share: float) -> None:
    """Say how far it is, at most once a second; a cancelled import ends here."""
    done = tally.lines
    told = {"done": done, "total": max(done, int(done / share) if share else done), "errors": tally.errors}
    with transaction.atomic():
        Import.objects.filter(state=State.CHECKING).prolong(owner, seconds=settings.LEASE_SECONDS)
        _held(made, owner).update(**told)


def _held(made: Import, owner: str) -> ImportQuerySet:
    return Import.objects.filter(pk=made.pk, state=made.state).held_by(owner)


def _check_again(made: Import, owner: str) -> None:
    """Somebody registered or changed something meanwhile: the person agrees anew."""
    _held(made, owner).update(state=State.CHECKING, notice=MOVED, done=0, started_at=clock.now(), **_LET_GO)


def _fail(made: Import, owner: str, why: str) -> None:
    with transaction.atomic():
        ended = {"state": State.FAILED, "failure": why[:500], "ended_at": clock.now(), **_LET_GO}
        if _held(made, owner).update(**ended):
            record(_actor(made), "import.failed", subject=made, vendor_id=made.vendor_id, why=why)


def _refuse_without_right(made: Import) -> None:
    """Whoever said so may have lost the right to it meanwhile."""
    actor = made.applied_by
    if actor is None or not actor.is_active or not (actor.is_operator or actor.vendor_id == made.vendor_id):
        raise Refused("no-right-any-more", "Whoever wanted this may not do it any more. Nothing was written.")


def _actor(made: Import) -> User:
    return made.applied_by or made.made_by
