"""The first mail that a rule would have written, rendered as it would be. Nothing is written."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, F, Min, QuerySet, Window
from django.db.models.functions import RowNumber

from accounts.models import Deployment, Vendor
from alerts import reachability
from alerts.models import Kind, Rule
from alerts.services import digest
from alerts.services.digest import Hit, Item, Sample
from alerts.services.preview import PATIENCE, applied_of, crossing
from alerts.watched import WATCHED, Watch
from cas.models import Authority
from core import patience
from outbox.models import Message
from outbox.services.queueing import compose

DAY = timedelta(days=1)
NOON = time(12)
SAMPLES = 3


def first_mail(rule: Rule, day: date, now: datetime, *, vendor: Vendor | None, to: str) -> Message | None:
    """The digest of that day for operators, or for the people of a vendor; None where it would tell nothing."""
    watch, start = WATCHED[Kind(rule.kind)], datetime.combine(day, time(), UTC)
    after = max(start - timedelta(microseconds=1), now)
    items: list[Item] = []
    with patience.at_most(PATIENCE):
        for rows, threshold in crossing(watch, applied_of(rule), after, start + DAY, now):
            items += _items(watch, rows.filter(a_vendor=vendor.pk) if vendor else rows, threshold)
    if not items:
        return None
    hits = _hits([item.subject_id for item in items if item.kind is Kind.AUTHORITY], vendor)
    reason = f"a contact of {vendor.name}" if vendor else "an operator"
    deployment = Deployment.objects.values_list("name", flat=True).first() or "certadmin"
    context = digest.compose(items, [], hits, datetime.combine(day, NOON, UTC))
    return compose(
        key=f"preview:{day}",
        to=to,
        template="due_notices",
        context={**context, "reason": reason, "deployment": deployment},
    )


def _items(watch: Watch, rows: "QuerySet[Any]", threshold: str) -> Iterable[Item]:
    """Certificates by vendor and authority, everything else by itself."""
    named = rows.order_by().annotate(m_name=watch.name, m_label=watch.label, m_by=watch.authority, m_ends=F(watch.ends))
    return _groups(named, threshold) if watch.kind is Kind.CERTIFICATE else _singles(watch, named, threshold)


def _singles(watch: Watch, rows: "QuerySet[Any]", threshold: str) -> Iterator[Item]:
    facts = rows.order_by("m_ends", "pk").values_list("pk", "m_name", "m_label", "a_vendor", "m_ends", "m_by")
    found = list(facts[: digest.LINES + 1])
    vendors = _names(Vendor, [vendor_id for _, _, _, vendor_id, *_ in found])
    for pk, name, label, vendor_id, ends, by in found:
        owner = vendors.get(vendor_id)
        yield Item(watch.kind, pk, name, label, vendor_id, owner, ends, threshold, None, authority_id=by)


def _groups(rows: "QuerySet[Any]", threshold: str) -> Iterator[Item]:
    groups = rows.values_list("a_vendor", "m_by").annotate(Count("pk"), ends=Min("m_ends"), first=Min("pk"))
    found = list(groups.order_by("ends")[: digest.LINES])
    vendors, authorities = _names(Vendor, [row[0] for row in found]), _names(Authority, [row[1] for row in found])
    samples = _samples(rows) if found else {}
    for vendor_id, by, count, ends, first in found:
        some = samples[vendor_id, by]
        yield Item(
            Kind.CERTIFICATE, first, some[0].eui, some[0].label, vendor_id, vendors.get(vendor_id), ends, threshold,
            None, authority_id=by, authority=authorities.get(by, ""), count=count, samples=tuple(some),
        )  # fmt: skip


def _samples(rows: "QuerySet[Any]") -> Mapping[tuple[int | None, int], list[Sample]]:
    order = [F("m_ends").asc(), F("pk").asc()]
    rank = Window(RowNumber(), partition_by=[F("a_vendor"), F("m_by")], order_by=order)
    found: dict[tuple[int | None, int], list[Sample]] = defaultdict(list)
    ranked = rows.annotate(rank=rank).filter(rank__lte=SAMPLES).order_by("rank")
    for vendor_id, by, name, label in ranked.values_list("a_vendor", "m_by", "m_name", "m_label"):
        found[vendor_id, by].append(Sample(name, label))
    return found


def _names(model: Any, pks: Iterable[int | None]) -> dict[int, str]:
    return dict(model.objects.filter(pk__in={pk for pk in pks if pk}).values_list("pk", "name"))


def _hits(authority_ids: Sequence[int], vendor: Vendor | None) -> dict[int, list[Hit]]:
    found: dict[int, list[Hit]] = defaultdict(list)
    for authority_id, vendor_id, name, total, late, unknown in reachability.of_all(authority_ids):
        if vendor is None or vendor.pk == vendor_id:
            found[authority_id].append(Hit(name, total, late, unknown, ()))
    return found
