"""One gateway with all that is told of it, by one query: programs ask for one after the other."""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from accounts.models import User, Vendor
from gateways.models import Gateway

# written out, because to compose it anew would take longer than to ask it; tags hold no comma
STATEMENT = """
SELECT g.*, v.name AS told_vendor,
    EXISTS (SELECT 1 FROM gateways_dispute d WHERE d.gateway_id = g.id AND d.closed_at IS NULL) AS told_disputed,
    (SELECT {joined}(t.name, ',') FROM gateways_gateway_tags gt JOIN gateways_tag t ON t.id = gt.tag_id
     WHERE gt.gateway_id = g.id) AS told_tags
FROM gateways_gateway g JOIN accounts_vendor v ON v.id = g.vendor_id
WHERE g.eui = %s AND (%s OR g.vendor_id = %s)
"""
JOINED = {"postgresql": "string_agg", "sqlite": "group_concat"}


@dataclass(frozen=True, slots=True)
class Told:
    """A gateway with its vendor's name, its tags in order, and whether somebody else claims it."""

    gateway: Gateway
    tags: list[str]
    is_disputed: bool


def tell(eui: str, *, viewer: User) -> Told | None:
    """The gateway of the canonical `eui`, as far as `viewer` sees it: one's own vendor's, or all."""
    statement = STATEMENT.format(joined=JOINED[connection.vendor])
    rows: Any = Gateway.objects.raw(statement, [eui, viewer.sees_all, viewer.vendor_id])
    for row in rows:
        row.vendor = Vendor(pk=row.vendor_id, name=row.told_vendor)
        return Told(row, sorted((row.told_tags or "").split(",") if row.told_tags else []), bool(row.told_disputed))
    return None
