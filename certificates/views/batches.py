"""Batches: handing in, watching, deciding, and taking what they made."""

from django.contrib import messages
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.models import User
from audit.models import Record
from certificates import tasks
from certificates.batch_forms import LIST, BatchForm, LockForm
from certificates.forms import DecisionForm
from certificates.models import Batch, Chunk, Line
from certificates.services import batch_archive, batches
from certificates.views.requests import POLL_DONE, poll_of, proposed_values
from core import clock, csv, keyset
from core.bell import ring
from core.forms import attempt
from core.pages import page
from gateways.filters import CHOOSING, selected
from gateways.models import GatewayQuerySet

COLUMNS = ("Line", "As handed in", "EUI", "Code", "Reason")
SHOWN = 20


@require_GET
@allowed("read")
def list_batches(request: SignedInRequest) -> HttpResponse:
    rows = Batch.objects.visible_to(request.user).listed()
    shown = keyset.paginate(rows, request.GET, sorts={"made": "id"}, default="-made")
    return page(request, "certificates/batches.html", {"page": shown})


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def new(request: SignedInRequest) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    form = BatchForm(
        posted, request.FILES or None, initial=_proposed(request), user=request.user, listed=_listed(request)
    )
    if form.is_valid():
        batch = attempt(form, lambda: _hand_in(request.user, form))
        if batch:
            _ring_for(batch)
            return redirect("certificates:batch", batch.pk)
    return page(request, "certificates/new_batch.html", {"form": form})


def _proposed(request: SignedInRequest) -> dict[str, object]:
    asked = {name: request.GET[name] for name in ("source", "vendor") if name in request.GET}
    return {**proposed_values(), **asked, "filter": _filter(request).urlencode()}


def _listed(request: SignedInRequest) -> GatewayQuerySet | None:
    """The gateways of the list that the person came from, if it was that: none where its filter chooses nothing any
    more, as an authority that is gone, and would be all of them."""
    if LIST not in (request.GET.get("source"), request.POST.get("source")):
        return None
    return selected(_filter(request), request=request)


def _filter(request: SignedInRequest) -> QueryDict:
    """What the list of gateways was filtered by: in the address at first, then in the form."""
    given = QueryDict(request.POST.get("filter", "")) if request.method == "POST" else request.GET
    kept = QueryDict(mutable=True)
    for name in CHOOSING:
        if values := [value for value in given.getlist(name) if value]:
            kept.setlist(name, values)
    return kept


def _hand_in(actor: User, form: BatchForm) -> Batch:
    key = form.cleaned_data["idempotency_key"]
    return batches.create_batch(actor, form.chosen_vendor(), form.entries(), form.wish(), idempotency_key=key)


@require_GET
@allowed("read")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    return _detail(request, _batch(request.user, pk))


@require_GET
@allowed("read")
def progress(request: SignedInRequest, pk: int) -> HttpResponse:
    """How far it is; when it is over, or waits for somebody, the page reloads itself once."""
    batch = _batch(request.user, pk)
    context = {"batch": batch, "poll": poll_of(request.GET.get("n", "")), **_progress(batch)}
    status = POLL_DONE if batch.is_settled else 200
    response = page(request, "certificates/_batch_progress.html", context, status=status)
    if batch.is_settled:
        response["HX-Refresh"] = "true"
    return response


@require_GET
@allowed("read")
def refused_lines(request: SignedInRequest, pk: int) -> StreamingHttpResponse:
    batch = _batch(request.user, pk)
    lines = Line.objects.filter(chunk__batch=batch).refused().order_by("number")
    rows = lines.values_list("number", "text", "eui", "code", "words").iterator(2000)
    return csv.attachment(f"batch-{batch.pk}-refused.csv", COLUMNS, rows)


