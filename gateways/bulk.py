"""What Django has no words for: tags for many gateways by one statement; and whether PostgreSQL has its index for parts
of names and EUIs, for which its pg_trgm is needed."""

from typing import Any

from django.core.cache import caches
from django.db import connection
from django.db.models import BigIntegerField, QuerySet, Value

PARTS = "gateway_parts"  # made by a migration
_KNOWN = "gateways.bulk.finds_parts"


def finds_parts() -> bool:
    """Whether a part of a name or EUI is found without reading every row. SQLite reads them: it has few."""
    if connection.vendor != "postgresql":
        return True
    known = caches["process"].get(_KNOWN)
    if known is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [PARTS])
            (known,) = cursor.fetchone()
        caches["process"].set(_KNOWN, known, 600)
    return bool(known)


def tag(gateways: "QuerySet[Any, Any]", tag_id: int, *, through: str) -> None:
    """Put a tag on those that do not have it; `gateways` selects ids. Both databases understand this statement, which
    Django has no words for: the rows never come here."""
    rows = gateways.order_by().annotate(tag_id=Value(tag_id, BigIntegerField())).values_list("pk", "tag_id")
    select, values = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        # names and statement are Django's own, the values are parameters
        cursor.execute(f"INSERT INTO {through} (gateway_id, tag_id) {select} ON CONFLICT DO NOTHING", values)
