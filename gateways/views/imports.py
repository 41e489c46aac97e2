"""Imports: handing a file in, choosing its columns, looking at the report, and saying that it shall be written."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.models import User
from audit.models import Record
from core import clock, csv, keyset
from core.bell import ring
from core.forms import attempt
from core.pages import page
from gateways import tasks
from gateways.import_forms import ColumnsForm, UploadForm
from gateways.models import Import
from gateways.services import imports
from gateways.uploads import WorkStoreHandler

POLL_DONE = 286  # htmx stops polling
SLOWEST = 8  # seconds between two looks
SHOWN = 20


@csrf_exempt  # what is inside asks for the token, once the handler of the file is in its place
@require_http_methods(["GET", "POST"])
@allowed("read")
def list_imports(request: SignedInRequest) -> HttpResponseBase:
    """Whoever may not hand in is refused before a byte of the file is read."""
    if request.method != "POST":
        return _list(request)
    return hand_in(request)


@allowed("hand_in")
def hand_in(request: SignedInRequest) -> HttpResponse:
    handler = WorkStoreHandler(request)
    request.upload_handlers = [handler]
    try:
        return _hand_in(request)
    finally:
        handler.forget_unused()


@csrf_protect
def _hand_in(request: HttpRequest) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # `allowed` let them in
    form = UploadForm(request.POST, request.FILES, user=user)
    made = attempt(form, lambda: _begin(user, form)) if form.is_valid() else None
    if made is None:
        return _list(request, form)
    return redirect("gateways:import", made.pk)


def _begin(user: User, form: UploadForm) -> Import:
    key = form.cleaned_data["idempotency_key"]
    return imports.begin_import(user, form.chosen_vendor(), form.kept(), idempotency_key=key)


@csrf_protect  # gives the form its token
def _list(request: HttpRequest, form: UploadForm | None = None) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # `allowed` let them in
    asked = {"idempotency_key": uuid.uuid4().hex, "vendor": request.GET.get("vendor", "")}
    context = {
        "form": form or UploadForm(user=user, initial=asked),
        "most": imports.most_lines(),
        "page": keyset.paginate(
            Import.objects.visible_to(user).listed(), request.GET, sorts={"made": "id"}, default="-made"
        ),
    }
    return page(request, "gateways/imports.html", context, status=400 if form else 200)


@require_GET
@allowed("read")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    return _detail(request, _import(request.user, pk))


@require_POST
@allowed("hand_in")
def check(request: SignedInRequest, pk: int) -> HttpResponse:
    made = _import(request.user, pk)
    form = ColumnsForm(request.POST, look=imports.look_at(made), user=request.user)
    if not form.is_valid() or attempt(form, lambda: _check(made, request.user, form)) is None:
        return _detail(request, made, form=form)
    ring(tasks.work_on_import, pk)
    return redirect("gateways:import", pk)


def _check(made: Import, actor: User, form: ColumnsForm) -> Import:
    chosen = {name: form.cleaned_data[name] for name in ("reads_macs", "updates")}
    return imports.check_import(made, actor=actor, columns=form.columns(), **chosen)


@require_POST
@allowed("hand_in")
def choose_again(request: SignedInRequest, pk: int) -> HttpResponse:
    imports.choose_again(_import(request.user, pk), actor=request.user)
    return redirect("gateways:import", pk)


@require_POST
@allowed("hand_in")
def apply(request: SignedInRequest, pk: int) -> HttpResponse:
    imports.apply_import(_import(request.user, pk), actor=request.user)
    ring(tasks.work_on_import, pk)
    return redirect("gateways:import", pk)


@require_POST
@allowed("hand_in")
def cancel(request: SignedInRequest, pk: int) -> HttpResponse:
    made = imports.cancel_import(_import(request.user, pk), actor=request.user)
    messages.success(request, f"{made} is cancelled. Nothing of it was written, and its file is deleted.")
    return redirect("gateways:imports")


@require_GET
@allowed("read")
def progress(request: SignedInRequest, pk: int) -> HttpResponse:
    """How far it is; when it waits for somebody, or is over, the page reloads itself once."""
    made = _import(request.user, pk)
    status = 200 if made.is_working else POLL_DONE
    context = {"import": made, **_progress(made, request.GET.get("n", ""))}
    response = page(request, "gateways/_import_progress.html", context, status=status)
    if not made.is_working:
        response["HX-Refresh"] = "true"
    return response


@require_GET
@allowed("read")
def report(request: SignedInRequest, pk: int) -> StreamingHttpResponse:
    """The lines that are left out, or with `all` every line, as the file had them, with the reason behind."""
    made = _import(request.user, pk)
    rows = imports.report_rows(made, everything="all" in request.GET)
    head = [csv.harmless(name) for name in next(rows)]  # names that somebody else chose
    return csv.attachment(f"import-{made.pk}-report.csv", head, rows)


def _import(user: User, pk: int) -> Import:
    return get_object_or_404(Import.objects.visible_to(user).listed().select_related("file", "report"), pk=pk)


def _detail(request: SignedInRequest, made: Import, *, form: ColumnsForm | None = None) -> HttpResponse:
    context = {
        "import": made,
        "may_act": request.user.is_operator or request.user.vendor_id == made.vendor_id,
        "records": Record.objects.about("import", made.pk)[:12],
        **_columns(request, made, form),
        **_problems(made),
        **_progress(made, ""),
    }
    return page(request, "gateways/import.html", context, status=400 if form else 200)


def _columns(request: SignedInRequest, made: Import, form: ColumnsForm | None) -> dict[str, object]:
    if made.state != Import.State.UPLOADED or made.file is None:
        return {}
    look = imports.look_at(made)
    chosen = {**made.columns, "reads_macs": made.reads_macs, "updates": made.updates}
    return {"look": look, "form": form or ColumnsForm(look=look, user=request.user, initial=chosen)}


def _problems(made: Import) -> dict[str, object]:
    if made.is_working or made.report is None or not made.errors:
        return {}
    return {"problems": [said for said, _ in zip(imports.problems(made), range(SHOWN), strict=False)]}


def _progress(made: Import, count: str) -> dict[str, object]:
    seconds = ((made.ended_at or clock.now()) - made.started_at).total_seconds() if made.started_at else 0
    asked = int(count) if count.isascii() and count.isdecimal() and len(count) < 5 else 0
    return {
        "percent": min(round(100 * made.done / made.total), 100) if made.total else 0,
        "rate": round(made.done / seconds) if seconds > 1 else made.done,
        "seconds": seconds,
        "poll": {"wait": min(1 + asked // 5, SLOWEST), "next": asked + 1},
    }