@require_GET
@allowed("read")
def manifest(request: SignedInRequest, pk: int) -> StreamingHttpResponse:
    batch = _batch(request.user, pk)
    response = StreamingHttpResponse(batch_archive.manifest(batch), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="batch-{batch.pk}-manifest.csv"'
    return response


@require_POST
@allowed("operate")
@sensitive_post_parameters("password")
def decide(request: SignedInRequest, pk: int) -> HttpResponse:
    batch, form = _batch(request.user, pk), DecisionForm(request.POST)
    if not form.is_valid() or attempt(form, lambda: _decide(batch, request.user, form)) is None:
        return _detail(request, batch, form=form)
    _ring_for(batch)
    return redirect("certificates:batch", batch.pk)


def _decide(batch: Batch, actor: User, form: DecisionForm) -> Batch:
    data = form.cleaned_data
    if data["decision"] == "refuse":
        return batches.refuse_batch(batch, actor=actor, reason=data["reason"])
    return batches.approve_batch(
        batch, actor=actor, expected_sha256=data["sha256"], password=data["password"], reason=data["reason"]
    )


@require_POST
@allowed("hand_in")
def cancel(request: SignedInRequest, pk: int) -> HttpResponse:
    batch = batches.cancel_batch(_batch(request.user, pk), actor=request.user)
    messages.success(request, f"{batch} is cancelled. What was issued stays.")
    return redirect("certificates:batch", pk)


@require_POST
@allowed("operate")
def resume(request: SignedInRequest, pk: int) -> HttpResponse:
    batch = batches.resume_batch(_batch(request.user, pk), actor=request.user)
    _ring_for(batch)
    return redirect("certificates:batch", pk)


@require_POST
@allowed("hand_in")
@never_cache
@sensitive_post_parameters("pass_phrase")
def archive(request: SignedInRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """The tar of all kits; with `keys`, also what is sealed here, encrypted for whoever takes it."""
    batch, form = _batch(request.user, pk), LockForm(request.POST, auto_id="lock_%s")
    with_keys = bool(request.POST.get("keys"))
    lock = attempt(form, form.lock) if with_keys and form.is_valid() else None
    if with_keys and lock is None:
        return _detail(request, batch, lock_form=form)
    pieces = attempt(form, lambda: batch_archive.open_archive(batch, actor=request.user, lock=lock))
    if pieces is None:
        return _detail(request, batch, lock_form=form)
    response = StreamingHttpResponse(pieces, content_type="application/x-tar")
    response["Content-Disposition"] = f'attachment; filename="batch-{batch.pk}.tar"'
    return response


@require_POST
@allowed("hand_in")
def receipt(request: SignedInRequest, pk: int) -> HttpResponse:
    count = batch_archive.confirm_receipt(_batch(request.user, pk), actor=request.user)
    messages.success(request, f"{count:,} private keys are destroyed here.")
    return redirect("certificates:batch", pk)


def _batch(user: User, pk: int) -> Batch:
    return get_object_or_404(Batch.objects.visible_to(user).listed().select_related("decided_by"), pk=pk)


def _detail(
    request: SignedInRequest, batch: Batch, *, form: DecisionForm | None = None, lock_form: LockForm | None = None
) -> HttpResponse:
    refused = Line.objects.filter(chunk__batch=batch).refused().order_by("number")
    context = {
        "batch": batch,
        "form": form or DecisionForm(initial={"sha256": batch.lines_sha256}),
        "lock_form": lock_form or LockForm(auto_id="lock_%s"),
        "is_own": batch.requested_by_id == request.user.pk,
        "others": User.objects.active_operators().exclude(pk=batch.requested_by_id or 0),
        "may_act": request.user.is_operator or request.user.vendor_id == batch.vendor_id,
        "refused": refused[:SHOWN],
        "has_keys": batch_archive.has_sealed_keys(batch),
        "aside": batch.chunks.filter(state=Chunk.State.ASIDE),
        "may_resume": request.user.is_operator and _may_resume(batch),
        "poll": {"wait": 1, "next": 1},
        "records": Record.objects.about("batch", batch.pk)[:12],
        **_progress(batch),
    }
    return page(request, "certificates/batch.html", context)


def _may_resume(batch: Batch) -> bool:
    if batch.decided_at is None or batch.state == Batch.State.REFUSED:
        return False
    return batch.state == Batch.State.CANCELLED or batch.chunks.filter(state=Chunk.State.ASIDE).exists()


def _progress(batch: Batch) -> dict[str, object]:
    counts = batch.chunks.counts()
    to_do = counts["lines"] - counts["refused"]
    seconds = ((batch.ended_at or clock.now()) - batch.started_at).total_seconds() if batch.started_at else 0
    return {
        "counts": counts,
        "to_do": to_do,
        "percent": round(100 * counts["issued"] / to_do) if to_do else 0,
        "rate": round(counts["issued"] / seconds) if seconds > 1 else counts["issued"],
        "seconds": seconds,
        "checked": batch.chunks.exclude(state=Chunk.State.NEW).count(),
        "chunks": batch.chunks.count(),
    }


def _ring_for(batch: Batch) -> None:
    for pk in batches.work_left(batch):
        ring(tasks.work_on_chunk, pk)
