"""The audit page: what was done, and whether the record of it is whole."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET, require_POST

from audit.filters import RecordFilter
from audit.models import Record, Seal
from audit.services import head, verify
from core import csv, keyset
from core.pages import page

# this package lies below `accounts`, whose `allowed` is the same test
reads_all = permission_required("read_all", raise_exception=True)
SORTS = {"when": "id"}
COLUMNS = ("at", "actor", "role", "action", "what", "subject_kind", "subject", "vendor_id", "details", "seal", "hash")


@require_GET
@login_required
@reads_all
def records(request: HttpRequest) -> HttpResponse:
    filters = RecordFilter(request.GET, Record.objects.select_related("seal"))
    found = keyset.paginate(filters.qs, request.GET, sorts=SORTS, default="-when")
    in_use = [name for name in filters.filters if request.GET.get(name)]
    context = {"filter": filters, "page": found, "in_use": in_use}
    return page(request, "audit/records.html", {**context, **_chain()}, fragment="audit/_records.html")


@require_GET
@login_required
@reads_all
def export(request: HttpRequest) -> HttpResponseBase:
    """The filter shown, whole, in the order shown."""
    filters = RecordFilter(request.GET, Record.objects.select_related("seal"))
    rows = keyset.sorted_as(filters.qs, request.GET, sorts=SORTS, default="-when")
    return csv.attachment("audit.csv", COLUMNS, _cells(rows.iterator(chunk_size=1000)))


@require_POST
@login_required
@reads_all
def check(request: HttpRequest) -> HttpResponse:
    """Verify the chain now, also against a head that the person noted earlier. Changes nothing."""
    noted = "".join(request.POST.get("head", "").split()).lower()[:64]
    context = {"verdict": verify(noted or None), "noted": noted}
    return page(request, "audit/verdict.html", {**context, **_chain()}, fragment="audit/_chain.html")


def _chain() -> dict[str, Any]:
    return {
        "head": head(),
        "last_seal": Seal.objects.order_by("-position").first(),
        "unsealed": Record.objects.unsealed().count(),
    }


def _cells(rows: Iterator[Record]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        seal = getattr(row, "seal", None)
        yield (
            row.at.isoformat(),
            row.actor_name,
            row.actor_kind,
            row.action,
            row.sentence,
            row.subject_kind,
            row.subject_name,
            row.vendor_id,
            row.details,
            seal.position if seal else "",
            seal.hash if seal else "",
        )
