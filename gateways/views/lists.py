"""The list of gateways, and its export."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, allowed
from core import clock, csv, keyset
from core.pages import page, with_address
from core.patience import TooSlow
from gateways.export_bulk import copied_rows
from gateways.filters import CHOOSING, DEFAULT_SORT, SORTS, filtered, proposals
from gateways.models import Dispute, Standing, name_tags, standing_of, tags_of

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
    now = clock.now()
    _, gateways = filtered(request.GET, request=request)
    parts = keyset.exported(gateways, request.GET, columns=FIELDS, sorts=SORTS, default=DEFAULT_SORT)
    texts = csv.of_list(COLUMNS, parts, in_words=partial(_in_words, now=now), copied=partial(copied_rows, now=now))
    return csv.streamed("gateways.csv", texts)


def _in_words(rows: Sequence[tuple[Any, ...]], now: datetime) -> Iterator[tuple[object, ...]]:
    tags = tags_of([row[0] for row in rows])
    for pk, eui, name, model, vendor, authority, profile, ends, retired, seen in rows:
        state = LABELS[standing_of(ends, retired, now)]
        yield eui, name, model, vendor, authority, profile, csv.iso(ends), state, csv.iso(seen), ", ".join(tags[pk])
