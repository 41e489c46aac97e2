"""The export of gateways as PostgreSQL writes it: a million rows without one of them becoming an object."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Case, QuerySet, Value, When

from core import bulk
from gateways.models import SOON, Gateway, Standing


def copied_rows(gateways: "QuerySet[Gateway]", now: datetime) -> Iterator[bytes]:
    """The columns of the export, as lines of CSV from PostgreSQL: the twin of what the view makes of its first rows."""
    ends, retired = "current_not_after", "retired_at"
    state = Case(
        When(**{f"{retired}__isnull": False}, then=Value(Standing.RETIRED.label)),
        When(**{f"{ends}__isnull": True}, then=Value(Standing.NONE.label)),
        When(**{f"{ends}__lte": now}, then=Value(Standing.EXPIRED.label)),
        When(**{f"{ends}__lte": now + SOON}, then=Value(Standing.SOON.label)),
        default=Value(Standing.VALID.label),
    )
    tags = StringAgg("tags__name", ", ", order_by="tags__name")
    columns = gateways.annotate(state=state, ends=bulk.iso(ends), seen=bulk.iso("last_seen_at"), words=tags)
    return bulk.copied_out(
        columns.values_list(
            "eui", "name", "model", "vendor__name", "current_authority__name", "current_profile", "ends", "state",
            "seen", "words",
        )
    )  # fmt: skip
