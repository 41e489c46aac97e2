"""What only PostgreSQL does for gateways: an index for parts of names and EUIs, where its pg_trgm may be used."""

from django.core.cache import caches
from django.db import connection

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
