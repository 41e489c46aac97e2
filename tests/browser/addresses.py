"""The address of every page in the demonstration, and who may see it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from django.urls import reverse

from tests.test_access import ENTRIES, Entry

PEOPLE = {
    "nobody": (0, ""),
    "operator": (1, "ines@fjordnet.example"),
    "auditor": (2, "sigrid@fjordnet.example"),
    "vendor": (3, "vera@solveig.example"),
}
SIGNS_OUT = {"account_logout"}
SOLVEIG = "(SELECT vendor_id FROM accounts_user WHERE email = 'vera@solveig.example')"
ROWS = {
    "vendor": f"SELECT {SOLVEIG}",
    "person": "SELECT id FROM accounts_user WHERE email = 'vera@solveig.example'",
    "authority": f"SELECT max(id) FROM cas_authority WHERE vendor_id = {SOLVEIG}",
    "issuing": "SELECT min(id) FROM cas_authority WHERE origin = 'operated' AND parent_id IS NOT NULL",
    "gateway": f"SELECT min(gateway_id) FROM certificates_certificate WHERE vendor_id = {SOLVEIG}",
    "dispute": "SELECT min(id) FROM gateways_dispute",
    "imported": "SELECT max(id) FROM gateways_import",
    "request": f"SELECT min(id) FROM certificates_request WHERE vendor_id = {SOLVEIG}",
    "waiting": f"SELECT max(id) FROM certificates_request WHERE vendor_id = {SOLVEIG} AND state = 'requested'",
    "certificate": f"SELECT max(id) FROM certificates_certificate WHERE vendor_id = {SOLVEIG}",
    "batch": f"SELECT max(id) FROM certificates_batch WHERE vendor_id = {SOLVEIG}",
    "server": "SELECT max(id) FROM certificates_servercertificate",
    "release": "SELECT max(id) FROM trust_release",
    "store": "SELECT min(id) FROM trust_store",
    "token": "SELECT 1",  # only posted to
    "message": "SELECT max(id) FROM outbox_message",
    "notice": f"SELECT min(id) FROM alerts_alert WHERE vendor_id = {SOLVEIG}",  # the alert that it is of
}


def read_rows(database: Path) -> dict[str, int]:
    """The rows that addresses name, by what they are."""
    with closing(sqlite3.connect(database)) as connection:
        return {name: connection.execute(sql).fetchone()[0] for name, sql in ROWS.items()}


def pages(column: int) -> Iterator[str]:
    """The names of the pages that answer 200 to this role."""
    for name, entry in ENTRIES.items():
        if entry.is_page and entry.answers[column] == 200 and name not in SIGNS_OUT and not _absent(entry):
            yield name


def _absent(entry: Entry) -> bool:
    """Of a thing that the demonstration has none of: its pages are looked at in the tests of its app."""
    return any(not each.startswith("'") and each.split(".")[0] not in ROWS for each in entry.arguments)


def address(name: str, rows: dict[str, int]) -> str:
    entry = ENTRIES[name]
    values = [each.strip("'") if each.startswith("'") else rows[each.split(".")[0]] for each in entry.arguments]
    return reverse(name, args=values) + entry.query
