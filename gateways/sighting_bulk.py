"""Many sightings at once: one statement on PostgreSQL, row by row elsewhere."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F

from gateways.models import Gateway

# rows are locked in one order, so that two calls at once wait for each other instead of for ever
STATEMENT = """
WITH told AS (
    SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::text[]) WITH ORDINALITY AS t(eui, at, sha256, place)
), held AS (
    SELECT id, eui, last_seen_at FROM gateways_gateway WHERE eui = ANY(%s::text[]) ORDER BY id FOR UPDATE
), later AS (
    SELECT held.id, count(DISTINCT told.at) AS times, min(told.at) AS first, max(told.at) AS last,
           (array_agg(told.sha256 ORDER BY told.at DESC, told.place DESC))[1] AS sha256
    FROM told JOIN held USING (eui) WHERE held.last_seen_at IS NULL OR told.at > held.last_seen_at GROUP BY held.id
)
UPDATE gateways_gateway AS g
SET last_seen_at = later.last, first_seen_at = COALESCE(g.first_seen_at, later.first),
    last_seen_sha256 = later.sha256, sightings = g.sightings + later.times
FROM later WHERE g.id = later.id RETURNING later.times
"""
PART = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """A canonical EUI, an instant in UTC, and the SHA-256 of the leaf in lower-case hex, or empty."""

    eui: str
    at: datetime
    sha256: str


def write_seen(rows: Sequence[Seen]) -> int:
    """Write down what is later than what is known, in the caller's transaction; return how many instants were."""
    if not rows:
        return 0
    return _in_one(rows) if connection.vendor == "postgresql" else _one_by_one(rows)


def _in_one(rows: Sequence[Seen]) -> int:
    euis = [each.eui for each in rows]
    columns: list[Any] = [euis, [each.at for each in rows], [each.sha256 for each in rows], sorted(set(euis))]
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, columns)
        return sum(times for (times,) in cursor.fetchall())


def _one_by_one(rows: Sequence[Seen]) -> int:
    told: defaultdict[str, list[Seen]] = defaultdict(list)
    for each in rows:
        told[each.eui].append(each)
    euis = sorted(told)
    parts = (euis[first : first + PART] for first in range(0, len(euis), PART))
    return sum(_of_part(part, told) for part in parts)


def _of_part(euis: Iterable[str], told: dict[str, list[Seen]]) -> int:
    count = 0
    for pk, eui, first, last in Gateway.objects.filter(eui__in=euis).values_list(
        "pk", "eui", "first_seen_at", "last_seen_at"
    ):
        later = sorted((each for each in told[eui] if last is None or each.at > last), key=lambda each: each.at)
        if later:
            times = len({each.at for each in later})
            values = {"last_seen_at": later[-1].at, "last_seen_sha256": later[-1].sha256}
            begun = {"first_seen_at": first or later[0].at, "sightings": F("sightings") + times}
            Gateway.objects.filter(pk=pk).update(**values, **begun)
            count += times
    return count
