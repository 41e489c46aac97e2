"""Which subjects crossed a threshold that was not noticed yet. One query per kind, whatever the size of the fleet."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.fields.json import KT

from alerts import ladder, watched
from alerts.ladder import Kind
from alerts.models import Notice

# An end that is further back is history: whoever starts to watch it then learns nothing from a mail.
LOOK_BACK = timedelta(days=400)
CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Due:
    """A subject and the newest threshold that it crossed."""

    kind: Kind
    subject_id: int
    name: str  # the authority's name, the gateway's EUI, or the server's first host
    label: str  # the gateway's name, where it has one
    vendor_id: int | None
    not_after: datetime
    threshold: str
    crossed_at: datetime
    next_at: datetime | None  # when the next threshold would be crossed

    @property
    def key(self) -> tuple[str, int, str]:
        """What makes it one notice."""
        return self.kind.value, self.subject_id, self.threshold


def find_due(now: datetime) -> list[Due]:
    """Return what crossed a threshold by `now` and has no notice of that threshold or of a later one."""
    certificates = watched.certificates(now).annotate(name=F("gateway__eui"), label=F("gateway__name"))
    authorities = watched.authorities().annotate(label=Value(""))
    nobody = Value(None, output_field=BigIntegerField())  # servers are no vendor's
    servers = watched.servers(now).annotate(name=KT("hosts__0"), label=Value(""), vendor_id=nobody)
    subjects = {Kind.AUTHORITY: authorities, Kind.CERTIFICATE: certificates, Kind.SERVER: servers}
    found = [due for kind, rows in subjects.items() for due in _due(kind, rows, now)]
    return sorted(found, key=lambda due: due.key)  # one order for all runs: two at once wait, never deadlock


def _due(kind: Kind, subjects: "QuerySet[Any]", now: datetime) -> Iterator[Due]:
    near = subjects.filter(not_after__gt=now - LOOK_BACK, not_after__lte=now + ladder.longest(kind))
    rows = near.annotate(noticed=_last_noticed(kind)).values(
        "pk", "name", "label", "vendor_id", "not_before", "not_after", "noticed"
    )
    for row in rows.order_by("pk").iterator(chunk_size=CHUNK):
        crossing = ladder.newest_crossed(kind, not_before=row["not_before"], not_after=row["not_after"], now=now)
        if crossing and (row["noticed"] is None or row["noticed"] < crossing.at):
            coming = ladder.next_after(kind, not_before=row["not_before"], not_after=row["not_after"], now=now)
            yield _subject(kind, row, crossing, coming)


def _last_noticed(kind: Kind) -> Subquery:
    """The nearest threshold already noticed: a clock set back must not announce an earlier one again."""
    noticed = Notice.objects.filter(subject_kind=kind.value, subject_id=OuterRef("pk"))
    return Subquery(noticed.order_by("-crossed_at").values("crossed_at")[:1])


def _subject(kind: Kind, row: dict[str, Any], crossing: ladder.Crossing, coming: ladder.Crossing | None) -> Due:
    return Due(
        kind=kind,
        subject_id=row["pk"],
        name=row["name"],
        label=row["label"],
        vendor_id=row["vendor_id"],
        not_after=row["not_after"],
        threshold=crossing.threshold,
        crossed_at=crossing.at,
        next_at=coming.at if coming else None,
    )
