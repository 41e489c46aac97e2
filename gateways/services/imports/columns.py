"""Which column of a file has what: guessed from the names of the columns, and changed by the person."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice

from gateways.services.imports.tables import Table
from pki.eui import InvalidEui, read_eui

EUI, NAME, MODEL, TAGS, NOTES, SEEN, LEAF = "eui", "name", "model", "tags", "notes", "seen", "leaf"
FIELDS = {
    EUI: "EUI",
    NAME: "Name",
    MODEL: "Model",
    TAGS: "Tags",
    NOTES: "Notes",
    SEEN: "Last seen",
    LEAF: "SHA-256 of the certificate that it showed",
}
OF_SIGHTINGS = (SEEN, LEAF)
# the names that files have for it, the likeliest first; what is no letter or digit is left out of both
KNOWN = {
    EUI: "eui idseui gatewayeui gweui eui64 gatewayeui64 gatewayid idsgatewayid id stationid station mac macaddress",
    NAME: "name gatewayname displayname label title site location idsgatewayid gatewayid",
    MODEL: "model gatewaymodel versionidsmodelid modelid versionidshardwareversion hardware product type",
    TAGS: "tags tag labels groups group",
    NOTES: "notes note description comment comments remark remarks",
    SEEN: "lastseen lastseenat seen seenat lastseenutc lastconnection lastuplinkreceivedat laststatusreceivedat",
    LEAF: "leafsha256 lastseensha256 certificatesha256 sha256 fingerprint",
}
SAMPLE = 20
Columns = dict[str, int]


def guess(columns: Sequence[str], sample: Sequence[Sequence[str]]) -> Columns:
    """The place of each field in the file, as far as it can be told. A column is never used twice."""
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in columns]
    found: Columns = {}
    for field, names in KNOWN.items():
        places = [plain.index(name) for name in names.split() if name in plain]
        free = [place for place in places if place not in found.values()]
        if field == EUI:
            free = [place for place in free if _has_euis(sample, place)] or [*_first_with_euis(sample), *free]
        if free:
            found[field] = free[0]
    return found


def sample_of(table: Table) -> list[Sequence[str]]:
    """The first rows, which the table does not give a second time."""
    return [cells for _, cells in islice(table.rows, SAMPLE)]


def usable(columns: Mapping[str, int], count: int) -> Columns:
    """Only what names a field and a column that there is."""
    return {field: place for field, place in columns.items() if field in FIELDS and 0 <= place < count}


def _first_with_euis(sample: Sequence[Sequence[str]]) -> list[int]:
    width = max(map(len, sample), default=0)
    return [place for place in range(width) if _has_euis(sample, place)][:1]


def _has_euis(sample: Sequence[Sequence[str]], place: int) -> bool:
    cells = [row[place] for row in sample if place < len(row) and row[place].strip()]
    return bool(cells) and sum(map(_is_eui, cells)) * 2 > len(cells)


def _is_eui(text: str) -> bool:
    try:
        read_eui(text)
    except InvalidEui:
        return False
    return len(text.strip()) >= 12
