"""What would become of the lines of an import, against what is registered by now."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from django.db.models import F

from core import clock
from gateways.models import Claim, Gateway, Import
from gateways.services.blocks import Blocks
from gateways.services.imports.columns import EUI, TAGS
from gateways.services.imports.lines import Line, Problem
from gateways.services.limits import DAY, claims_left

AT_ONCE = 5_000  # lines that are judged, and written, together
FOREIGN = "It is registered by somebody else. Register it singly to claim it."
OTHERS = "It is registered for another vendor. Transfer it instead."
OUTSIDE = "It lies outside of your blocks. Ask an operator to write down your block."
Read = tuple[int, Line | Problem, Sequence[str]]  # the number of the line, what it says, and its cells


class Verdict(StrEnum):
    NEW = "new"
    SAME = "same"
    CHANGED = "changed"
    CLAIM = "claims"
    ERROR = "errors"


class Known(NamedTuple):
    """A gateway that is registered already."""

    pk: int
    vendor_id: int
    name: str
    model: str
    notes: str
    seen_later: bool  # the line saw it later than anybody before


@dataclass(slots=True)
class Judged:
    number: int
    cells: Sequence[str]
    verdict: Verdict
    line: Line | None = None
    problem: Problem | None = None
    known: Known | None = None


@dataclass(slots=True)
class Tally:
    """How many lines there are of each verdict, and how many gateways were seen later than was known."""

    new: int = 0
    same: int = 0
    changed: int = 0
    claims: int = 0
    errors: int = 0
    sightings: int = 0

    def add(self, judged: Iterable[Judged]) -> None:
        for each in judged:
            setattr(self, each.verdict, getattr(self, each.verdict) + 1)
            self.sightings += bool(each.known and each.known.seen_later)

    @property
    def lines(self) -> int:
        return self.new + self.same + self.changed + self.claims + self.errors

    @property
    def promised(self) -> tuple[int, ...]:
        """What a person agrees to: it must be the same when it is written."""
        return (self.new, self.changed, self.claims, self.errors)


@dataclass(slots=True)
class Judge:
    """Judges the lines of one import, in their order."""

    vendor_id: int
    is_free: bool  # an operator's: it registers outside of blocks too
    updates: bool
    fields: frozenset[str]
    left: int  # how many lines outside of the vendor's blocks are answered
    blocks: Blocks
    asked: frozenset[str]  # EUIs that the vendor claims already
    first: dict[int, int] = field(default_factory=dict)  # the line in which an EUI stood first
    answered: int = 0

    @classmethod
    def of(cls, made: Import) -> "Judge":
        is_free = made.made_by.is_operator
        asked = Claim.objects.waiting().filter(vendor=made.vendor).values_list("eui", flat=True)
        return cls(
            vendor_id=made.vendor_id,
            is_free=is_free,
            updates=made.updates,
            fields=frozenset(made.columns),
            left=0 if is_free else probes_left(made),
            blocks=Blocks.load(),
            asked=frozenset() if is_free else frozenset(asked),
        )

    def judge(self, rows: Iterable[Read]) -> Iterator[list[Judged]]:
        rows = iter(rows)
        while some := list(islice(rows, AT_ONCE)):
            yield self._some(some)

    def _some(self, rows: Sequence[Read]) -> list[Judged]:
        known = self._known([said for _, said, _ in rows if isinstance(said, Line)])
        tags = self._tags(known)
        return [self._one(row, known, tags) for row in rows]

    def _known(self, lines: Sequence[Line]) -> dict[str, Known]:
        seen = {line.eui: line.seen for line in reversed(lines) if line.seen}
        columns = ("eui", "last_seen_at", "pk", "vendor_id", "name", "model", "notes")
        rows = Gateway.objects.filter(eui__any_of=[line.eui for line in lines]).values_list(*columns)
        return {
            eui: Known(pk, vendor_id, name, model, notes, eui in seen and (last is None or seen[eui] > last))
            for eui, last, pk, vendor_id, name, model, notes in rows
        }

    def _tags(self, known: dict[str, Known]) -> dict[int, set[str]]:
        """The tags of the gateways that may be described anew, in lower case."""
        found: dict[int, set[str]] = {}
        if self.updates and TAGS in self.fields:
            through = Gateway.tags.through.objects.filter(gateway__any_of=[each.pk for each in known.values()])
            for pk, name in through.values_list("gateway", F("tag__name")):
                found.setdefault(pk, set()).add(name.lower())
        return found

    def _one(self, row: Read, known: dict[str, Known], tags: dict[int, set[str]]) -> Judged:
        number, said, cells = row
        if isinstance(said, Problem):
            return Judged(number, cells, Verdict.ERROR, problem=said)
        earlier = self.first.setdefault(int(said.eui, 16), number)
        if earlier != number:
            return _wrong(number, cells, f"It stands in line {earlier} already.")
        found = known.get(said.eui)
        if found is not None and found.vendor_id == self.vendor_id:
            verdict = Verdict.CHANGED if self.updates and _differs(said, found, tags) else Verdict.SAME
            return Judged(number, cells, verdict, line=said, known=found)
        if not self.is_free and self.blocks.holder_of(said.eui) != self.vendor_id:
            return self._outside(number, cells, said, is_taken=found is not None)
        if found is not None:
            return _wrong(number, cells, OTHERS if self.is_free else FOREIGN)
        return Judged(number, cells, Verdict.NEW, line=said)

    def _outside(self, number: int, cells: Sequence[str], line: Line, *, is_taken: bool) -> Judged:
        """Only so many are answered in a day: nobody finds out by a file what others have registered."""
        if line.eui in self.asked:
            return Judged(number, cells, Verdict.SAME, line=line)
        if self.answered >= self.left:
            return _wrong(number, cells, OUTSIDE)
        self.answered += 1
        if is_taken:
            return _wrong(number, cells, FOREIGN)
        return Judged(number, cells, Verdict.CLAIM, line=line)


def probes_left(made: Import) -> int:
    """How many lines outside of its blocks the vendor still gets an answer to today, other imports considered."""
    since = clock.now() - DAY
    others = made.vendor.imports.filter(made_at__gt=since).exclude(pk=made.pk).exclude(probed=0)
    spent = sum(
        max(probed - (claims if state == Import.State.DONE else 0), 0)
        for probed, claims, state in others.values_list("probed", "claims", "state")
    )
    return max(claims_left(made.vendor) - spent, 0)


def _differs(line: Line, known: Known, tags: dict[int, set[str]]) -> bool:
    """An empty cell leaves what is there."""
    said = ((line.name, known.name), (line.model, known.model), (line.notes, known.notes))
    if any(new and new != old for new, old in said):
        return True
    return bool(line.tags) and {tag.lower() for tag in line.tags} != tags.get(known.pk, set())


def _wrong(number: int, cells: Sequence[str], words: str) -> Judged:
    return Judged(number, cells, Verdict.ERROR, problem=Problem(EUI, words))
