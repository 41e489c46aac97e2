"""The list of gateways, and its export."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, allowed
from core import clock, csv, keyset
from core.pages import page, with_address
from core.patience import TooSlow
from gateways.export_bulk import copied_rows
from gateways.filters import CHOOSING, DEFAULT_SORT, SORTS, filtered, proposals
from gateways.models import Dispute, Gateway, GatewayQuerySet, Standing, name_tags, standing_of

COLUMNS = ("EUI", "Name", "Model", "Vendor", "Authority", "Profile", "Ends", "State", "Last seen", "Tags")
LABELS = {state: state.label for state in Standing}  # a million times, the enum's own way takes a second
FIELDS = (
    "pk", "eui", "name", "model", "vendor__name", "current_authority__name", "current_profile", "current_not_after",
    "retired_at", "last_seen_at",
)  # fmt: skip


@require_GET
@allowed("read")
def list_gateways(request: SignedInRequest) -> HttpResponse:
    chosen, gateways = filtered(request.GET, request=request)
    disputes = Dispute.objects.open().count() if request.user.sees_all else 0
    parts = sum(1 for name in CHOOSING if name != "q" and request.GET.get(name))
    context: dict[str, Any] = {"filter": chosen, "chosen_parts": parts, "disputes": disputes}
    status = 200
    try:
        found = keyset.paginate(gateways.listed(), request.GET, sorts=SORTS, default=DEFAULT_SORT)
        name_tags(found.rows)
        context["page"] = found
    except TooSlow as slow:
        context["too_slow"], status = slow, slow.status
    answer = page(request, "gateways/list.html", context, fragment="gateways/_list.html", status=status)
    return with_address(answer, request)


@require_GET
@allowed("read")
def propose(request: SignedInRequest) -> HttpResponse:
    """What one may write into the filters of gateways and certificates: asked for when somebody opens them."""
    return page(request, "ui/_proposals.html", {"proposals": proposals(request.user)})


@require_GET
@allowed("read")
def export(request: SignedInRequest) -> StreamingHttpResponse:
    """Exactly the rows of the list, in its order."""
    _, gateways = filtered(request.GET, request=request)
    if connection.vendor == "postgresql":
        return csv.streamed("gateways.csv", _copied(gateways, request))
    return csv.attachment("gateways.csv", COLUMNS, csv.begun(_csv_rows(gateways, request)))


def _csv_rows(gateways: GatewayQuerySet, request: SignedInRequest) -> Iterator[tuple[object, ...]]:
    now = clock.now()
    for chunk in keyset.chunks(gateways, request.GET, columns=FIELDS, sorts=SORTS, default=DEFAULT_SORT):
        yield from _in_words(chunk, now)


def _copied(gateways: GatewayQuerySet, request: SignedInRequest) -> Iterator[str]:
    """The first rows as everywhere, at once or with a word why not; the others as PostgreSQL writes them."""
    now = clock.now()
    openings = keyset.openings(gateways, request.GET, columns=FIELDS, sorts=SORTS, default=DEFAULT_SORT)
    begun = [next(openings)]  # here, where a list that takes too long is still answered by a page
    heads = chain([COLUMNS], repeat(None))
    parts = zip(heads, chain(begun, openings), strict=False)
    return chain.from_iterable(_part(head, rows, rest, now) for head, (rows, rest) in parts)


def _part(
    head: Sequence[str] | None, rows: Sequence[tuple[Any, ...]], rest: "QuerySet[Gateway] | None", now: datetime
) -> Iterator[str]:
    yield from csv.lines(head, _in_words(rows, now))
    if rest is not None:
        yield from csv.relayed(copied_rows(rest, now))


def _in_words(rows: Sequence[tuple[Any, ...]], now: datetime) -> Iterator[tuple[object, ...]]:
    tags = _tags([row[0] for row in rows])
    for pk, eui, name, model, vendor, authority, profile, ends, retired, seen in rows:
        state = LABELS[standing_of(ends, retired, now)]
        yield eui, name, model, vendor, authority, profile, _text(ends), state, _text(seen), tags.get(pk, "")


def _tags(pks: list[int]) -> dict[int, str]:
    """The tags of these gateways in words, by their ids."""
    found: dict[int, str] = {}
    rows = Gateway.tags.through.objects.filter(gateway__any_of=pks).order_by("tag__name")
    for pk, name in rows.values_list("gateway_id", "tag__name"):
        found[pk] = f"{found[pk]}, {name}" if pk in found else name
    return found


def _text(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}" if instant else ""
