"""What an answer to many alerts would touch: how many, of whom, and the soonest of them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from alerts.models import Alert, AlertQuerySet, Kind

SAMPLE = 8
VENDORS = 12


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts, each by one query."""

    count: int
    ended: int
    kinds: tuple[tuple[str, int], ...]
    vendors: tuple[tuple[str, int], ...]
    sample: tuple[Alert, ...]


def summary(alerts: AlertQuerySet, now: datetime) -> Summary:
    unordered = alerts.order_by()
    kinds = unordered.values_list("kind").annotate(number=Count("pk")).order_by("-number", "kind")
    vendors = unordered.values_list("vendor__name").annotate(number=Count("pk")).order_by("-number", "vendor__name")
    counted = tuple((str(Kind(kind).label), number) for kind, number in kinds)
    return Summary(
        count=sum(number for _, number in counted),
        ended=unordered.filter(not_after__lte=now).count(),
        kinds=counted,
        vendors=tuple((name or "Operated here", number) for name, number in vendors[:VENDORS]),
        sample=tuple(alerts.order_by("not_after", "pk")[:SAMPLE]),
    )
