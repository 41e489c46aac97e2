"""Acts on many rows: what was looked at and nothing else, once its number was typed, part by part.

Each part is a transaction of its own: what an interrupted act left is done by doing it again."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from core.errors import Refused

CHUNK = 1_000


def picked(chosen: "QuerySet[Any]", *, typed: str, most: int) -> list[int]:
    """The ids of `chosen`, whose number somebody `typed`."""
    pks = list(chosen.order_by("pk").values_list("pk", flat=True)[: most + 1])
    if len(pks) > most:
        raise Refused("too-many", f"At most {most:,} at once. Narrow the filter.", field="typed")
    if not pks:
        raise Refused("nothing-left", "Nothing fits this filter any more.", field="typed")
    if typed.replace(",", "").replace(" ", "") != str(len(pks)):
        raise Refused("number-needed", f"Type {len(pks)} to do this to that many.", field="typed")
    return pks


def parts(pks: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(pks), CHUNK):
        yield pks[first : first + CHUNK]
